"""Metrics that are known of any graph without measuring it: predicted from labels, or computed from the graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.evaluation.metric_names import GRAPH_METRICS, require_computed
from nag.evaluation.scores.margins import Margin
from nag.graphs import DagBatch, levels
from nag.predictors import Predictor
from nag.predictors.gp_cost import scores_of
from nag.predictors.normal_scores import NormalScores
from nag.spaces import SearchSpace
from nag.tasks import Limit

__all__ = ["ComputedMetric", "GraphMetric", "PredictedMetric", "computed_metrics"]

_GRAPH: dict[str, Callable[[DagBatch], Tensor]] = {
    "depth": lambda dags: (levels(dags) * dags.mask).amax(1),
    "num_edges": lambda dags: dags.adjacency.sum((1, 2)),
    "num_nodes": lambda dags: dags.num_nodes,
}


class GraphMetric(ABC):
    """A number of each architecture, in its own units and as a normal score; no direction is better than the other.

    Example:
        >>> from nag.evaluation import GraphMetric, computed_metrics
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 50, seed=0)
        >>> depth = computed_metrics(space, dags, ["depth"])["depth"]
        >>> isinstance(depth, GraphMetric), depth.values(dags[:3])
        (True, tensor([3., 3., 4.], dtype=torch.float64))
    """

    @abstractmethod
    def values(self, dags: DagBatch) -> Tensor:
        """(B,) float64, in units of the metric."""

    @abstractmethod
    def scores(self, dags: DagBatch) -> Tensor:
        """(B,) float64, increasing with the values, of mean 0 and deviation 1 over the architectures known."""

    @abstractmethod
    def threshold(self, limit: Limit) -> Limit:
        """The bounds that `values` must keep so that the architecture keeps `limit`.

        Raises:
            InvalidRequest: The metric cannot be limited.
        """

    @property
    @abstractmethod
    def spread(self) -> float:
        """Standard deviation over the architectures known, in units of the metric; above 0."""


class PredictedMetric(GraphMetric):
    """A metric predicted by a predictor.

    Args:
        name: Name, for messages.
        predictor: Fitted predictor of the metric.
        spread: Standard deviation of its labels.
        margin: Margin of limits; None where no limit is put on the metric.

    Example:
        >>> from nag.evaluation import PredictedMetric
        >>> from nag.predictors import GPPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 10, seed=0)
        >>> predictor = GPPredictor(space, wl_rounds=0)
        >>> predictor.fit(dags, dags.adjacency.sum((1, 2)).double())
        >>> PredictedMetric("edges", predictor).scores(dags).shape
        torch.Size([10])
    """

    def __init__(self, name: str, predictor: Predictor, spread: float = 1.0, margin: Margin | None = None) -> None:
        self.name, self.predictor, self.margin = name, predictor, margin
        self._spread = spread if spread > 0 else 1.0

    def values(self, dags: DagBatch) -> Tensor:
        """Predicted means.

        Raises:
            InvalidRequest: A prediction is not finite.
        """
        return self._finite(self.predictor.predict(dags).mean.double())

    def scores(self, dags: DagBatch) -> Tensor:
        """Expected percentiles, on the normal scale.

        The normal score of a measurement z ~ N(mean, std ** 2) has the expected percentile Phi(mean / sqrt(1 + std ** 2)),
        so that an uncertain guess counts less than a sure one.

        Raises:
            InvalidRequest: A prediction is not finite.
        """
        found = self.predictor.predict_scores(dags)
        return self._finite((found.mean / (1 + found.measurement_std.square()).sqrt()).double())

    def _finite(self, values: Tensor) -> Tensor:
        if not bool(values.isfinite().all()):
            what = f"the predictor of '{self.name}' predicts numbers that are not finite"
            raise InvalidRequest(what, "Train it again, with a lower learning rate.")
        return values

    def threshold(self, limit: Limit) -> Limit:
        """The limit less the margin."""
        if self.margin is None:
            raise InvalidRequest(
                f"the predictor of '{self.name}' has no margin of error",
                "Calibrate one on held-out labels to limit the metric.",
            )
        return self.margin.threshold(limit)

    @property
    def spread(self) -> float:
        """Standard deviation of the labels."""
        return self._spread


class ComputedMetric(GraphMetric):
    """What the graph itself tells exactly, without labels.

    Args:
        compute: Graphs -> (B,) numbers.
        reference: Architectures whose values make the normal scores, such as a thousand uniform draws.

    Example:
        >>> from nag.evaluation import ComputedMetric
        >>> from nag.spaces import load_space, sample_uniform
        >>> dags = sample_uniform(load_space("nas_bench_graph"), 50, seed=0)
        >>> metric = ComputedMetric(lambda dags: dags.adjacency.sum((1, 2)).double(), reference=dags)
        >>> metric.values(dags[:3]), metric.scores(dags).shape
        (tensor([7., 7., 6.], dtype=torch.float64), torch.Size([50]))
    """

    def __init__(self, compute: Callable[[DagBatch], Tensor], reference: DagBatch) -> None:
        self.compute = compute
        self._normal_scores = NormalScores().to(reference.device)
        values = self.values(reference)
        self._normal_scores.fit(values)
        spread = float(values.std(correction=0))
        self._spread = spread if spread > 0 else 1.0

    def values(self, dags: DagBatch) -> Tensor:
        """Exact values."""
        return self.compute(dags).double()

    def scores(self, dags: DagBatch) -> Tensor:
        """Normal scores with respect to the reference."""
        return scores_of(self._normal_scores.to(dags.device), self.values(dags))

    def threshold(self, limit: Limit) -> Limit:
        """The limit itself."""
        return limit

    @property
    def spread(self) -> float:
        """Standard deviation over the reference."""
        return self._spread


def computed_metrics(space: SearchSpace, reference: DagBatch, names: list[str] | None = None) -> dict[str, ComputedMetric]:
    """The metrics that can be computed in a space: its cost models, `depth`, `num_edges` and `num_nodes`.

    `depth` counts the edges of the longest path; all three describe the graph as it stands, not its normal form.

    Args:
        space: Search space.
        reference: Architectures whose values make the normal scores.
        names: Which ones; all if None.

    Raises:
        InvalidRequest: There is no such metric.

    Example:
        >>> from nag.evaluation import computed_metrics
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nasbench201")
        >>> sorted(computed_metrics(space, sample_uniform(space, 50, seed=0)))
        ['depth', 'flops_m', 'num_edges', 'num_nodes', 'params_m']
    """
    for name in names or []:
        require_computed(space.name, name, space.costs)
    wanted = [*space.costs, *GRAPH_METRICS] if names is None else names
    return {name: ComputedMetric(_computer(space, name), reference) for name in wanted}


def _computer(space: SearchSpace, name: str) -> Callable[[DagBatch], Tensor]:
    if name in space.costs:
        return lambda dags: space.estimate_costs(dags)[name]
    return _GRAPH[name]
