"""Enumeration and exact uniform sampling of a search space, one graph for each isomorphism class."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.graphs import DagBatch
from nag.spaces.constraints import satisfies_all
from nag.spaces.space import SearchSpace

__all__ = ["can_sample_uniform", "enumerate_space", "is_enumerable", "sample_uniform"]

_MAX_NODES = 9
_MAX_WIRINGS = 1 << 22
_MAX_GRAPHS = 4_000_000
_CHUNK = 1 << 18
_BLOCK = 1 << 10
_FIRST_TRIES, _MOST_TRIES = 40, 2000  # batches of draws, before effort is judged, and in all


@lru_cache(maxsize=8)
def is_enumerable(space: SearchSpace) -> bool:
    """Whether `enumerate_space` is feasible (the number of raw graphs and of distinct wirings stays in the millions).

    Example:
        >>> from nag.spaces import is_enumerable, layered_space, load_space
        >>> is_enumerable(load_space("nasbench201")), is_enumerable(layered_space(50, 5))
        (True, False)
    """
    try:
        enumerate_space(space)
    except InvalidRequest:
        return False
    return True


def can_sample_uniform(space: SearchSpace) -> bool:
    """Whether `sample_uniform` is feasible.

    Example:
        >>> from nag.spaces import can_sample_uniform, layered_space, load_space
        >>> can_sample_uniform(load_space("nasbench201")), can_sample_uniform(layered_space(100, 5))
        (True, False)
    """
    return space.max_nodes <= _MAX_NODES or is_enumerable(space)


@lru_cache(maxsize=4)
def enumerate_space(space: SearchSpace) -> DagBatch:
    """Every architecture of the space once, up to isomorphism, in a fixed order; computed once in a process.

    Raises:
        InvalidRequest: The space is too large to enumerate.

    Example:
        >>> from nag.spaces import enumerate_space, load_space
        >>> len(enumerate_space(load_space("nas_bench_graph")))
        26206
    """
    sizes = range(space.min_nodes, space.max_nodes + 1)
    parts = [_enumerate_size(space, n) for n in reversed(sizes)]  # the largest first: a space that is too large says so at once
    return DagBatch.cat([part.pad(space.max_nodes) for part in reversed(parts)])


def _enumerate_size(space: SearchSpace, n: int) -> DagBatch:
    """All architectures of n nodes: first the distinct wirings, then every assignment of operations to each."""
    nodes = space.masks.nodes[n, :n]
    per_wiring = math.prod(nodes.sum(1).tolist())
    too_large = InvalidRequest(f"search space {space.name} is too large to enumerate", "Sample from it instead.")
    if per_wiring > _MAX_GRAPHS:
        raise too_large
    wirings = _wirings(space, n)
    if per_wiring * len(wirings) > _MAX_GRAPHS:
        raise too_large
    choices = [row.nonzero().squeeze(1) for row in nodes]
    ops = torch.cartesian_prod(*choices).view(-1, n)
    orbits = _interchangeable(space, n) and not _shared_ends(nodes)
    found: list[DagBatch] = []
    step = max(1, _CHUNK // per_wiring)
    seen: set[str] = set()
    for start in range(0, len(wirings), step):
        block = wirings[start : start + step]
        first = torch.stack([_first_of_orbits(ops, wiring) for wiring in block]).flatten() if orbits else slice(None)
        dags = DagBatch(
            ops.repeat(len(block), 1)[first],
            block.repeat_interleave(per_wiring, 0)[first],
            torch.ones(len(block) * per_wiring, n, dtype=torch.bool)[first],
        )
        dags = dags[satisfies_all(dags, space.semantics, space.constraints)]
        found.append(dags if orbits else _unseen(space, dags, seen))
    return DagBatch.cat(found).pad(space.max_nodes) if found else _empty(space.max_nodes)


def _interchangeable(space: SearchSpace, n: int) -> bool:
    """Whether all inner positions of graphs of n nodes allow the same operations."""
    inner = space.masks.nodes[n, 1 : n - 1]
    return bool((inner == inner[:1]).all()) if len(inner) else True


def _shared_ends(nodes: Tensor) -> bool:
    """Whether an operation of an inner node may stand at an end, so that an isomorphism may move the ends."""
    return bool((nodes[1:-1].any(0) & (nodes[0] | nodes[-1])).any()) or bool((nodes[0] & nodes[-1]).any())


def _first_of_orbits(ops: Tensor, wiring: Tensor) -> Tensor:
    """Which assignments of operations are the first of those that an automorphism of the wiring maps onto each other.

    Args:
        ops: (A, N) int64, all assignments in lexicographic order, equal sets at all inner positions.
        wiring: (N, N) adjacency, whose first and last node are fixed.

    Returns:
        (A,) bool, one assignment of each isomorphism class.
    """
    size = ops.shape[1]
    orders = _inner_orders(size)
    moved = wiring[orders.unsqueeze(2), orders.unsqueeze(1)]
    automorphisms = orders[(moved == wiring).flatten(1).all(1)][1:]  # the identity comes first
    weights = (int(ops.max()) + 1) ** torch.arange(size - 1, -1, -1)
    code = (ops * weights).sum(1)
    first = torch.ones(len(ops), dtype=torch.bool)
    for order in automorphisms:
        first &= code <= (ops[:, order] * weights).sum(1)
    return first


@lru_cache(maxsize=16)
def _inner_orders(size: int) -> Tensor:
    """All orders of `size` nodes that keep the first and the last one, the identity first: (P, size) int64."""
    rows = list(permutations(range(1, size - 1)))
    inner = torch.tensor(rows, dtype=torch.int64).view(len(rows), max(size - 2, 0))
    ends = torch.zeros(len(inner), 1, dtype=torch.int64)
    return torch.cat([ends, inner, ends + size - 1], 1)[:, -size:]


def _unseen(space: SearchSpace, dags: DagBatch, seen: set[str]) -> DagBatch:
    """The first graph of each isomorphism class that is not in `seen`, which grows by them."""
    fresh = []
    for i, digest in enumerate(space.hashes(dags)):
        if digest not in seen:
            seen.add(digest)
            fresh.append(i)
    return dags[torch.tensor(fresh, dtype=torch.int64)]


def _empty(size: int) -> DagBatch:
    zeros = torch.zeros(0, size, dtype=torch.int64)
    return DagBatch(zeros, torch.zeros(0, size, size, dtype=torch.int64), zeros.bool())


def _wirings(space: SearchSpace, n: int) -> Tensor:
    """Adjacency matrices (W, n, n) of n nodes that keep the masks and the constraints on wiring alone.

    Where all inner positions allow the same operations, isomorphic wirings appear once.
    """
    edges = space.masks.edges[:n, :n]
    free = edges.all(-1).nonzero()
    fixed = (edges[..., 1] & ~edges[..., 0]).long()
    if len(free) > 22 or 2 ** len(free) > _MAX_WIRINGS:
        raise InvalidRequest(f"search space {space.name} is too large to enumerate", "Sample from it instead.")
    interchangeable = _interchangeable(space, n)
    first_op = space.masks.nodes[n, :n].float().argmax(-1)
    rules = tuple(rule for rule in space.constraints if rule.about_wiring_only)
    kept: list[Tensor] = []
    seen: set[str] = set()
    for start in range(0, 2 ** len(free), _CHUNK):
        codes = torch.arange(start, min(start + _CHUNK, 2 ** len(free)))
        adjacency = fixed.expand(len(codes), n, n).clone()
        for bit, (u, v) in enumerate(free.tolist()):
            adjacency[:, u, v] = (codes >> bit) & 1
        mask = torch.ones(len(codes), n, dtype=torch.bool)
        dags = DagBatch(first_op.expand(len(codes), n), adjacency, mask)
        dags = dags[satisfies_all(dags, space.semantics, rules)]
        kept.append((_unseen(space, dags, seen) if interchangeable else dags).adjacency)
    return torch.cat(kept)


def sample_uniform(space: SearchSpace, count: int, seed: int) -> DagBatch:
    """Independent uniform draws from the isomorphism classes of the space.

    Draws from the enumeration where there is one; otherwise labelled graphs are drawn uniformly, and a valid one is
    kept with probability 1 / (number of labelled graphs in its class), which makes the classes equally likely.

    Args:
        space: The search space.
        count: Number of draws.
        seed: Seed of the draws.

    Raises:
        InvalidRequest: The space is too large, or so few of its graphs are valid that the draws would not end soon.

    Example:
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 5, seed=0)
        >>> bool(space.is_valid(dags).all())
        True
    """
    rng = np.random.default_rng(seed)
    if is_enumerable(space):
        every = enumerate_space(space)
        return every[torch.from_numpy(rng.integers(len(every), size=count))]
    if space.max_nodes > _MAX_NODES:
        raise InvalidRequest(f"uniform sampling of {space.name} is not feasible", "It is neither enumerable nor small.")
    found: list[DagBatch] = []
    total, tries = 0, 0
    while total < count:
        dags = _propose(space, 1 << 16, rng)
        dags = dags[space.is_valid(dags)]
        noise = torch.from_numpy(rng.random(len(dags)))
        for start in range(0, len(dags), _BLOCK):  # class sizes are costly: no more of them than needed
            block = dags[start : start + _BLOCK]
            found.append(block[noise[start : start + _BLOCK] * _class_sizes(space, block) < 1])
            total += len(found[-1])
            if total >= count:
                break
        tries += 1
        if tries >= _FIRST_TRIES and total * _MOST_TRIES < count * tries:
            raise InvalidRequest(
                f"{total} valid architectures of {space.name} found in {tries << 16} draws, of {count}",
                "Loosen its constraints.",
            )
    return DagBatch.cat(found)[:count]


def _propose(space: SearchSpace, count: int, rng: np.random.Generator) -> DagBatch:
    """Labelled graphs that keep the masks, uniformly over all of them."""
    sizes = np.arange(space.min_nodes, space.max_nodes + 1)
    exists = torch.arange(space.max_nodes) < torch.from_numpy(sizes)[:, None]
    options = space.masks.nodes[sizes].sum(-1).double().log().sum(1)
    log_weight = (options + space.masks.edges_of(exists).sum(-1).double().log().sum((1, 2))).numpy()
    weight = np.exp(log_weight - log_weight.max())
    n = torch.from_numpy(rng.choice(sizes, size=count, p=weight / weight.sum()))

    def pick(allowed: Tensor) -> Tensor:
        noise = torch.from_numpy(rng.random(allowed.shape, dtype=np.float32))
        return (noise * allowed + allowed).argmax(-1)

    mask = torch.arange(space.max_nodes) < n[:, None]
    return DagBatch(pick(space.masks.nodes[n]) * mask, pick(space.masks.edges_of(mask)), mask)


def _class_sizes(space: SearchSpace, dags: DagBatch) -> Tensor:
    """Number of labelled graphs isomorphic to each graph that keep topological order and masks: (B,) int64.

    Every such graph comes about from as many permutations of the inner nodes as the graph has automorphisms.
    """
    result = torch.zeros(len(dags), dtype=torch.int64)
    for n in dags.num_nodes.unique().tolist():
        kept_ends = _inner_orders(n)
        rest = torch.arange(n, space.max_nodes).expand(len(kept_ends), -1)
        order = torch.cat([kept_ends, rest], 1)
        for rows in (dags.num_nodes == n).nonzero().squeeze(1).split(max(1, (1 << 15) // len(order))):
            originals = dags[rows.repeat_interleave(len(order))]
            copies = originals.take_nodes(order.repeat(len(rows), 1))
            kept = (copies.adjacency.tril() == 0).all(2).all(1) & space.is_valid(copies)
            same = (copies.ops == originals.ops).all(1) & (copies.adjacency == originals.adjacency).all(2).all(1)
            result[rows] = kept.view(len(rows), -1).sum(1) // same.view(len(rows), -1).sum(1)
    return result
