"""One random edit of an architecture, where listing all its neighbours would take too long."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import compress

import torch

from nag.core.errors import InvalidArchitecture
from nag.graphs import Architecture
from nag.search.draws import python_random
from nag.spaces import SearchSpace
from nag.spaces.constraints import OutputFromLeaves

__all__ = ["random_neighbours"]

_BLOCK = 8
_ROUNDS = 16


def random_neighbours(space: SearchSpace, architecture: Architecture, count: int, rng: torch.Generator) -> list[Architecture]:
    """Random valid architectures one edit away, as `SearchSpace.neighbours` defines it, without listing all.

    The kind of edit (an operation; an edge added, removed or moved; a node added or removed) is drawn first, each kind that
    the architecture can undergo alike, then the edit. What is no valid architecture is drawn again.

    Args:
        space: Search space.
        architecture: Where to start, a valid architecture.
        count: How many, with replacement.
        rng: All randomness.

    Returns:
        `count` architectures, fewer where valid edits are rare or there are none.
    """
    source = python_random(rng)
    kinds = _kinds(space, architecture)
    found: list[Architecture] = []
    for _ in range(_ROUNDS if kinds else 0):
        tried = [edited for _ in range(max(_BLOCK, count)) if (edited := source.choice(kinds)(space, architecture, source))]
        if tried:
            found += compress(tried, space.is_valid(space.to_dags(tried)).tolist())
        if len(found) >= count:
            break
    return found[:count]


_Edit = Callable[[SearchSpace, Architecture, random.Random], Architecture | None]


def _kinds(space: SearchSpace, arch: Architecture) -> list[_Edit]:
    kinds: list[_Edit] = []
    if any(len(_options(space, arch.num_nodes, v)) > 1 for v in range(arch.num_nodes)):
        kinds.append(_other_operation)
    if space.wiring is not None:
        return kinds
    kinds += [_more_edges, _move_edge, _fewer_edges]
    if arch.num_nodes < space.max_nodes:
        kinds.append(_longer)
    if arch.num_nodes > space.min_nodes and _removable(arch):
        kinds.append(_shorter)
    return kinds


def _options(space: SearchSpace, size: int, position: int) -> list[str]:
    row = space.masks.nodes[size, position].tolist()
    return list(compress(space.vocabulary, row))


def _other_operation(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    position = source.randrange(arch.num_nodes)
    others = [op for op in _options(space, arch.num_nodes, position) if op != arch.ops[position]]
    if not others:
        return None
    return Architecture((*arch.ops[:position], source.choice(others), *arch.ops[position + 1 :]), arch.edges)


def _absent(arch: Architecture, source: random.Random) -> tuple[int, int] | None:
    """A pair of nodes, in either order, that is no edge."""
    u, v = source.sample(range(arch.num_nodes), 2) if arch.num_nodes > 1 else (0, 0)
    return None if (u, v) in set(arch.edges) or u == v else (u, v)


def _more_edges(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    new = _absent(arch, source)
    return _rewired(space, arch, {*arch.edges, new}) if new else None


def _fewer_edges(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    return _rewired(space, arch, set(arch.edges) - {source.choice(arch.edges)}) if arch.edges else None


def _move_edge(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    new = _absent(arch, source)
    return _rewired(space, arch, {*arch.edges, new} - {source.choice(arch.edges)}) if new and arch.edges else None


def _rewired(space: SearchSpace, arch: Architecture, edges: set[tuple[int, int]]) -> Architecture | None:
    last = arch.num_nodes - 1
    if space.constraint(OutputFromLeaves):
        inner = {(u, v) for u, v in edges if v != last}
        read = {u for u, _ in inner}
        edges = inner | {(u, last) for u in range(1, last) if u not in read}
    if edges == set(arch.edges):
        return None
    try:
        return Architecture.from_unordered(dict(enumerate(arch.ops)), sorted(edges))
    except InvalidArchitecture:  # a cycle
        return None


def _removable(arch: Architecture) -> list[int]:
    """Inner nodes with one input and one output."""
    into = [0] * arch.num_nodes
    out = [0] * arch.num_nodes
    for u, v in arch.edges:
        out[u] += 1
        into[v] += 1
    return [v for v in range(1, arch.num_nodes - 1) if into[v] == out[v] == 1]


def _shorter(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    node = source.choice(_removable(arch))
    edges = [(u - (u > node), v - (v > node)) for u, v in arch.edges if node not in (u, v)]
    return Architecture((*arch.ops[:node], *arch.ops[node + 1 :]), tuple(edges))


def _longer(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    u = source.randrange(arch.num_nodes - 1)
    v = source.randrange(u + 2, arch.num_nodes + 1)
    op = source.choice(_options(space, arch.num_nodes + 1, u + 1))
    moved = [(a + (a > u), b + (b > u)) for a, b in arch.edges]
    return Architecture((*arch.ops[: u + 1], op, *arch.ops[u + 1 :]), (*moved, (u, u + 1), (u + 1, v)))
