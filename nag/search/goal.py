"""What a search is after: objectives to optimise under hard limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from nag.errors import InvalidRequest

__all__ = ["Goal", "Objective"]


@dataclass(frozen=True)
class Objective:
    """One metric to optimise.

    Args:
        metric: Name of the metric.
        maximise: Whether more is better.
    """

    metric: str
    maximise: bool = True


@dataclass(frozen=True)
class Goal:
    """What a search optimises: one objective, or several for a Pareto front, under limits.

    Args:
        objectives: At least one, each of a metric of its own.
        limits: Metric -> greatest value that is feasible.

    Raises:
        InvalidRequest: There is no objective, two are of one metric, or a limit is not finite.
    """

    objectives: tuple[Objective, ...]
    limits: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [objective.metric for objective in self.objectives]
        if not names or len(set(names)) != len(names):
            raise InvalidRequest(f"the objectives of a search are {names}", "Name at least one metric, each once.")
        for metric, bound in self.limits.items():
            if not math.isfinite(bound):
                raise InvalidRequest(f"the limit of {metric} is {bound}", "Give a finite number, or leave it out.")

    @classmethod
    def single(cls, metric: str, maximise: bool = True, limits: Mapping[str, float] | None = None) -> Goal:
        """The goal of optimising one metric."""
        return cls((Objective(metric, maximise),), limits or {})

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics that an observation must have: those of the objectives, then of the limits."""
        return tuple(dict.fromkeys([*(objective.metric for objective in self.objectives), *self.limits]))
