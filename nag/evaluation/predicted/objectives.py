"""From trained predictors and a spec to what guidance makes high."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest, did_you_mean
from nag.diffusion import FrontGuidance, Guidance, Score
from nag.diffusion.guidance.target import GuidanceTarget
from nag.evaluation.labelled_reward import LabelledReward
from nag.evaluation.limits import RISK
from nag.evaluation.metric import Metric, PredictedMetric, computed_metrics
from nag.evaluation.objective import Objective, ParetoObjective
from nag.evaluation.objective_spec import ObjectiveSpec
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, can_sample_uniform, sample_uniform

if TYPE_CHECKING:
    from nag.evaluation.predicted.trained import TrainedPredictor

__all__ = [
    "AnyValid",
    "Measured",
    "complete_spec",
    "condition_score",
    "known_metrics",
    "make_guidance_target",
    "make_objective",
    "predictor_score",
]

_EVEN = 0.5
_REFERENCE = 1000
_COMPUTED = ("depth", "num_edges", "num_nodes")


@dataclass(frozen=True)
class AnyValid:
    """The objective where nothing is asked for but graphs of the space.

    Args:
        space: Search space.
    """

    space: SearchSpace

    def score(self, dags: DagBatch) -> Tensor:
        """1 for what belongs to the space, 0 for the rest: (B,) float64."""
        return self.space.is_valid(dags).double()

    def feasible(self, dags: DagBatch) -> Tensor:
        """What belongs to the space: (B,) bool."""
        return self.space.is_valid(dags)


@dataclass(frozen=True)
class Measured:
    """The objective where labels are bought while samples are drawn: the measured search metric.

    Args:
        space: Search space.
        reward: Buys the labels.
    """

    space: SearchSpace
    reward: LabelledReward

    def score(self, dags: DagBatch) -> Tensor:
        """The measured values, the good end up; minus infinity for what is invalid or was not measured: (B,) float64."""
        return self.reward(dags).nan_to_num(nan=float("-inf"))

    def feasible(self, dags: DagBatch) -> Tensor:
        """What belongs to the space: (B,) bool."""
        return self.space.is_valid(dags)


def predictor_score(space: SearchSpace, predictor: TrainedPredictor) -> Score:
    """The expected percentile that one predictor gives, the good end up; invalid graphs score below all valid ones."""
    spec = complete_spec(None, predictor)
    return make_objective(space, spec, [predictor]).score


def condition_score(
    space: SearchSpace, name: str, predictor: TrainedPredictor | None, reference: DagBatch | None = None
) -> Score:
    """What a generator is told under a name: a predictor's score, good end up, or where there is none a computed metric.

    Args:
        space: Search space.
        name: Name of the condition.
        predictor: Where the numbers come from; None for the computed metric of that name.
        reference: Some architectures of the space; uniform draws if None.

    Raises:
        InvalidRequest: The predictor is of another space, or the space has no such computed metric.
    """
    if predictor is None:
        return computed_metrics(space, _reference(space) if reference is None else reference, [name])[name].values
    if predictor.space.fingerprint != space.fingerprint:
        raise InvalidRequest(f"the predictor of condition '{name}' is of {predictor.space.name}", f"Train one on {space.name}.")
    return predictor_score(space, predictor)


def complete_spec(spec: ObjectiveSpec | None, predictor: TrainedPredictor) -> ObjectiveSpec:
    """A spec that names directions; where it does not, the predictor's metric is the one, in its task's direction."""
    if spec is not None and spec.directions:
        return spec
    direction = {"maximise" if predictor.sign > 0 else "minimise": {predictor.metric: 1.0}}
    return ObjectiveSpec(**direction) if spec is None else replace(spec, **direction)  # type: ignore[arg-type]


def known_metrics(
    space: SearchSpace,
    predictors: Sequence[TrainedPredictor],
    names: Sequence[str],
    limited: Sequence[str] = (),
    risk: float = RISK,
) -> Mapping[str, Metric]:
    """The named metrics: those of the predictors, and those that the graph itself tells.

    Args:
        space: Search space.
        predictors: Predictors, each of a metric of its own.
        names: Metrics that are needed.
        limited: Those that limits are put on.
        risk: Share of the candidates exactly at a predicted limit that may break it.

    Raises:
        InvalidRequest: Two predictors of one metric, an unknown metric, or no margin for one that is limited.
    """
    found: dict[str, Metric] = {}
    for trained in predictors:
        if trained.metric in found:
            raise InvalidRequest(f"two predictors predict '{trained.metric}'", "Name one of them.")
        margin = trained.margin(risk) if trained.metric in limited else None
        if margin is None and trained.metric in limited:
            hint = "Predictors of side metrics have one: nag train-predictor metric=NAME."
            raise InvalidRequest(f"'{trained.metric}' cannot be limited: its predictor has no margin of error", hint)
        spread = float(trained.facts.get("label_spread", 1.0))
        found[trained.metric] = PredictedMetric(trained.metric, trained.predictor, spread, margin)
    rest = [name for name in names if name not in found]
    for name in rest:
        if name not in (known := [*found, *space.costs, *_COMPUTED]):
            raise InvalidRequest(f"no predictor is given for metric '{name}', and no graph tells it", did_you_mean(name, known))
    if rest:
        device = next((next(p.predictor.buffers()).device for p in predictors), torch.device("cpu"))
        reference = _reference(space).to(device)
        found |= computed_metrics(space, reference, rest)
    return found


def _reference(space: SearchSpace) -> DagBatch:
    if not can_sample_uniform(space):
        raise InvalidRequest(f"{space.name} has no uniform draws to scale computed metrics by", "Use predicted ones.")
    return sample_uniform(space, _REFERENCE, 0)


def make_objective(
    space: SearchSpace, spec: ObjectiveSpec, predictors: Sequence[TrainedPredictor], count: int | None = None
) -> Any:
    """An `Objective`, or a `ParetoObjective` of `count` samples where the spec wants a front.

    Raises:
        InvalidRequest: The spec names a metric that is neither predicted nor computed, or limits one without a margin.
    """
    metrics = known_metrics(space, predictors, spec.metrics, tuple(spec.limits), spec.risk)
    if spec.pareto and count is not None:
        return ParetoObjective(space, spec, metrics, count)
    return Objective(space, spec, metrics)


def make_guidance_target(
    space: SearchSpace,
    spec: ObjectiveSpec,
    predictors: Sequence[TrainedPredictor],
    guidance: Guidance | FrontGuidance,
    count: int | None = None,
) -> GuidanceTarget:
    """A target whose limits on predicted metrics are kept as the spec's risk and daring say.

    Raises:
        InvalidRequest: See `make_objective`.
    """
    objective = make_objective(space, spec, predictors, count)
    if spec.pareto or not spec.daring or not {trained.metric for trained in predictors} & set(spec.limits):
        return GuidanceTarget(guidance, objective)
    return GuidanceTarget(guidance, objective, make_objective(space, replace(spec, risk=_EVEN), predictors), spec.daring)
