"""Counts that describe the structure of an architecture, for predictors with few labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from nag.graphs import DagBatch, Semantics, levels

__all__ = ["StructureCounts", "group_scales", "structure_counts"]

_MAX_DEGREE = 4


@dataclass(frozen=True)
class StructureCounts:
    """Counts of B multigraphs with K operations and at most N nodes; none depends on the order of the nodes.

    Args:
        ops: (B, K) nodes of each operation.
        op_pairs: (B, K * K) edges from each operation to each, with multiplicity.
        paths: (B, K) paths from input to output through each operation, with multiplicity.
        path_pairs: (B, K * K) paths from input to output through an edge from each operation to each.
        depths: (B, K * N) nodes of each operation at each longest distance from the input.
        heights: (B, K * N) nodes of each operation at each longest distance to the output.
        walks: (B, K) expected nodes of each operation on a random walk against the edges from the output, each step of which
            takes an incoming edge at random: the share of what is summed or concatenated that each operation made.
        steps: (B, K * (N - 1)) probability that the walk is at each operation after each number of steps.
        extremes: (B, 2 * K) greatest and least number of nodes of each operation on a path from input to output.
        shape: (B, N + 11) root of the number of paths from input to output of each length, nodes of each in-degree and each
            out-degree, nodes, edges: what is left when the operations are forgotten.
    """

    ops: Tensor
    op_pairs: Tensor
    paths: Tensor
    path_pairs: Tensor
    depths: Tensor
    heights: Tensor
    shape: Tensor
    walks: Tensor
    steps: Tensor
    extremes: Tensor

    def groups(self) -> list[Tensor]:
        """All groups that count, in a fixed order."""
        return [self.ops, self.op_pairs, self.paths, self.path_pairs, self.depths, self.heights, self.shape]


def structure_counts(dags: DagBatch, semantics: Semantics) -> StructureCounts:
    """Counts the structure of multigraphs, best in normal form (`nag.graphs.reduce`).

    Args:
        dags: B multigraphs in topological order, padded to N nodes.
        semantics: Vocabulary of K operations, input and output.

    Returns:
        Counts as float64 on the device of `dags`.
    """
    size, num_ops = dags.max_nodes, len(semantics.vocabulary)
    ops = (one_hot(dags.ops, num_ops) * dags.mask.unsqueeze(2)).double()
    edges = dags.adjacency.double()
    source = ops[:, :, semantics.vocabulary.index(semantics.input)]
    target = ops[:, :, semantics.vocabulary.index(semantics.output)]
    into, out = _paths(source, edges), _paths(target.flip(1), edges.transpose(1, 2).flip(1, 2)).flip(1)
    through = edges * into.unsqueeze(2) * out.unsqueeze(1)
    depths, heights = levels(dags), levels(_reverse(dags)).flip(1)
    longest = int(depths.max()) if depths.numel() else 0
    visits = _visits(target, edges, longest)

    def pairs(weights: Tensor) -> Tensor:
        return (ops.transpose(1, 2) @ weights @ ops).flatten(1)

    def by(place: Tensor) -> Tensor:
        return (ops.transpose(1, 2) @ one_hot(place, size).double()).flatten(1)

    return StructureCounts(
        ops=ops.sum(1),
        op_pairs=pairs(edges),
        paths=(ops * (into * out).unsqueeze(2)).sum(1),
        path_pairs=pairs(through),
        depths=by(depths),
        heights=by(heights),
        shape=_shape(dags, source, target, longest),
        walks=(visits.sum(1, keepdim=True) @ ops).squeeze(1),
        steps=(visits[:, 1:] @ ops).flatten(1),
        extremes=_extremes(ops, source, target, dags.adjacency > 0),
    )


def _reverse(dags: DagBatch) -> DagBatch:
    """The graphs with every edge turned round and the nodes in reverse order."""
    return DagBatch(dags.ops.flip(1), dags.adjacency.transpose(1, 2).flip(1, 2), dags.mask.flip(1))


def _paths(start: Tensor, edges: Tensor) -> Tensor:
    """Paths from the start nodes (B, N) to each node, with multiplicity: (B, N)."""
    count = start.clone()
    for v in range(1, start.shape[1]):
        count[:, v] += (count[:, :v] * edges[:, :v, v]).sum(1)
    return count


def _visits(start: Tensor, edges: Tensor, longest: int) -> Tensor:
    """Probability that a random walk against the edges is at each node after 0 to N - 1 steps: (B, N, N).

    No path has more than `longest` edges.
    """
    choice = edges / edges.sum(1, keepdim=True).clamp(min=1)
    found = [start]
    for _ in range(longest):
        found.append((choice @ found[-1].unsqueeze(2)).squeeze(2))
    return pad(torch.stack(found, 1), (0, 0, 0, start.shape[1] - len(found)))


def _extremes(ops: Tensor, source: Tensor, target: Tensor, present: Tensor) -> Tensor:
    """Greatest and least number of nodes of each operation on a path: (B, 2 K); 0 where there is no path."""
    found = []
    for sign in (1.0, -1.0):
        best = torch.where(source.unsqueeze(2) > 0, sign * ops, -torch.inf)
        for v in range(1, ops.shape[1]):
            before = torch.where(present[:, :v, v].unsqueeze(2), best[:, :v], -torch.inf).amax(1)
            best[:, v] = torch.maximum(best[:, v], before + sign * ops[:, v])
        reached = torch.where(target.unsqueeze(2) > 0, best, -torch.inf).amax(1)
        found.append(torch.where(reached.isfinite(), sign * reached, 0.0))
    return torch.cat(found, 1)


def _shape(dags: DagBatch, source: Tensor, target: Tensor, longest: int) -> Tensor:
    edges, present = dags.adjacency.double(), dags.mask.unsqueeze(2)
    reached, lengths = source.unsqueeze(1), source.new_zeros(len(source), dags.max_nodes - 1)
    for step in range(longest):
        reached = reached @ edges
        lengths[:, step] = (reached.squeeze(1) * target).sum(1)
    degrees = [(one_hot(dags.adjacency.sum(axis).clamp(max=_MAX_DEGREE), _MAX_DEGREE + 1) * present).sum(1) for axis in (1, 2)]
    totals = torch.stack([dags.num_nodes, dags.adjacency.sum((1, 2))], 1)
    return torch.cat([lengths.sqrt(), *degrees, totals], 1)


def group_scales(groups: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Shift and scale that centre features and make the mean squared distance of two rows 1 in each group.

    Args:
        groups: Feature matrices (B, F_g) of the same rows.

    Returns:
        Shift and scale, each (F,) with F the sum of all F_g; `(torch.cat(groups, 1) - shift) * scale` is the result.
        Features that do not vary get scale 0.
    """
    scales = []
    for group in groups:
        std = group.std(0, correction=0)
        varies = std > 1e-9
        scales.append(varies / (std.clamp(min=1e-9) * (2 * varies.sum().clamp(min=1)).sqrt()))
    return torch.cat(groups, 1).mean(0), torch.cat(scales)
