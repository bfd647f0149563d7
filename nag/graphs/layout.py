"""Layered layout of an architecture (Sugiyama et al. 1981): where its boxes stand and its edges run.

Data flow downward. A node stands in the layer of its longest path from a source; an edge that skips layers gets a
passage, a slot of its own, in each of them, so that no edge runs through a box.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nag.graphs.architecture import Architecture
from nag.graphs.convert import to_networkx

__all__ = ["BOX_HEIGHT", "Layout", "Slot", "lay_out"]

BOX_HEIGHT = 20.0
"""Height of a node's box, in points."""

_LAYER_HEIGHT, _APART, _PASSAGE_WIDTH = 52.0, 12.0, 4.0  # points

Slot = tuple[int, ...]
"""A node `(v,)`, or the passage `(u, v, layer)` of the edge u->v through a layer."""


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
    level = {v: depth for depth, layer in enumerate(nodes) for v in layer}
    routes = [[(u,), *((u, v, depth) for depth in range(level[u] + 1, level[v])), (v,)] for u, v in arch.edges]
    layers: list[list[Slot]] = [[(v,) for v in layer] for layer in nodes]
    for route in routes:
        for passage in route[1:-1]:
            layers[passage[2]].append(passage)
    before: dict[Slot, list[Slot]] = {slot: [] for layer in layers for slot in layer}
    after: dict[Slot, list[Slot]] = {slot: [] for layer in layers for slot in layer}
    for route in routes:
        for a, b in itertools.pairwise(route):
            after[a].append(b)
            before[b].append(a)
    layers = _fewest_crossings(layers, before, after)
    x = {slot: 0.0 for layer in layers for slot in layer}
    size = {slot: widths[slot[0]] if len(slot) == 1 else _PASSAGE_WIDTH for slot in x}
    for sweep in range(60):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            # Passages pull harder than nodes, so that long edges run straight.
            pulls = [[(x[other], 1.0 if len(other) == 1 else 6.0) for other in before[slot] + after[slot]] for slot in layer]
            wanted = [
                sum(at * force for at, force in pull) / sum(force for _, force in pull) if pull else x[slot]
                for slot, pull in zip(layer, pulls, strict=True)
            ]
            x.update(zip(layer, _keep_apart(wanted, [size[slot] for slot in layer]), strict=True))
    left = min((x[slot] - size[slot] / 2 for slot in x), default=0.0)
    centre = {
        slot: (x[slot] - left, depth * _LAYER_HEIGHT + BOX_HEIGHT / 2) for depth, layer in enumerate(layers) for slot in layer
    }
    return Layout(centre, routes)


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

    for _ in layer:
        for i in range(len(layer) - 1):
            if excess(layer[i], layer[i + 1]) > 0:
                layer[i], layer[i + 1] = layer[i + 1], layer[i]
    return layer


def _crossings(layers: list[list[Slot]], after: Mapping[Slot, list[Slot]]) -> int:
    rank = {slot: i for layer in layers for i, slot in enumerate(layer)}
    links = [[(rank[a], rank[b]) for a in layer for b in after[a]] for layer in layers]
    return sum(a < c and d < b for rows in links for a, b in rows for c, d in rows)


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
