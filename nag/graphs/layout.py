"""Layered layout of an architecture (Sugiyama et al. 1981): where its boxes stand and its edges run.

Data flow downward. A node stands in the layer of its longest path from a source; an edge that skips layers gets a
passage, a slot of its own, in each of them, so that no edge runs through a box.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nag.graphs.architecture import Architecture
from nag.graphs.convert import to_networkx

__all__ = ["BOX_HEIGHT", "Layout", "Slot", "lay_out"]

BOX_HEIGHT = 20.0
"""Height of a node's box, in points."""

_LAYER_HEIGHT, _APART, _PASSAGE_WIDTH = 52.0, 12.0, 4.0  # points

# Limits of effort, which architectures of ordinary size do not reach.
_MOST_PASSAGES = 1500
_MOST_LINKS = 20_000  # between slots; above, layers keep the order of their nodes
_MOST_VISITS = 1_000_000  # of links, while places are found
_MOST_COMPARISONS = 20_000  # of links, while one layer is sorted

Slot = tuple[int, ...]
"""A node `(v,)`, or the passage `(u, v, layer)` of the edge u->v through a layer."""

Neighbours = dict[Slot, list[Slot]]


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in points, y growing downward.

    Args:
        centre: Middle of each node's box and of each passage.
        routes: Slots that each edge visits, in the order of the architecture's edges.
    """

    centre: Mapping[Slot, tuple[float, float]]
    routes: Sequence[Sequence[Slot]]


def lay_out(arch: Architecture, widths: Sequence[float]) -> Layout:
    """Places the boxes and passages of a drawing.

    Args:
        arch: An architecture of N nodes.
        widths: Width of each of the N boxes.
    """
    import networkx as nx

    nodes = [sorted(layer) for layer in nx.topological_generations(to_networkx(arch))]
    routes = _routes(arch, {v: depth for depth, layer in enumerate(nodes) for v in layer})
    layers: list[list[Slot]] = [[(v,) for v in layer] for layer in nodes]
    for route in routes:
        for passage in route[1:-1]:
            layers[passage[2]].append(passage)
    before, after = _links(layers, routes)
    if sum(map(len, after.values())) <= _MOST_LINKS:
        layers = _fewest_crossings(layers, before, after)
    size = {slot: widths[slot[0]] if len(slot) == 1 else _PASSAGE_WIDTH for layer in layers for slot in layer}
    x = _places(layers, before, after, size)
    margin = min((x[slot] - size[slot] / 2 for slot in x), default=0.0)
    centre = {
        slot: (x[slot] - margin, depth * _LAYER_HEIGHT + BOX_HEIGHT / 2) for depth, layer in enumerate(layers) for slot in layer
    }
    return Layout(centre, routes)


def _routes(arch: Architecture, level: Mapping[int, int]) -> list[list[Slot]]:
    """Slots that each edge visits; the shortest edges get their passages first, beyond a limit the long ones run straight."""
    left, bent = _MOST_PASSAGES, set()
    for u, v in sorted(arch.edges, key=lambda edge: level[edge[1]] - level[edge[0]]):
        left -= level[v] - level[u] - 1
        if left >= 0:
            bent.add((u, v))
    return [[(u,), *((u, v, depth) for depth in range(level[u] + 1, level[v]) if (u, v) in bent), (v,)] for u, v in arch.edges]


def _links(layers: Sequence[Sequence[Slot]], routes: Sequence[Sequence[Slot]]) -> tuple[Neighbours, Neighbours]:
    """The slots that stand before and after each slot on some route."""
    before: Neighbours = {slot: [] for layer in layers for slot in layer}
    after: Neighbours = {slot: [] for layer in layers for slot in layer}
    for route in routes:
        for a, b in itertools.pairwise(route):
            after[a].append(b)
            before[b].append(a)
    return before, after


def _places(
    layers: Sequence[Sequence[Slot]], before: Neighbours, after: Neighbours, size: Mapping[Slot, float]
) -> dict[Slot, float]:
    """Horizontal place of each slot: near the mean of its neighbours, in sweeps down and up."""
    x = dict.fromkeys(size, 0.0)
    links = sum(map(len, after.values()))
    for sweep in range(min(60, 2 + _MOST_VISITS // (links + 1))):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            wanted = [_pulled(slot, before[slot] + after[slot], x) for slot in layer]
            x.update(zip(layer, _keep_apart(wanted, [size[slot] for slot in layer]), strict=True))
    return x


def _pulled(slot: Slot, neighbours: Sequence[Slot], x: Mapping[Slot, float]) -> float:
    """Weighted mean of the neighbours' places; passages pull harder than nodes, so that long edges run straight."""
    pull = [(x[other], 1.0 if len(other) == 1 else 6.0) for other in neighbours]
    return sum(at * force for at, force in pull) / sum(force for _, force in pull) if pull else x[slot]


