"""Rewards of fine-tuning, and what they cost: those of a predictor, of labels of a task, or of a function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nag.diffusion.generation.guides import ArchitectureScore, FunctionScore
from nag.evaluation.evaluator import Evaluator
from nag.evaluation.ledger import Ledger
from nag.evaluation.predicted.trained import TrainedPredictor
from nag.evaluation.scores.labelled_reward import LabelledReward
from nag.graphs import DagBatch
from nag.spaces import SearchSpace
from nag.tasks import Task

__all__ = ["FunctionSource", "LabelSource", "PredictorSource", "RewardSource"]


class PredictorSource:
    """Rewards are a predictor's normal scores, greater being better; they cost no label beyond those of its training.

    Args:
        predictor: The predictor.
    """

    def __init__(self, predictor: TrainedPredictor) -> None:
        self.predictor = predictor
        self._scored = 0

    @property
    def space(self) -> SearchSpace:
        """The space that it knows."""
        return self.predictor.space

    @property
    def spent(self) -> bool:
        """Predictions do not run out."""
        return False

    @property
    def labels_used(self) -> int:
        """Labels that the predictor was trained on."""
        return self.predictor.labels_used

    def __call__(self, dags: DagBatch) -> Tensor:
        """(B,) predicted normal scores of B graphs."""
        self._scored += len(dags)
        return self.predictor.metric.utility(self.predictor.predictor.predict_scores(dags).mean)

    def state(self) -> dict[str, Any]:
        """What a run that goes on must know."""
        return {"scored": self._scored}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what `state` gave."""
        self._scored = int(state.get("scored", 0))

    def as_ledger(self) -> Ledger:
        """Labels and training of the predictor, and what it scored."""
        seconds = float(self.predictor.metadata.get("train_cpu_seconds", 0.0))
        return Ledger(self.labels_used, predictor_evaluations=self._scored, train_cpu_seconds=seconds)

    def metadata(self) -> dict[str, Any]:
        """What the reward is."""
        return {"reward": "predicted normal score", "task": self.predictor.metadata.get("task")}


class FunctionSource:
    """Rewards are what a function of architectures returns; they cost no label.

    Args:
        space: Search space of the generator.
        score: A list of valid architectures -> a number of each, greater being better.
    """

    labels_used = 0
    spent = False

    def __init__(self, space: SearchSpace, score: ArchitectureScore) -> None:
        self.space = space
        self._score = FunctionScore(space, score)

    def __call__(self, dags: DagBatch) -> Tensor:
        """(B,) values of B graphs; nan where there is none."""
        return self._score.values(dags)

    def state(self) -> dict[str, Any]:
        """Nothing is kept."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing was kept."""

    def as_ledger(self) -> Ledger:
        """Nothing."""
        return Ledger()

    def metadata(self) -> dict[str, Any]:
        """What the reward is."""
        return {"reward": "a function of architectures"}


class LabelSource:
    """Rewards are a task's search metric, queried one label at a time.

    Args:
        task: The task.
        evaluator: Measures.
        budget: Labels that may be queried.

    Raises:
        InvalidRequest: The budget is below 1.
    """

    def __init__(self, task: Task, evaluator: Evaluator, budget: int) -> None:
        self.task, self.labels = task, LabelledReward(task, evaluator, budget)

    @property
    def space(self) -> SearchSpace:
        """The task's space."""
        return self.task.table.space

    @property
    def spent(self) -> bool:
        """Whether the budget is used up."""
        return self.labels.spent

    @property
    def labels_used(self) -> int:
        """Labels queried so far."""
        return self.labels.labels_used

    def __call__(self, dags: DagBatch) -> Tensor:
        """(B,) values of B graphs, the higher the better; nan where there is none."""
        return self.labels(dags)

    def state(self) -> dict[str, Any]:
        """The labels that were queried."""
        return self.labels.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what `state` gave; raises what `LabelledReward.restore` raises."""
        self.labels.restore(state)

    def as_ledger(self) -> Ledger:
        """Labels queried so far."""
        return self.labels.as_ledger()

    def metadata(self) -> dict[str, Any]:
        """What the reward is, and the best that was found."""
        best = self.labels.best()
        return {
            "reward": f"measured {self.task.search_metric}" + ("" if self.task.maximise else ", negated"),
            "task": self.task.name,
            "protocol": self.task.protocol,
            "budget": self.labels.budget,
            "best_search_metric": None if best is None else best[1],
            "best_architecture": None if best is None else self.space.encode(best[0]),
        }


RewardSource = PredictorSource | LabelSource | FunctionSource
