"""Guided generation for an unseen task: what a meta-predictor is worth to it beside the same labels alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nag.diffusion import GuidanceMethod
from nag.diffusion.generation import load_generator
from nag.evaluation import Stopwatch
from nag.evaluation.predicted import TrainedMetaPredictor, TrainedPredictor, adapt
from nag.evaluation.predicted.objectives import predictor_score
from nag.predictors import Predictor
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Measurement
from nag.suites.generators import trained_generator
from nag.tasks import Task
from nag.training import FitOptions, make_fabric

__all__ = ["GuidedTransfer", "measure_guided"]


@dataclass(frozen=True)
class GuidedTransfer:
    """How samples are drawn for an unseen task.

    Args:
        make_generator: (space=..., data=...) -> the untrained generator.
        training: Length and speed of its training, without labels.
        make_scratch: (space=..., seed=...) -> an untrained predictor that sees the labels alone.
        guidance: How to steer.
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


def measure_guided(
    options: GuidedTransfer, task: Task, trained: TrainedMetaPredictor, seed: int, device: str, workshop: ArtifactCache
) -> list[Measurement]:
    """Generates with the meta-predictor, zero-shot and few-shot, and with a predictor of the labels alone.

    Args:
        options: How samples are drawn.
        task: The target.
        trained: A meta-predictor that never saw it.
        seed: Seed of labels, predictors and samples; the generator's is 0.
        device: Kind of accelerator.
        workshop: Holds the generator.
    """
    table, space = task.table, task.table.space
    path = trained_generator(workshop, space, options.make_generator, options.training, device)
    generator = load_generator(path, make_fabric(device).device).generator
    rows = np.random.default_rng(seed).permutation(task.rows)[: options.labels]
    labels = table.dags[torch.from_numpy(rows)], torch.from_numpy(task.search_values[rows])
    scratch = options.make_scratch(space=space, seed=seed)
    scratch.fit(*labels)
    few = adapt(trained, task.task_features, labels, task.name, task.search_metric)
    alone = {**few.facts, "labels_of_other_tasks": 0}
    predictors = {
        "meta-predictor": few,
        "meta-predictor, zero-shot": adapt(trained, task.task_features, None, task.name, task.search_metric),
        "the same labels from scratch": TrainedPredictor(scratch.eval(), space, alone),
    }
    found = []
    for method, predictor in predictors.items():
        watch, rng = Stopwatch(), torch.Generator(device=make_fabric(device).device).manual_seed(seed)
        dags = options.guidance.sample(generator, options.samples, rng, predictor_score(space, predictor)).to("cpu")
        dags = dags[space.is_valid(dags)]
        searched, reported = (table.values(metric, dags) for metric in (task.search_metric, task.report_metric))
        measured = {
            "guided_percentile": float(np.nanmean(task.percentile(reported))),
            "guided_search_percentile": float(np.nanmean(task.percentile(searched, task.search_metric))),
            "guided_best_percentile": float(np.nanmax(task.percentile(reported))),
            "sampling_cpu_seconds": watch.cpu,
        }
        setting = f"{options.samples} guided samples, k={predictor.labels_used}"
        found += [
            Measurement(space.name, task.name, method, setting, name, value, predictor.labels_used)
            for name, value in measured.items()
        ]
    return found