def _fewest_crossings(
    layers: list[list[Slot]], before: Mapping[Slot, list[Slot]], after: Mapping[Slot, list[Slot]]
) -> list[list[Slot]]:
    """Orders each layer by the barycentre of its neighbours, sweeping down and up; the best of all sweeps."""
    best, fewest = layers, _crossings(layers, after)
    for sweep in range(12):
        neighbours = before if sweep % 2 == 0 else after
        rank = {slot: float(i) for layer in layers for i, slot in enumerate(layer)}

        def barycentre(slot: Slot, near: Mapping[Slot, list[Slot]] = neighbours, rank: dict[Slot, float] = rank) -> float:
            return sum(rank[other] for other in near[slot]) / len(near[slot]) if near[slot] else rank[slot]

        fresh: list[list[Slot]] = []
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            fresh.append(_swap_neighbours(sorted(layer, key=barycentre), neighbours, rank))
            rank.update((slot, float(i)) for i, slot in enumerate(fresh[-1]))
        layers = fresh if sweep % 2 == 0 else fresh[::-1]
        crossings = _crossings(layers, after)
        if crossings < fewest:
            best, fewest = layers, crossings
    return best


def _swap_neighbours(layer: list[Slot], near: Mapping[Slot, list[Slot]], rank: Mapping[Slot, float]) -> list[Slot]:
    """Swaps adjacent slots as long as that removes crossings with the layer that `near` leads to."""

    def excess(a: Slot, b: Slot) -> int:
        pairs = [(rank[p], rank[q]) for p in near[a] for q in near[b]]
        return sum((p > q) - (p < q) for p, q in pairs)

    comparisons = sum(len(near[a]) * len(near[b]) for a, b in itertools.pairwise(layer))
    for _ in range(min(len(layer), _MOST_COMPARISONS // (comparisons + 1))):
        swapped = False
        for i in range(len(layer) - 1):
            if excess(layer[i], layer[i + 1]) > 0:
                layer[i], layer[i + 1] = layer[i + 1], layer[i]
                swapped = True
        if not swapped:
            break
    return layer


def _crossings(layers: list[list[Slot]], after: Mapping[Slot, list[Slot]]) -> int:
    rank = {slot: i for layer in layers for i, slot in enumerate(layer)}
    crossings = 0
    for layer in layers:
        passed: list[float] = []  # ends of the links whose starts stand further left, ascending
        for end in (end for slot in layer for end in sorted(rank[other] for other in after[slot])):
            place = bisect_right(passed, end)
            crossings += len(passed) - place
            passed.insert(place, end)
    return crossings


def _keep_apart(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones (least squares) that keep order and distance: isotonic regression."""
    offset = 0.0
    offsets = []
    blocks: list[tuple[float, int]] = []  # mean and length of runs pushed against each other
    for i, place in enumerate(wanted):
        offset += (sizes[i - 1] + sizes[i]) / 2 + _APART if i else 0.0
        offsets.append(offset)
        mean, length = place - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean, length = (mean * length + other * count) / (length + count), length + count
        blocks.append((mean, length))
    means = [mean for mean, length in blocks for _ in range(length)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
