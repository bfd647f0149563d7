"""How far two sets of graphs are apart in their statistics; for spaces too large to compare with all their graphs."""

from __future__ import annotations

import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.graphs import DagBatch, levels

__all__ = ["graph_distances"]

_BINS = 32


def graph_distances(a: DagBatch, b: DagBatch, num_ops: int, op_costs: Tensor | None = None) -> dict[str, float]:
    """Distances between the statistics of two sets of graphs, whatever their padding and the order of their nodes.

    `tv_*` are total-variation distances (0 to 1) of histograms pooled over each set: of the nodes' operations
    (`tv_ops`), in-degrees and out-degrees (`tv_in_degree`, `tv_out_degree`, edges counted with their multiplicity), and
    of one number a graph: longest path in edges (`tv_depth`), nodes (`tv_nodes`) and edges (`tv_edge_count`). Where a
    number takes many values such histograms are sparse, so these three also have their Wasserstein-1 distance
    (`w1_depth`, `w1_nodes`, `w1_edge_count`, in edges, nodes and edges), as in the evaluation of LayerDAG (Li et al.,
    ICLR 2025). With `op_costs`, `w1_parameter_count` is in the unit of the costs and `tv_parameter_count` of
    histograms with 32 bins between the least and the greatest count of both sets.

    Args:
        a: A graphs.
        b: B graphs; may be padded to another size.
        num_ops: K, the size of the vocabulary.
        op_costs: (K,) parameters of each operation.

    Raises:
        InvalidRequest: A set has no graphs, an operation lies outside the vocabulary, or the costs are not K numbers.

    Example:
        >>> from nag.evaluation import graph_distances
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 50, seed=0)
        >>> graph_distances(dags, dags, len(space.vocabulary))["tv_ops"]
        0.0
    """
    for dags in (a, b):
        if not len(dags):
            raise InvalidRequest("a set without graphs has no statistics", "Compare sets with at least one graph.")
        if int(dags.ops.max()) >= num_ops:
            raise InvalidRequest(f"an operation lies outside the vocabulary of {num_ops}", "Give the vocabulary's size.")
    if op_costs is not None and op_costs.shape != (num_ops,):
        raise InvalidRequest(f"{tuple(op_costs.shape)} costs do not fit {num_ops} operations", "Give one for each.")
    pooled = zip(_of_nodes(a).items(), _of_nodes(b).values(), strict=True)
    found = {f"tv_{name}": _total_variation(x, y) for (name, x), y in pooled}
    single = list(zip(_of_graphs(a).items(), _of_graphs(b).values(), strict=True))
    found.update({f"tv_{name}": _total_variation(x, y) for (name, x), y in single})
    found.update({f"w1_{name}": _wasserstein(x, y) for (name, x), y in single})
    if op_costs is not None:
        x, y = (_parameter_counts(dags, op_costs) for dags in (a, b))
        found["tv_parameter_count"] = _total_variation(*_binned(x, y))
        found["w1_parameter_count"] = _wasserstein(x, y)
    return found


def _of_nodes(dags: DagBatch) -> dict[str, Tensor]:
    """Operation, in-degree and out-degree of all nodes of all graphs, each (nodes,) int64."""
    found = {"ops": dags.ops, "in_degree": dags.adjacency.sum(1), "out_degree": dags.adjacency.sum(2)}
    return {name: values[dags.mask].cpu() for name, values in found.items()}


def _of_graphs(dags: DagBatch) -> dict[str, Tensor]:
    """Depth, nodes and edges of each graph, each (B,) int64."""
    found = {"depth": levels(dags).amax(1), "nodes": dags.num_nodes, "edge_count": dags.adjacency.sum((1, 2))}
    return {name: values.cpu() for name, values in found.items()}


def _parameter_counts(dags: DagBatch, op_costs: Tensor) -> Tensor:
    """(B,) float64."""
    return (op_costs.double().to(dags.device)[dags.ops] * dags.mask).sum(1).cpu()


def _binned(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Which of equal bins between their least and greatest value each number falls into."""
    both = torch.cat([x, y])
    edges = torch.linspace(float(both.min()), float(both.max()), _BINS + 1, dtype=both.dtype)[1:-1]
    return torch.bucketize(x, edges, right=True), torch.bucketize(y, edges, right=True)


def _total_variation(x: Tensor, y: Tensor) -> float:
    """Half the sum of |p - q| over all values of two samples of non-negative integers."""
    size = int(max(x.max(), y.max())) + 1
    p, q = (torch.bincount(values, minlength=size).double() / len(values) for values in (x, y))
    return float((p - q).abs().sum() / 2)


def _wasserstein(x: Tensor, y: Tensor) -> float:
    return float(wasserstein_distance(x.numpy(), y.numpy()))
