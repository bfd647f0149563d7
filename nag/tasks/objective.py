"""The objective: metrics to optimise under hard limits, and the best of what was observed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.tasks.limits import Limit, parse_limits
from nag.tasks.metric import Metric

__all__ = ["Objective", "Observed"]


class Observed(Protocol):
    """Anything that has values of the metrics of an objective.

    Example:
        >>> from types import SimpleNamespace
        >>> from nag.tasks import Objective
        >>> tried = [SimpleNamespace(values={"accuracy": value}) for value in (0.7, 0.9, 0.8)]
        >>> Objective.single("accuracy").best(tried).values
        {'accuracy': 0.9}
    """

    @property
    def values(self) -> Mapping[str, float]:
        """Metric -> value; nan where it was not measured."""
        ...


AnyObserved = TypeVar("AnyObserved", bound=Observed)


@dataclass(frozen=True)
class Objective:
    """What a search, a sampling or a fine-tuning optimises, for a weighted sum of metrics or for a Pareto front.

    Args:
        metrics: What to optimise, each metric once; of a front, the first one decides which observation is the best. None
            where the limits are all that counts.
        limits: Metric -> its bounds, in any form that `parse_limits` reads.
        weights: Metric -> weight above 0; 1 where there is none. A weighted sum of measured values is taken in their own
            units; guidance weights normal scores (see `nag.evaluation.GuidanceScore`).
        pareto: Whether a Pareto front is wanted in place of the greatest weighted sum.

    Raises:
        InvalidRequest: There is neither a metric nor a limit, a metric is named twice, a front has fewer than two metrics, or
            a weight or a limit is out of range.

    Example:
        >>> fast = Objective.single("accuracy", limits={"latency_ms": {"max": 5}})
        >>> fast.names
        ('accuracy', 'latency_ms')
    """

    metrics: tuple[Metric, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    pareto: bool = False

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        if len(set(names)) != len(names):
            raise InvalidRequest(f"the metrics of the objective are {names}", "Name each metric once.")
        object.__setattr__(self, "limits", parse_limits(self.limits, self.maximised))
        if not names and not self.limits:
            raise InvalidRequest(
                "the objective has neither a metric nor a limit", "Name a metric to maximise or to minimise, or a limit."
            )
        if self.pareto and len(names) < 2:
            raise InvalidRequest("a front takes two metrics of positive weight", "Add one to maximise or minimise.")
        for name, weight in self.weights.items():
            if name not in names or not (math.isfinite(weight) and weight > 0):
                raise InvalidRequest(f"the weight of '{name}' is {weight}", "Weights of the objective's metrics are above 0.")

    @classmethod
    def single(
        cls, metric: str | Metric, maximise: bool = True, limits: Mapping[str, Limit | float] | None = None
    ) -> Objective:
        """The objective of optimising one metric.

        Args:
            metric: The metric, or its name.
            maximise: Whether more of a metric that is given by its name is better.
            limits: Metric -> its bounds, in any form that `parse_limits` reads.
        """
        chosen = Metric(metric, maximise) if isinstance(metric, str) else metric
        return cls((chosen,), parse_limits(limits, {chosen.name: chosen.maximise}))

    @property
    def maximised(self) -> dict[str, bool]:
        """Metric -> whether more is better, of the metrics to optimise."""
        return {metric.name: metric.maximise for metric in self.metrics}

    @property
    def names(self) -> tuple[str, ...]:
        """All metrics that an observation must have: those to optimise, then those of the limits."""
        return tuple(dict.fromkeys([*self.maximised, *self.limits]))

    def weight(self, metric: Metric) -> float:
        """The weight of a metric."""
        return float(self.weights.get(metric.name, 1.0))

    def column(self, observations: Sequence[Observed], metric: str) -> Tensor:
        """One metric of n observations, in its own units: (n,) float64, nan where it was not measured."""
        return torch.tensor([observation.values.get(metric, math.nan) for observation in observations], dtype=torch.float64)

    def utilities(self, observations: Sequence[Observed]) -> Tensor:
        """What to maximise: (n, D) float64, nan where not measured; D metrics of a front, else one weighted sum."""
        columns = [metric.utility(self.column(observations, metric.name)) for metric in self.metrics]
        if self.pareto:
            return torch.stack(columns, 1)
        total = torch.zeros(len(observations), dtype=torch.float64)
        for metric, column in zip(self.metrics, columns, strict=True):
            total = total + self.weight(metric) * column
        return total.unsqueeze(1)

    def violation(self, observations: Sequence[Observed]) -> Tensor:
        """By what share n observations break the limits, summed over limits: (n,) float64.

        0 is feasible; inf is an observation that lacks a metric of the objective or of a limit, which is never feasible.
        """
        total = torch.zeros(len(observations), dtype=torch.float64)
        for metric, limit in self.limits.items():
            total = total + limit.violation(self.column(observations, metric))
        return torch.where(self.utilities(observations).isnan().any(1) | total.isnan(), math.inf, total)

    def feasible(self, observations: Sequence[Observed]) -> Tensor:
        """Which of n observations have all metrics and keep all limits: (n,) bool."""
        return self.violation(observations) == 0

    def best(self, observations: Sequence[AnyObserved]) -> AnyObserved | None:
        """The feasible observation of the greatest utility (of a front: by the first metric), the first of equals.

        None where no observation is feasible.
        """
        return self._first(observations, self.feasible(observations))

    def nearest(self, observations: Sequence[AnyObserved]) -> AnyObserved | None:
        """The observation that breaks the limits least, the best of equals; None where nothing was measured."""
        violation = self.violation(observations)
        return self._first(observations, violation.isfinite() & (violation == violation.min())) if len(violation) else None

    def _first(self, observations: Sequence[AnyObserved], among: Tensor) -> AnyObserved | None:
        rows = among.nonzero().flatten()
        if not len(rows):
            return None
        return observations[int(rows[self.utilities([observations[row] for row in rows.tolist()])[:, 0].argmax()])]
