"""Guided generation for an unseen task: a meta-predictor against a predictor of the same labels from scratch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nag.diffusion import GuidanceMethod
from nag.diffusion.generation import load_generator
from nag.evaluation.predicted import TrainedMetaPredictor, TrainedPredictor, adapt
from nag.predictors import Predictor
from nag.suites import CellContext, Measurement, measurements
from nag.suites.parts.guided_samples import Sampling
from nag.suites.parts.products import trained_generator
from nag.tasks import Task
from nag.training import FitOptions

__all__ = ["GuidedTransfer"]

_METRICS = {
    "guided_percentile": "percentile_mean",
    "guided_search_percentile": "search_percentile_mean",
    "guided_best_percentile": "percentile_best",
    "sampling_cpu_seconds": "sampling_cpu_seconds",
}


@dataclass(frozen=True)
class GuidedTransfer:
    """Guided sampling for an unseen task.

    Args:
        make_generator: (space=..., data=...) -> the untrained generator.
        training: Options of its training, without labels.
        make_scratch: (space=..., seed=...) -> an untrained predictor for the target's labels alone.
        guidance: The guidance.
        labels: Labels of the target task.
        samples: Architectures to generate.
        seeds: Number of seeds.
    """

    make_generator: Callable[..., Any]
    training: FitOptions
    make_scratch: Callable[..., Predictor]
    guidance: GuidanceMethod
    labels: int = 20
    samples: int = 100
    seeds: int = 3

    def measure(self, task: Task, trained: TrainedMetaPredictor, context: CellContext) -> list[Measurement]:
        """Generates with the meta-predictor, zero-shot and few-shot, and with a predictor of the labels alone.

        Args:
            task: The target.
            trained: A meta-predictor that was not trained on it.
            context: Seed of labels, predictors and samples; stores the generator, whose seed is 0.
        """
        path = trained_generator(context, task.space, self.make_generator, self.training)
        generator = load_generator(path, context.device).generator
        found = []
        for method, predictor in self._predictors(task, trained, context.seed).items():
            labels = predictor.labels_used
            draw = Sampling(task, generator, predictor, labels, self.samples, context)
            sampled = draw.guided(self.guidance).values(task)
            values = {name: sampled.get(metric) for name, metric in _METRICS.items()}
            setting = f"{self.samples} guided samples, k={labels}"
            found += measurements(task.space.name, task.name, method, setting, values, labels)
        return found

    def _predictors(self, task: Task, trained: TrainedMetaPredictor, seed: int) -> dict[str, TrainedPredictor]:
        """Method -> its predictor for the target."""
        rows = np.random.default_rng(seed).permutation(task.rows)[: self.labels]
        labels = task.table.dags[torch.from_numpy(rows)], torch.from_numpy(task.search_values[rows])
        scratch = self.make_scratch(space=task.space, seed=seed)
        scratch.fit(*labels)
        few = adapt(trained, task.task_features, labels, task.name, task.search_metric)
        alone = {**few.metadata, "labels_of_other_tasks": 0}
        return {
            "meta-predictor": few,
            "meta-predictor, zero-shot": adapt(trained, task.task_features, None, task.name, task.search_metric),
            "the same labels from scratch": TrainedPredictor(scratch.eval(), task.space, alone),
        }
