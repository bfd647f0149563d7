"""Topological orders: one graph, many ways to number its nodes."""

from __future__ import annotations

import torch
from torch import Tensor

from nag.graphs.batch import DagBatch

__all__ = ["ancestors", "random_topological_orders"]


def ancestors(dags: DagBatch) -> Tensor:
    """Which nodes lead to which: (B, N, N) bool, entry (u, v) where a path runs from u to v (transitive closure).

    Example:
        >>> from nag.graphs import Architecture, DagBatch, ancestors
        >>> arch = Architecture(("input", "conv", "output"), ((0, 1), (1, 2)))
        >>> ancestors(DagBatch.from_architectures([arch], ("input", "output", "conv")))[0].int().tolist()
        [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    """
    reach = dags.adjacency > 0
    for _ in range((dags.max_nodes - 1).bit_length()):  # paths double in length
        steps = reach.float()
        reach = reach | (steps @ steps > 0)
    return reach


def random_topological_orders(dags: DagBatch, rng: torch.Generator) -> Tensor:
    """Draws a topological order of each graph that keeps its first and last node; every such order is possible.

    Each node gets a random key, and nodes are sorted by the greatest key among themselves and their ancestors; where
    that is the same, an ancestor stands first already. Keys that increase along an order give that order.

    Args:
        dags: B graphs in topological order, padded to N nodes.
        rng: Source of randomness, on the graphs' device.

    Returns:
        (B, N) int64: the node that comes to stand at each position, for `DagBatch.take_nodes`; padding stays last.

    Example:
        >>> import torch
        >>> from nag.graphs import random_topological_orders
        >>> from nag.spaces import load_space
        >>> space = load_space("nas_bench_graph")
        >>> dags = space.to_dags(space.sample(2, seed=0))
        >>> order = random_topological_orders(dags, torch.Generator().manual_seed(0))
        >>> space.hashes(dags.take_nodes(order)) == space.hashes(dags)
        True
    """
    key = torch.rand(dags.ops.shape, generator=rng, device=dags.device)
    position = torch.arange(dags.max_nodes, device=dags.device)
    last = position == dags.num_nodes[:, None] - 1
    key = torch.where(position == 0, -1.0, torch.where(last, 2.0, torch.where(dags.mask, key, 3.0)))
    above = torch.where(ancestors(dags), key.unsqueeze(2), -1.0).amax(1)
    return torch.maximum(key, above).argsort(dim=1, stable=True)
