"""What samples are steered toward: predictors with an objective, labels that are queried while sampling, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nag.core.errors import InvalidRequest
from nag.diffusion import ClassifierFree, FrontGuidance, GuidanceMethod, Unguided
from nag.diffusion.guidance.target import GuidanceTarget
from nag.evaluation import Ledger, LimitRisk
from nag.evaluation.predicted import TrainedPredictor
from nag.evaluation.predicted.objectives import AnyValid, Measured, complete_objective, make_guidance_target
from nag.evaluation.scores.labelled_reward import LabelledReward
from nag.evaluation.scores.margins import USUAL_RISK
from nag.spaces import SearchSpace
from nag.tasks import Limit, Objective

__all__ = ["UNGUIDED", "Steering"]


@dataclass(frozen=True)
class Steering:
    """What samples are steered toward, and how.

    Args:
        guidance: How to steer; None for unguided samples.
        predictor: Steers the samples and predicts their values.
        others: Predictors of further metrics that the objective names.
        objective: What the samples are optimised for; the predictor's metric if None. With limits, only samples that are
            predicted to keep them are returned; where a front is wanted, the best for each of its directions.
        reward: Buys labels while sampling; what is measured is then made high, in place of what is predicted.
        risk: How far samples may go toward limits on predicted metrics.
    """

    guidance: GuidanceMethod | FrontGuidance | None = None
    predictor: TrainedPredictor | None = None
    others: Sequence[TrainedPredictor] = ()
    objective: Objective | None = None
    reward: LabelledReward | None = None
    risk: LimitRisk = USUAL_RISK

    @property
    def predictors(self) -> list[TrainedPredictor]:
        """All predictors."""
        return [each for each in (self.predictor, *self.others) if each is not None]

    @property
    def limits(self) -> Mapping[str, Limit]:
        """Limits of the objective."""
        return {} if self.objective is None else self.objective.limits

    @property
    def scale(self) -> float:
        """How strongly it steers; 0 where it does not."""
        return 0.0 if self.guidance is None else float(getattr(self.guidance, "scale", 0.0))

    def steers(self, target: GuidanceTarget | None) -> bool:
        """Whether a target of this steering changes the samples: a guidance of scale 0 only keeps limits."""
        return target is not None and getattr(self.guidance, "scale", 1) != 0

    def consumed(self) -> Ledger:
        """What the predictors were trained with, and the labels that were queried."""
        spent = Ledger(
            labels_used=sum(each.labels_used for each in self.predictors),
            labels_of_other_tasks=sum(int(each.metadata.get("labels_of_other_tasks", 0)) for each in self.predictors),
            train_cpu_seconds=sum(float(each.metadata["train_cpu_seconds"]) for each in self.predictors),
        )
        return spent if self.reward is None else spent + self.reward.as_ledger()

    def target(self, space: SearchSpace, count: int) -> GuidanceTarget | None:
        """What guidance makes high in a space; None for unguided samples.

        Args:
            space: Search space of the generator.
            count: Number of samples wanted.

        Raises:
            InvalidRequest: The parts do not fit one another or the space.
        """
        for predictor in self.predictors:
            if predictor.space.fingerprint != space.fingerprint:
                what = f"the predictor belongs to {predictor.space.name}, the generator to {space.name}"
                raise InvalidRequest(what, "Train both on one space.")
        if self.reward is not None:
            return self._toward_labels(space, self.reward)
        if self.guidance is None or (self.objective is None and isinstance(self.guidance, GuidanceMethod) and not self.scale):
            return None
        if self.predictor is None and self.objective is None:
            return self._toward_conditions(space, self.guidance)
        objective = self.objective
        if objective is None or (not objective.metrics and self.predictor is not None):
            assert self.predictor is not None
            objective = complete_objective(objective, self.predictor)
        if objective.pareto != isinstance(self.guidance, FrontGuidance):
            raise InvalidRequest("a front takes its own guidance", "Set objective.pareto=true together with guidance=front.")
        return make_guidance_target(space, objective, self.predictors, self.guidance, count, self.risk)

    def _toward_labels(self, space: SearchSpace, reward: LabelledReward) -> GuidanceTarget:
        if self.objective is not None or self.predictor is not None or not isinstance(self.guidance, GuidanceMethod):
            raise InvalidRequest(
                "a budget of labels takes no predictor and no objective", "Give task=T budget=N guidance=evolution alone."
            )
        if not self.scale:
            raise InvalidRequest("a budget of labels is given, but no guidance to spend it", "Use guidance=evolution.")
        return GuidanceTarget(self.guidance, Measured(space, reward))

    def _toward_conditions(self, space: SearchSpace, guidance: GuidanceMethod | FrontGuidance) -> GuidanceTarget | None:
        """Nothing is given that tells good graphs from bad ones: a conditional generator may still be given conditions."""
        if isinstance(guidance, FrontGuidance):
            raise InvalidRequest(
                "a front needs metrics", "Give objective.pareto=true, objective.maximise and objective.minimise."
            )
        if isinstance(guidance.proposal, ClassifierFree):
            return GuidanceTarget(guidance, AnyValid(space))
        if isinstance(guidance.proposal, Unguided):
            return None
        steered = type(guidance.proposal).__name__
        raise InvalidRequest(f"guidance by {steered} is given no score", "Give predictor=PATH, or use guidance=none.")


UNGUIDED = Steering()
"""Samples as the generator draws them."""
