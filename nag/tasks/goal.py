"""The goal of a search: objectives to optimise under hard limits, and the best of what was observed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.tasks.limits import Limit, parse_limits

__all__ = ["Goal", "Objective", "Observed"]


class Observed(Protocol):
    """Anything that has values of the metrics of a goal."""

    @property
    def values(self) -> Mapping[str, float]:
        """Metric -> value; nan where it was not measured."""
        ...


AnyObserved = TypeVar("AnyObserved", bound=Observed)


@dataclass(frozen=True)
class Objective:
    """One metric to optimise.

    Args:
        metric: Name of the metric.
        maximise: Whether more is better.
    """

    metric: str
    maximise: bool = True

    @property
    def sign(self) -> float:
        """1 if more is better, else -1."""
        return 1.0 if self.maximise else -1.0

    def utility(self, values: Tensor) -> Tensor:
        """Values signed so that more is better; same shape."""
        return self.sign * values


@dataclass(frozen=True)
class Goal:
    """What a search optimises: one objective, or several for a Pareto front, under limits.

    Args:
        objectives: At least one, each of a metric of its own; the first one decides which observation is the best.
        limits: Metric -> its bounds, in any form that `parse_limits` reads.

    Raises:
        InvalidRequest: There is no objective, two are of one metric, or a limit is not finite.
    """

    objectives: tuple[Objective, ...]
    limits: Mapping[str, Limit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [objective.metric for objective in self.objectives]
        if not names or len(set(names)) != len(names):
            raise InvalidRequest(f"the objectives of a search are {names}", "Name at least one metric, each once.")
        directions = {objective.metric: objective.maximise for objective in self.objectives}
        object.__setattr__(self, "limits", parse_limits(self.limits, directions))

    @classmethod
    def single(cls, metric: str, maximise: bool = True, limits: Mapping[str, Limit | float] | None = None) -> Goal:
        """The goal of optimising one metric."""
        return cls((Objective(metric, maximise),), parse_limits(limits, {metric: maximise}))

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics that an observation must have: those of the objectives, then of the limits."""
        return tuple(dict.fromkeys([*(objective.metric for objective in self.objectives), *self.limits]))

    def column(self, observations: Sequence[Observed], metric: str) -> Tensor:
        """One metric of n observations, in its own units: (n,) float64, nan where it was not measured."""
        return torch.tensor([observation.values.get(metric, math.nan) for observation in observations], dtype=torch.float64)

    def utilities(self, observations: Sequence[Observed]) -> Tensor:
        """The D objectives of n observations, signed so that more is better: (n, D) float64, nan where not measured."""
        return torch.stack([each.utility(self.column(observations, each.metric)) for each in self.objectives], 1)

    def violation(self, observations: Sequence[Observed]) -> Tensor:
        """By what share n observations break the limits, summed over limits: (n,) float64.

        0 is feasible; inf is an observation that lacks an objective or a limited metric, which is never feasible.
        """
        total = torch.zeros(len(observations), dtype=torch.float64)
        for metric, limit in self.limits.items():
            total = total + limit.violation(self.column(observations, metric))
        return torch.where(self.utilities(observations).isnan().any(1) | total.isnan(), math.inf, total)

    def best(self, observations: Sequence[AnyObserved]) -> AnyObserved | None:
        """The feasible observation with the best first objective, the first of equals; None where none is feasible."""
        return self._first(observations, self.violation(observations) == 0)

    def nearest(self, observations: Sequence[AnyObserved]) -> AnyObserved | None:
        """The observation that breaks the limits least, the best of equals; None where nothing was measured."""
        violation = self.violation(observations)
        return self._first(observations, violation.isfinite() & (violation == violation.min())) if len(violation) else None

    def _first(self, observations: Sequence[AnyObserved], among: Tensor) -> AnyObserved | None:
        rows = among.nonzero().flatten()
        if not len(rows):
            return None
        return observations[int(rows[self.utilities([observations[row] for row in rows.tolist()])[:, 0].argmax()])]
