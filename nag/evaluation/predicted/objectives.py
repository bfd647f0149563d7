"""From trained predictors and an objective to what guidance makes high."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest, did_you_mean
from nag.diffusion import FrontGuidance, GuidanceMethod, Score
from nag.diffusion.guidance.target import GuidanceTarget
from nag.evaluation.metric_names import GRAPH_METRICS
from nag.evaluation.scores.graph_metrics import GraphMetric, PredictedMetric, computed_metrics
from nag.evaluation.scores.guidance_score import FrontScore, GuidanceScore
from nag.evaluation.scores.labelled_reward import LabelledReward
from nag.evaluation.scores.margins import RISK, USUAL_RISK, LimitRisk
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, can_sample_uniform, sample_uniform
from nag.tasks import Objective

if TYPE_CHECKING:
    from nag.evaluation.predicted.trained import TrainedPredictor

__all__ = [
    "AnyValid",
    "Measured",
    "complete_objective",
    "condition_score",
    "known_metrics",
    "make_guidance_target",
    "make_score",
    "predictor_score",
]

_EVEN = 0.5
_REFERENCE = 1000


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
    """The objective where labels are queried while samples are drawn: the measured search metric.

    Args:
        space: Search space.
        reward: Queries the labels.
    """

    space: SearchSpace
    reward: LabelledReward

    def score(self, dags: DagBatch) -> Tensor:
        """The measured values, greater being better; minus infinity for what is invalid or was not measured: (B,) float64."""
        return self.reward(dags).nan_to_num(nan=float("-inf"))

    def feasible(self, dags: DagBatch) -> Tensor:
        """What belongs to the space: (B,) bool."""
        return self.space.is_valid(dags)


def predictor_score(space: SearchSpace, predictor: TrainedPredictor) -> Score:
    """The expected percentile that one predictor gives, greater being better; invalid graphs score below all valid ones."""
    return make_score(space, complete_objective(None, predictor), [predictor]).score


def condition_score(
    space: SearchSpace, name: str, predictor: TrainedPredictor | None, reference: DagBatch | None = None
) -> Score:
    """The values of a generator's condition: a predictor's score, greater being better, else a computed metric.

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


def complete_objective(objective: Objective | None, predictor: TrainedPredictor) -> Objective:
    """An objective that names metrics; where it does not, the predictor's metric is the one, in its task's direction."""
    if objective is None:
        return Objective.single(predictor.metric)
    return objective if objective.metrics else replace(objective, metrics=(predictor.metric,))


def known_metrics(
    space: SearchSpace,
    predictors: Sequence[TrainedPredictor],
    names: Sequence[str],
    limited: Sequence[str] = (),
    risk: float = RISK,
) -> Mapping[str, GraphMetric]:
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
    found: dict[str, GraphMetric] = {}
    for trained in predictors:
        if trained.metric.name in found:
            raise InvalidRequest(f"two predictors predict '{trained.metric.name}'", "Name one of them.")
        margin = trained.margin(risk) if trained.metric.name in limited else None
        if margin is None and trained.metric.name in limited:
            hint = "Predictors of secondary metrics have one: nag train-predictor metric=NAME."
            raise InvalidRequest(f"'{trained.metric.name}' cannot be limited: its predictor has no margin of error", hint)
        spread = float(trained.metadata.get("label_spread", 1.0))
        found[trained.metric.name] = PredictedMetric(trained.metric.name, trained.predictor, spread, margin)
    rest = [name for name in names if name not in found]
    for name in rest:
        if name not in (known := [*found, *space.costs, *GRAPH_METRICS]):
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


def make_score(
    space: SearchSpace,
    objective: Objective,
    predictors: Sequence[TrainedPredictor],
    count: int | None = None,
    risk: float = RISK,
) -> Any:
    """A `GuidanceScore`, or a `FrontScore` of `count` samples where the objective wants a front.

    Raises:
        InvalidRequest: The objective names a metric that is neither predicted nor computed, or limits one without a margin.
    """
    metrics = known_metrics(space, predictors, objective.names, tuple(objective.limits), risk)
    if objective.pareto and count is not None:
        return FrontScore(space, objective, metrics, count)
    return GuidanceScore(space, objective, metrics)


def make_guidance_target(
    space: SearchSpace,
    objective: Objective,
    predictors: Sequence[TrainedPredictor],
    guidance: GuidanceMethod | FrontGuidance,
    count: int | None = None,
    risk: LimitRisk = USUAL_RISK,
) -> GuidanceTarget:
    """A target whose limits on predicted metrics are kept as the risk says.

    Raises:
        InvalidRequest: See `make_score`.
    """
    score = make_score(space, objective, predictors, count, risk.risk)
    predicted = {trained.metric.name for trained in predictors}
    if objective.pareto or not risk.boundary_fraction or not predicted & set(objective.limits):
        return GuidanceTarget(guidance, score)
    return GuidanceTarget(guidance, score, make_score(space, objective, predictors, risk=_EVEN), risk.boundary_fraction)
