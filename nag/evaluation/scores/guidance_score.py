"""Guidance scores: objectives over predicted and computed metrics, as numbers that guidance makes high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.pareto import chebyshev, spread_weights
from nag.evaluation.scores.graph_metrics import GraphMetric
from nag.graphs import DagBatch
from nag.spaces import SearchSpace
from nag.tasks import Limit, Metric, Objective

__all__ = ["Feasibility", "FrontScore", "GuidanceScore"]

_WORST = -6.0
_IDEAL = 3.0


@dataclass(frozen=True)
class _Bound:
    """A limit as it is put on a metric's values."""

    metric: GraphMetric
    threshold: Limit

    def excess(self, dags: DagBatch) -> Tensor:
        """How far beyond the limit, in standard deviations of the metric: (B,) float64."""
        return self.threshold.excess(self.metric.values(dags)) / self.metric.spread


@dataclass(frozen=True)
class _Term:
    """A metric to optimise.

    Args:
        metric: Name and direction.
        known: Its values of any graph.
        weight: Its weight, above 0.
    """

    metric: Metric
    known: GraphMetric
    weight: float

    def scores(self, dags: DagBatch) -> Tensor:
        """Normal scores, higher being better: (B,) float64."""
        return self.metric.utility(self.known.scores(dags))


class Feasibility:
    """Which graphs belong to the space and keep all limits.

    A limit on a predicted metric is kept where the prediction keeps it with a margin (`Margin`).

    Args:
        space: Search space.
        limits: Metric -> bounds.
        metrics: The metrics.

    Raises:
        InvalidRequest: There is no such metric, or it cannot be limited.

    Example:
        >>> from nag.evaluation import Feasibility, computed_metrics
        >>> from nag.spaces import load_space, sample_uniform
        >>> from nag.tasks import Limit
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 50, seed=0)
        >>> feasibility = Feasibility(space, {"depth": Limit(max=3)}, computed_metrics(space, dags, ["depth"]))
        >>> bool((feasibility.violation(dags) == 0).any())
        True
    """

    def __init__(self, space: SearchSpace, limits: Mapping[str, Limit], metrics: Mapping[str, GraphMetric]) -> None:
        self.space = space
        self._bounds = {
            name: _Bound(_find(name, metrics), _find(name, metrics).threshold(limit)) for name, limit in limits.items()
        }

    def violation(self, dags: DagBatch) -> Tensor:
        """How far graphs are from feasible: (B,) float64, 0 for those that are.

        It is the sum of what exceeds the limits, in standard deviations of their metrics, and 1 more for an invalid graph.
        """
        total = (~self.space.is_valid(dags)).double()
        for bound in self._bounds.values():
            total = total + bound.excess(dags)
        return total

    def __call__(self, dags: DagBatch) -> Tensor:
        """(B,) bool."""
        return self.violation(dags) == 0

    def gate(self, scores: Tensor, violation: Tensor, floor: float) -> Tensor:
        """Scores of feasible graphs, at least `floor`; less than that by 1 and the violation for all others.

        Args:
            scores: (B,) or (B, W).
            violation: (B,).
            floor: Least score that a feasible graph gets.
        """
        violation = violation.view(-1, *[1] * (scores.ndim - 1))
        return torch.where(violation > 0, floor - 1 - violation, scores.clamp(min=floor))


class GuidanceScore:
    """An objective as a weighted sum of metrics in normal scores, under limits.

    Whatever is infeasible scores below all that is feasible, the lower the further it is from feasible, so that guidance finds
    its way there.

    Args:
        space: Search space.
        objective: Metrics, weights and limits.
        metrics: All metrics that the objective names, as known of any graph.

    Raises:
        InvalidRequest: There is no such metric, or it cannot be limited.

    Example:
        >>> from nag.evaluation import GuidanceScore, computed_metrics
        >>> from nag.spaces import load_space, sample_uniform
        >>> from nag.tasks import Limit, Objective
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 50, seed=0)
        >>> objective = Objective.single("num_edges", limits={"depth": {"max": 4}})
        >>> score = GuidanceScore(space, objective, computed_metrics(space, dags)).score(dags)
        >>> score.shape
        torch.Size([50])
    """

    def __init__(self, space: SearchSpace, objective: Objective, metrics: Mapping[str, GraphMetric]) -> None:
        self.objective = objective
        self.feasible = Feasibility(space, objective.limits, metrics)
        self._terms = _terms(objective, metrics)
        self._floor = _WORST * sum(term.weight for term in self._terms)

    def score(self, dags: DagBatch) -> Tensor:
        """(B,) float64, higher being better."""
        violation = self.feasible.violation(dags)
        total = torch.zeros_like(violation)
        for term in self._terms:
            total = total + term.weight * term.scores(dags)
        return self.feasible.gate(total, violation, self._floor)


