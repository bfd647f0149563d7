"""Neighbours of an architecture: all architectures one edit away, listed or drawn at random.

An edit changes one operation; where edges are free it may also add, remove or move one edge, and where sizes differ, add or
remove a node with one input and one output. Where the space derives the output's edges from the rest, they follow the edit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from itertools import compress
from typing import TYPE_CHECKING

import torch

from nag.core.errors import InvalidArchitecture
from nag.core.randomness import python_random
from nag.graphs import Architecture
from nag.spaces.constraints import Edge

if TYPE_CHECKING:
    from nag.spaces.space import SearchSpace

__all__ = ["neighbours", "num_edits", "random_neighbours"]

_BLOCK = 8
_ROUNDS = 16


def neighbours(space: SearchSpace, arch: Architecture) -> list[Architecture]:
    """All valid architectures one edit away, up to isomorphism; being neighbours is mutual."""
    candidates = _other_operations(space, arch)
    if space.wiring is None:
        candidates += _rewirings(space, arch) + _shorter(space, arch) + _longer(space, arch)
    if not candidates:
        return []
    dags = space.to_dags(candidates)
    seen, found = {space.hashes(space.to_dags([arch]))[0]}, []
    for candidate, digest, good in zip(candidates, space.hashes(dags), space.is_valid(dags).tolist(), strict=True):
        if good and digest not in seen:
            seen.add(digest)
            found.append(candidate)
    return found


def num_edits(space: SearchSpace, arch: Architecture) -> int:
    """Upper bound of the number of edits that `neighbours` tries."""
    size = arch.num_nodes
    edits = int((space.masks.nodes[size, :size].sum(1) - 1).clamp(min=0).sum())
    if space.wiring is not None:
        return edits
    present, pairs = len(arch.edges), size * (size - 1)
    longer = size * size * len(space.vocabulary) // 2 if size < space.max_nodes else 0
    return edits + (present + 1) * pairs + longer + size


def random_neighbours(space: SearchSpace, arch: Architecture, count: int, rng: torch.Generator) -> list[Architecture]:
    """Random valid architectures one edit away, without listing all.

    The kind of edit (an operation; an edge added, removed or moved; a node added or removed) is drawn first, each kind that
    the architecture can undergo alike, then the edit. What is no valid architecture is drawn again.

    Args:
        space: Search space.
        arch: Where to start, a valid architecture.
        count: How many, with replacement.
        rng: All randomness.

    Returns:
        `count` architectures, fewer where valid edits are rare or there are none.
    """
    source = python_random(rng)
    kinds = _kinds(space, arch)
    found: list[Architecture] = []
    for _ in range(_ROUNDS if kinds else 0):
        tried = [edited for _ in range(max(_BLOCK, count)) if (edited := source.choice(kinds)(space, arch, source))]
        if tried:
            found += compress(tried, space.is_valid(space.to_dags(tried)).tolist())
        if len(found) >= count:
            break
    return found[:count]


# -- edits ------------------------------------------------------------------------------------------------------------


def _options(space: SearchSpace, size: int, position: int) -> list[str]:
    """Operations that a position of a graph of so many nodes may have."""
    return list(compress(space.vocabulary, space.masks.nodes[size, position].tolist()))


def _with_operation(arch: Architecture, position: int, op: str) -> Architecture:
    return Architecture((*arch.ops[:position], op, *arch.ops[position + 1 :]), arch.edges)


def _with_edges(space: SearchSpace, arch: Architecture, edges: Collection[Edge]) -> Architecture | None:
    """The architecture with other edges; None where they are the same or make a cycle."""
    edges = frozenset(edges)
    for constraint in space.constraints:
        edges = constraint.repair(edges, arch.num_nodes)
    if edges == set(arch.edges):
        return None
    try:
        return Architecture.from_unordered(dict(enumerate(arch.ops)), sorted(edges))
    except InvalidArchitecture:  # a cycle
        return None


def _without_node(arch: Architecture, node: int) -> Architecture:
    edges = [(u - (u > node), v - (v > node)) for u, v in arch.edges if node not in (u, v)]
    return Architecture((*arch.ops[:node], *arch.ops[node + 1 :]), tuple(edges))


def _with_node(arch: Architecture, op: str, reads: int, feeds: int) -> Architecture:
    """With a node after the one that it reads; `feeds` counts the new node."""
    moved = [(a + (a > reads), b + (b > reads)) for a, b in arch.edges]
    ops = (*arch.ops[: reads + 1], op, *arch.ops[reads + 1 :])
    return Architecture(ops, (*moved, (reads, reads + 1), (reads + 1, feeds)))


def _removable(arch: Architecture) -> list[int]:
    """Inner nodes with one input and one output."""
    into, out = [0] * arch.num_nodes, [0] * arch.num_nodes
    for u, v in arch.edges:
        out[u] += 1
        into[v] += 1
    return [v for v in range(1, arch.num_nodes - 1) if into[v] == out[v] == 1]


# -- all edits of a kind ----------------------------------------------------------------------------------------------


def _other_operations(space: SearchSpace, arch: Architecture) -> list[Architecture]:
    return [
        _with_operation(arch, position, other)
        for position, op in enumerate(arch.ops)
        for other in _options(space, arch.num_nodes, position)
        if other != op
    ]


def _rewirings(space: SearchSpace, arch: Architecture) -> list[Architecture]:
    """One edge added, removed or moved, in either direction that makes no cycle."""
    present, nodes = set(arch.edges), range(arch.num_nodes)
    absent = [(u, v) for u in nodes for v in nodes if u != v and (u, v) not in present]
    edits = [present | {new} for new in absent] + [present - {old} for old in present]
    edits += [present - {old} | {new} for old in present for new in absent]
    unique = sorted({tuple(sorted(edges)) for edges in edits})
    return [edited for edges in unique if (edited := _with_edges(space, arch, edges)) is not None]


def _shorter(space: SearchSpace, arch: Architecture) -> list[Architecture]:
    return [_without_node(arch, node) for node in _removable(arch)] if arch.num_nodes > space.min_nodes else []


def _longer(space: SearchSpace, arch: Architecture) -> list[Architecture]:
    return [
        _with_node(arch, op, reads, feeds)
        for reads in range(arch.num_nodes - 1 if arch.num_nodes < space.max_nodes else 0)
        for feeds in range(reads + 2, arch.num_nodes + 1)
        for op in _options(space, arch.num_nodes + 1, reads + 1)
    ]


# -- one random edit of a kind ----------------------------------------------------------------------------------------

_Edit = Callable[["SearchSpace", Architecture, random.Random], Architecture | None]


def _kinds(space: SearchSpace, arch: Architecture) -> list[_Edit]:
    """The kinds of edits that an architecture can undergo."""
    kinds: list[_Edit] = []
    if any(len(_options(space, arch.num_nodes, v)) > 1 for v in range(arch.num_nodes)):
        kinds.append(_draw_operation)
    if space.wiring is not None:
        return kinds
    kinds += [_draw_added_edge, _draw_moved_edge, _draw_removed_edge]
    if arch.num_nodes < space.max_nodes:
        kinds.append(_draw_longer)
    if arch.num_nodes > space.min_nodes and _removable(arch):
        kinds.append(_draw_shorter)
    return kinds


def _draw_operation(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    position = source.randrange(arch.num_nodes)
    others = [op for op in _options(space, arch.num_nodes, position) if op != arch.ops[position]]
    return _with_operation(arch, position, source.choice(others)) if others else None


def _draw_absent(arch: Architecture, source: random.Random) -> Edge | None:
    """A pair of nodes, in either order, that is no edge."""
    u, v = source.sample(range(arch.num_nodes), 2) if arch.num_nodes > 1 else (0, 0)
    return None if (u, v) in set(arch.edges) or u == v else (u, v)


def _draw_added_edge(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    new = _draw_absent(arch, source)
    return _with_edges(space, arch, {*arch.edges, new}) if new else None


def _draw_removed_edge(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    return _with_edges(space, arch, set(arch.edges) - {source.choice(arch.edges)}) if arch.edges else None


def _draw_moved_edge(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    new = _draw_absent(arch, source)
    return _with_edges(space, arch, {*arch.edges, new} - {source.choice(arch.edges)}) if new and arch.edges else None


def _draw_shorter(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    return _without_node(arch, source.choice(_removable(arch)))


def _draw_longer(space: SearchSpace, arch: Architecture, source: random.Random) -> Architecture | None:
    reads = source.randrange(arch.num_nodes - 1)
    feeds = source.randrange(reads + 2, arch.num_nodes + 1)
    op = source.choice(_options(space, arch.num_nodes + 1, reads + 1))
    return _with_node(arch, op, reads, feeds)
