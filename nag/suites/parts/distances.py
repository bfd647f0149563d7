"""Total-variation distances of the depth and size of samples to those of the whole space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.diffusion.generation.reference import edge_histogram, op_histogram
from nag.evaluation import SpaceReference, hash_codes
from nag.graphs import DagBatch, levels, reduce
from nag.spaces import SearchSpace, enumerate_space, is_enumerable, sample_uniform
from nag.tasks import load_task

__all__ = ["WholeSpace", "parameter_counts", "total_variation"]

_BINS = 256
_DRAWS = 100_000


def total_variation(sample: Tensor, whole: Tensor) -> float:
    """Total-variation distance between two samples of a number.

    Args:
        sample: (B,) values.
        whole: (W,) values; with more than 256 distinct values, both samples are compared in 256 quantile bins of these.

    Returns:
        Half the sum of the absolute differences of frequencies, 0 to 1; 1 for an empty sample.
    """
    if len(sample) == 0:
        return 1.0
    points = whole.double().unique()
    if len(points) > _BINS:
        points = torch.quantile(whole.double().sort().values, torch.linspace(0, 1, _BINS + 1, dtype=torch.float64)).unique()
    borders = (points[1:] + points[:-1]) / 2  # between the values, so that rounding does not move them
    shares = [
        torch.bincount(torch.bucketize(values.double(), borders), minlength=len(points)).double() / len(values)
        for values in (sample, whole)
    ]
    return float((shares[0] - shares[1]).abs().sum() / 2)


@dataclass(frozen=True)
class WholeSpace:
    """Statistics of all architectures of a space, or of 100,000 uniform draws if they cannot be enumerated.

    `tv_depth` compares the lengths of the longest path (edges) of the reduced graphs, with identities contracted and dead
    ends dropped; `tv_params` the parameter counts, or modelled costs such as multiply-accumulates.

    Args:
        space: The search space.
        statistics: Metric -> function from B architectures to (B,) numbers.
        whole: Metric -> these numbers of the whole space.
        trained: Metric with the suffix `_train` -> distance of the training set, as `sample_metrics` defines it.
    """

    space: SearchSpace
    statistics: dict[str, Callable[[DagBatch], Tensor]]
    whole: dict[str, Tensor]
    trained: dict[str, float]

    @classmethod
    def of(
        cls, space: SearchSpace, reference: SpaceReference, parameters: Callable[[DagBatch], Tensor] | None = None
    ) -> WholeSpace:
        """Computes the statistics: `tv_depth` always, `tv_params` if parameters or a cost model are known."""
        everything = enumerate_space(space) if is_enumerable(space) else sample_uniform(space, _DRAWS, 0)
        statistics: dict[str, Callable[[DagBatch], Tensor]] = {"tv_depth": lambda dags: _depths(space, dags)}
        if parameters is not None:
            statistics["tv_params"] = parameters
        elif space.costs:
            statistics["tv_params"] = lambda dags: space.estimate_costs(dags)[next(iter(space.costs))]
        whole = {name: compute(everything) for name, compute in statistics.items()}
        train = torch.isin(hash_codes(space.hashes(everything)), reference.train_codes)
        half = everything[train]
        trained = {
            "tv_ops_train": float((op_histogram(half, len(space.vocabulary)) - reference.ops).abs().sum() / 2),
            "tv_edges_train": float((edge_histogram(half) - reference.edges).abs().sum() / 2),
            **{f"{name}_train": total_variation(values[train], values) for name, values in whole.items()},
        }
        return cls(space, statistics, whole, trained)

    def distances(self, dags: DagBatch, seed: int) -> dict[str, float]:
        """Distances of valid samples to the whole space, of an equally large uniform sample, and of the training set.

        Args:
            dags: Valid samples.
            seed: Seed of the uniform draws.
        """
        compared = {"": dags, "_reference": sample_uniform(self.space, max(len(dags), 1), seed)}
        return self.trained | {
            f"{name}{suffix}": total_variation(compute(graphs), self.whole[name])
            for name, compute in self.statistics.items()
            for suffix, graphs in compared.items()
        }


def parameter_counts(source: Sequence[str]) -> Callable[[DagBatch], Tensor] | None:
    """Function that looks up parameter counts in a table.

    Args:
        source: Task and metric; empty for none.

    Returns:
        Architectures -> (B,) numbers; None if no table is named.

    Raises:
        MissingData: The table is missing.
        InvalidRequest: It has no such metric.
    """
    if not source:
        return None
    name, metric = source
    table = load_task(name).table
    table.metric(metric)
    return lambda dags: torch.from_numpy(table.values(metric, dags))


def _depths(space: SearchSpace, dags: DagBatch) -> Tensor:
    """Longest path of each reduced graph, in edges: (B,) int64."""
    return levels(reduce(dags, space.semantics)).amax(1)