class FrontScore:
    """Several metrics in normal scores, under limits: a scalarisation for each sample, so that they spread over the front.

    Sample i of `count` has weights of its own and maximises their augmented Chebyshev scalarisation (see `chebyshev`); the
    weights of the objective stretch its metrics.

    Args:
        space: Search space.
        objective: At least two metrics, weights and limits.
        metrics: All metrics that the objective names, as known of any graph.
        count: Number of samples, W.

    Raises:
        InvalidRequest: There is no such metric, it cannot be limited, or there are fewer than two metrics.

    Example:
        >>> from nag.evaluation import FrontScore, computed_metrics
        >>> from nag.spaces import load_space, sample_uniform
        >>> from nag.tasks import Metric, Objective
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 50, seed=0)
        >>> objective = Objective((Metric("depth"), Metric("num_edges", maximise=False)), pareto=True)
        >>> FrontScore(space, objective, computed_metrics(space, dags), count=4).scores(dags).shape
        torch.Size([50, 4])
    """

    def __init__(self, space: SearchSpace, objective: Objective, metrics: Mapping[str, GraphMetric], count: int) -> None:
        self.objective = objective
        self.feasible = Feasibility(space, objective.limits, metrics)
        self._terms = _terms(objective, metrics)
        spread = spread_weights(count, len(self._terms))
        stretched = spread * torch.tensor([term.weight for term in self._terms], dtype=torch.float64)
        self.weights = stretched / stretched.sum(1, keepdim=True)
        worst = torch.full_like(self.weights[:1], _WORST)
        self._floor = float(chebyshev(worst, torch.ones_like(worst), _IDEAL))

    def values(self, dags: DagBatch) -> Tensor:
        """Normal scores of all metrics, higher being better: (B, D) float64, in the order of the objective's metrics."""
        return torch.stack([term.scores(dags) for term in self._terms], 1)

    def scores(self, dags: DagBatch) -> Tensor:
        """Scores of a pool of P graphs under the weights of each sample: (P, W) float64."""
        return self._score(dags, self.weights.to(dags.device).unsqueeze(0), each=True)

    def score(self, dags: DagBatch) -> Tensor:
        """Scores of m * W graphs, graph i under the weights of sample i % W: (m * W,) float64.

        Raises:
            InvalidRequest: The number of graphs is no multiple of the number of samples.
        """
        if len(dags) % len(self.weights):
            raise InvalidRequest(
                f"{len(dags)} graphs came for the weights of {len(self.weights)} samples", "Pass a multiple, sample by sample."
            )
        return self._score(dags, self.weights.to(dags.device).repeat(len(dags) // len(self.weights), 1), each=False)

    def _score(self, dags: DagBatch, weights: Tensor, each: bool) -> Tensor:
        values = self.values(dags)
        scores = chebyshev(values.unsqueeze(1) if each else values, weights, _IDEAL)
        return self.feasible.gate(scores, self.feasible.violation(dags), self._floor)


def _terms(objective: Objective, metrics: Mapping[str, GraphMetric]) -> list[_Term]:
    return [_Term(metric, _find(metric.name, metrics), objective.weight(metric)) for metric in objective.metrics]


def _find(name: str, metrics: Mapping[str, GraphMetric]) -> GraphMetric:
    if name not in metrics:
        raise InvalidRequest(f"there is no metric '{name}'", did_you_mean(name, metrics))
    return metrics[name]
