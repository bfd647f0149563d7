"""Stage: train a predictor across tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from nag.evaluation.predicted import check_sources, fit_sources, source_predictor
from nag.predictors import Episodes, RankedPredictor
from nag.tasks import Task
from nag.workflows.run_folder.run import RunFolder, stage

__all__ = ["train_meta_predictor"]


@stage
def train_meta_predictor(
    run: RunFolder,
    tasks: Sequence[Task],
    make_source: Callable[..., RankedPredictor],
    num_train: int | None = None,
    episodes: Episodes | None = None,
    device: torch.device | str = "cpu",
) -> Path:
    """Fits a predictor to each source task, then what makes tasks alike, by leaving each out in turn.

    Args:
        run: Run folder; gets `meta_predictor.safetensors`.
        tasks: Source tasks of one search space.
        make_source: (space=..., seed=...) -> an untrained predictor.
        num_train: Architectures of the first task's table whose search metric is looked up in every task; all if None.
        episodes: Options of fitting the prior.
        device: Where to train.

    Returns:
        Path of the checkpoint.

    Raises:
        InvalidRequest: See `nag.fit_meta_predictor`.
    """
    check_sources(tasks)
    source_predictor(tasks[0].space, make_source, run.seed)
    run.start()
    found = fit_sources(tasks, make_source, num_train, episodes, run.seed, device, run.tracker)
    run.save(found, "meta_predictor.safetensors")
    prior = {f"prior_{name}": float(value.detach()) for name, value in getattr(found.meta, "prior", {}).items()}
    numbers = {name: found.metadata[name] for name in ("labels_used", "train_cpu_seconds")}
    run.finish({"tasks": len(tasks), **numbers, **prior})
    return run.path / "meta_predictor.safetensors"
