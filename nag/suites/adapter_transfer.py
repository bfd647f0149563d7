"""Adapters for an unseen task: one network for each pair of base and source task, shared by all targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nag.evaluation.predicted import check_sources
from nag.predictors import AdapterPredictor
from nag.spaces import SearchSpace
from nag.spaces.models import load_model, save_model
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Measurement, cell_key
from nag.suites.ranking import measure_ranking
from nag.tasks import Task, load_task
from nag.training import make_fabric
from nag.workflows.run import RunFolder

__all__ = ["AdapterJob", "AdapterTransfer", "adapters_of", "measure_adapters"]

_FILE = "adapters.safetensors"


@dataclass(frozen=True)
class AdapterTransfer:
    """How adapters learn the source tasks.

    Args:
        make: (space=..., seed=...) -> a predictor without source tasks.
        num_train: Labels that are bought in every source task.
    """

    make: Callable[..., AdapterPredictor]
    num_train: int = 2000


@dataclass(frozen=True)
class AdapterJob:
    """One target and seed for the adapters.

    Args:
        target: Name of the target task.
        sources: Names of the source tasks; the base learns the first.
        options: How the adapters learn.
        labels: Numbers of target labels.
        proposed: Architectures that are proposed.
        seed: Seed of the target's labels; that of the networks is 0.
        device: Kind of accelerator.
    """

    target: str
    sources: tuple[str, ...]
    options: AdapterTransfer
    labels: tuple[int, ...]
    proposed: int
    seed: int
    device: str


def measure_adapters(job: AdapterJob, workshop: ArtifactCache) -> list[Measurement]:
    """Ranks the target's table by adapters with every number of labels."""
    task, sources = load_task(job.target), [load_task(name) for name in job.sources]
    predictor, others = adapters_of(job.options, sources, job.device, workshop)
    order = np.random.default_rng(job.seed).permutation(task.rows)
    features, found = predictor.features(task.table.dags), []
    for labels in sorted(job.labels):  # without labels comes first: a fit cannot be undone
        seen = order[:labels]
        if labels:
            predictor.fit_features(features[torch.from_numpy(seen)], torch.from_numpy(task.search_values[seen]))
        prediction = task.utility(predictor.predict_features(features).mean.cpu().numpy())
        measured = measure_ranking(task, prediction, np.setdiff1d(task.rows, seen), job.proposed)
        measured["labels_of_other_tasks"] = float(others)
        found += [
            Measurement(task.table.space.name, task.name, "adapters (AIO-P)", f"k={labels}", name, value, labels)
            for name, value in measured.items()
        ]
    return found


def adapters_of(
    options: AdapterTransfer, sources: Sequence[Task], device: str, workshop: ArtifactCache
) -> tuple[AdapterPredictor, int]:
    """The adapters of source tasks, joined; the first task is that of the base.

    An adapter depends on the base and on its own task alone, so that it serves every target but its own.

    Args:
        options: How they learn.
        sources: Source tasks of one search space.
        device: Kind of accelerator.
        workshop: Holds the networks; their seed is 0.

    Returns:
        The predictor, and the labels of other tasks that it was trained on.

    Raises:
        InvalidRequest: The tasks cannot teach one predictor.
    """
    check_sources(sources)
    base = _trained(options, sources[:1], None, device, workshop)
    folders = [_trained(options, [sources[0], source], base, device, workshop) for source in sources[1:]]
    labels = sum(len(_bought(options, source)) for source in sources)
    return _joined(options, sources[0].table.space, [base, *folders], device), labels


def _trained(options: AdapterTransfer, tasks: Sequence[Task], base: Path | None, device: str, workshop: ArtifactCache) -> Path:
    """The run folder of the base alone, or of the base with the adapter of a second task."""
    task = tasks[-1]

    def build(run: RunFolder) -> None:
        run.start()
        predictor = _joined(options, task.table.space, [] if base is None else [base], device)
        rows = _bought(options, task)
        predictor.fit_source(task.table.dags[torch.from_numpy(rows)], torch.from_numpy(task.search_values[rows]))
        save_model(run.path / _FILE, predictor)
        run.finish({"tasks": len(tasks), "labels_used": len(rows)})

    names = [each.name for each in tasks]
    config = {"tasks": names, "make": options.make, "num_train": options.num_train}
    return workshop.product(cell_key("adapters", *names), "train-adapters", 0, device, config, build)


def _joined(options: AdapterTransfer, space: SearchSpace, folders: Sequence[Path], device: str) -> AdapterPredictor:
    """All networks of the run folders."""
    predictor = options.make(space=space, seed=0)
    predictor.join([load_model(folder / _FILE, AdapterPredictor) for folder in folders])
    return predictor.to(make_fabric(device).device)


def _bought(options: AdapterTransfer, task: Task) -> np.ndarray:
    """Rows of a source task's table whose labels are bought."""
    return np.random.default_rng(0).permutation(task.rows)[: options.num_train]
