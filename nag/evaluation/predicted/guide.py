"""The guide made of predictors, or of an own score, under limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.pareto import front
from nag.diffusion import FrontGuidance, GuidanceMethod
from nag.diffusion.generation.guides import ArchitectureScore, FunctionScore
from nag.diffusion.guidance.target import GuidanceTarget
from nag.evaluation.predicted.objectives import complete_objective, known_metrics, make_guidance_target
from nag.evaluation.scores.guidance_score import Feasibility
from nag.graphs import DagBatch
from nag.spaces import SearchSpace
from nag.tasks import Objective, parse_limits

if TYPE_CHECKING:
    from nag.evaluation.predicted.trained import TrainedPredictor

__all__ = ["Guidance"]

_WORST = -6.0
"""Least score, in standard deviations, of an architecture that keeps all limits."""


@dataclass(frozen=True)
class Guidance:
    """What samples are steered toward, under which limits, and how.

    Limits are put on predicted metrics (with a margin for the predictor's error), and exactly on `depth`, `num_nodes`,
    `num_edges` and the space's cost models, such as `flops_m`.

    Args:
        toward: A predictor, several of different metrics, or a function that takes a list of valid architectures and returns a
            number of each, greater being better.
        limits: Metric -> `{"max": 5}`, `{"min": 2}`, both, or a number: its limit on the bad side.
        objective: Metrics to maximise and minimise with weights, or a front of them; the first predictor's metric in its
            direction if None.
        scale: Inverse temperature, per standard deviation; that of the method if None.
        method: How to steer; selection from a pool and offspring if None.

    Raises:
        InvalidRequest: There is nothing to steer toward, or a limit is no number.

    Example:
        >>> import nag
        >>> nag.Guidance(lambda archs: [len(arch.edges) for arch in archs], limits={"depth": {"max": 3}}).scale
    """

    toward: TrainedPredictor | Sequence[TrainedPredictor] | ArchitectureScore
    limits: Mapping[str, Any] = field(default_factory=dict)
    objective: Objective | None = None
    scale: float | None = None
    method: GuidanceMethod | FrontGuidance | None = None

    def __post_init__(self) -> None:
        if self._function is None and not self._predictors:
            raise InvalidRequest("there is nothing to steer toward", "Pass a predictor, or a function of architectures.")
        self._objective()

    def target(self, space: SearchSpace, count: int) -> GuidanceTarget:
        """What guidance makes high in a space (see `Guide`).

        Raises:
            InvalidRequest: A predictor is of another space, or a metric is neither predicted nor computed.
        """
        for predictor in self._predictors:
            if predictor.space != space:
                raise InvalidRequest(
                    f"the predictor belongs to {predictor.space.name}, the generator to {space.name}",
                    "Train both on one space.",
                )
        if self._function is not None:
            return self._function_target(space, self._function)
        objective = complete_objective(self._objective(), self._predictors[0])
        target = make_guidance_target(space, objective, self._predictors, self._method(objective.pareto), count)
        return replace(target, describe=lambda dags: self._describe(dags, target))

    @property
    def _predictors(self) -> list[TrainedPredictor]:
        found = list(self.toward) if isinstance(self.toward, Sequence) else [self.toward]
        return [each for each in found if hasattr(each, "predictor")]  # type: ignore[misc]

    @property
    def _function(self) -> ArchitectureScore | None:
        return self.toward if callable(self.toward) else None

    def _objective(self) -> Objective | None:
        """The objective with the limits."""
        maximised = {predictor.metric.name: predictor.metric.maximise for predictor in self._predictors}
        if self.objective is not None:
            limits = parse_limits(self.limits, {**maximised, **self.objective.maximised})
            return replace(self.objective, limits={**self.objective.limits, **limits})
        return Objective(limits=parse_limits(self.limits, maximised)) if self.limits else None

    def _method(self, pareto: bool = False) -> GuidanceMethod | FrontGuidance:
        method = self.method or (FrontGuidance() if pareto else GuidanceMethod())
        if pareto != isinstance(method, FrontGuidance):
            raise InvalidRequest("a front takes its own guidance", "Leave method out, or use FrontGuidance for a front alone.")
        if self.scale is None or isinstance(method, FrontGuidance):
            return method
        return replace(method, scale=self.scale)

    def _function_target(self, space: SearchSpace, function: ArchitectureScore) -> GuidanceTarget:
        score, objective = FunctionScore(space, function), self._objective()
        limits = {} if objective is None else objective.limits
        metrics = known_metrics(space, [], tuple(limits), tuple(limits))
        limited = _LimitedScore(score, Feasibility(space, limits, metrics))
        return GuidanceTarget(self._method(), limited, describe=lambda dags: {"score": score.values(dags)})

    def _describe(self, dags: DagBatch, target: GuidanceTarget) -> dict[str, Tensor]:
        found = {f"predicted_{each.metric.name}": each.predict(dags).mean for each in self._predictors}
        if isinstance(target.guidance, FrontGuidance):
            found["on_front"] = front(target.objective.values(dags))
        return found


@dataclass(frozen=True)
class _LimitedScore:
    """An own score under limits: what breaks one scores below all that keeps them."""

    base: FunctionScore
    feasible: Feasibility

    def score(self, dags: DagBatch) -> Tensor:
        """(B,) float64, higher being better."""
        return self.feasible.gate(self.base.score(dags), self.feasible.violation(dags), _WORST)
