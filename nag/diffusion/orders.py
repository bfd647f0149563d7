"""Training graphs in random topological orders, so that the model does not learn an order that the space does not require."""

from __future__ import annotations

import torch

from nag.diffusion.process import DiscreteProcess
from nag.graphs import DagBatch, random_topological_orders
from nag.spaces import SearchSpace

__all__ = ["shuffle_orders"]


def shuffle_orders(dags: DagBatch, space: SearchSpace, process: DiscreteProcess, rng: torch.Generator) -> DagBatch:
    """The graphs in random topological orders, where the space's masks allow the order that was drawn.

    Args:
        dags: B clean graphs.
        space: Their space; a fixed wiring has one order.
        process: Holds the space's masks on the graphs' device.
        rng: Source of randomness, on that device.
    """
    if space.wiring is not None:
        return dags
    drawn = dags.take_nodes(random_topological_orders(dags, rng))
    nodes, edges = process.allowed(dags.mask)
    good = nodes.gather(2, drawn.ops.unsqueeze(2)).flatten(1).all(1)
    good = good & edges.gather(3, drawn.adjacency.unsqueeze(3)).flatten(1).all(1)
    return DagBatch(
        torch.where(good[:, None], drawn.ops, dags.ops),
        torch.where(good[:, None, None], drawn.adjacency, dags.adjacency),
        dags.mask,
    )
