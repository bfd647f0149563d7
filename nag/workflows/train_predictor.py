"""Stage: query labels of a task and train a predictor on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nag.core.errors import InvalidRequest
from nag.core.files import write_json_lines
from nag.evaluation import HeldOut, Margin, Stopwatch, ranking_metrics
from nag.evaluation.metric_names import require_secondary
from nag.evaluation.predicted import fit_observations
from nag.graphs import DagBatch
from nag.predictors import Predictor
from nag.tasks import Metric, Observations, Split, Task, split_by_class
from nag.workflows.run_folder.run import RunFolder, stage

__all__ = ["draw_labels", "task_of_metric", "train_predictor"]

_SHOWN = 2000
_CHUNK = 8192


def draw_labels(task: Task, num_train: int, seed: int) -> Split:
    """Draws the rows whose search metric is queried; the test side shares no canonical class with them.

    Raises:
        InvalidRequest: The table has not that many measured architectures.
    """
    rows = task.rows
    if not 2 <= num_train <= len(rows):
        raise InvalidRequest(f"num_train is {num_train}", f"Task {task.name} has 2 to {len(rows)} measured architectures.")
    split = split_by_class(task.table.canonical[rows], num_train=num_train, seed=seed)
    return Split(rows[split.train], rows[split.test], split.by, seed)


@stage
def train_predictor(
    run: RunFolder,
    task: Task,
    make_predictor: Callable[..., Predictor],
    num_train: int,
    device: torch.device | str = "cpu",
    metric: str | None = None,
    held_out: int | None = None,
    maximise: bool | None = None,
) -> Path:
    """Trains a predictor of a task's search metric on `num_train` labels and measures it on all other architectures.

    The predictor of a secondary metric, such as a latency, also gets a margin of error, so that limits can be put on it.

    Args:
        run: Run folder; gets `predictor.safetensors` and `predictions.jsonl` (some held-out architectures).
        task: The task.
        make_predictor: (space=..., seed=...) -> the untrained predictor.
        num_train: Number of labels to query.
        device: Where to train.
        metric: A secondary metric to predict in place of the search metric.
        held_out: Other architectures to measure it on, drawn at random; all of them if None.
        maximise: Whether more of the secondary metric is better; less is if None.

    Returns:
        Path of the checkpoint.

    Raises:
        InvalidRequest: There is no such secondary metric, or there are not that many labels.
    """
    side = metric is not None and metric != task.search_metric
    task = task_of_metric(task, metric, maximise)
    split = draw_labels(task, num_train, run.seed)
    labels = _observations(task, split.train)
    if side:  # too few labels for a margin are reported before any work
        Margin.calibrate(HeldOut(labels.values(), labels.values()))
    make_predictor(space=task.space, seed=run.seed)  # wrong options too
    run.start()
    trained = fit_observations(labels, labels.metrics[0], make_predictor, run.seed, device, run.tracker, side)
    tested = _test(run, trained.predictor, task, split, held_out, device)
    write_json_lines(run.output("predictions.jsonl"), _shown(task, tested, run.seed))
    run.save(trained.with_metadata(task=task.name), "predictor.safetensors")
    cpu_seconds = trained.metadata["train_cpu_seconds"]
    run.finish({**_metrics(task, tested, num_train, run.seed), "train_cpu_seconds": cpu_seconds})
    return run.path / "predictor.safetensors"


def task_of_metric(task: Task, metric: str | None, maximise: bool | None = None) -> Task:
    """The task of predicting one of a task's metrics.

    Args:
        task: The task.
        metric: Its search metric, or a secondary metric; the search metric if None.
        maximise: Whether more of it is better; if None, the task's own direction of the search metric, and less of a
            secondary metric.

    Raises:
        InvalidRequest: The task has no such metric, or its search metric has another direction.
    """
    if metric is not None and metric != task.search_metric:
        require_secondary(task.name, metric, task.secondary_metrics)
        return replace(task, search_metric=metric, report_metric=metric, maximise=bool(maximise), secondary=())
    if maximise is not None and maximise != task.maximise:
        better = "more" if task.maximise else "less"
        raise InvalidRequest(f"{better} of {task.search_metric} is better in task {task.name}", "Leave maximise out.")
    return task


def _observations(task: Task, rows: np.ndarray) -> Observations:
    """Rows of a task's table with the search metric."""
    archs = task.space.to_architectures(task.table.dags[torch.from_numpy(rows)])
    metric = Metric(task.search_metric, task.maximise)
    return Observations(task.space, tuple(archs), {metric.name: task.search_values[rows]}, (metric,))


@dataclass(frozen=True)
class _Tested:
    """Predictions for architectures that it was not trained on.

    Args:
        rows: (n,) their rows in the task's table.
        mean: (n,) predictions.
        std: (n,) standard deviations of a measurement.
        alone: (n,) whether no functional twin was trained on.
        cpu_seconds: CPU seconds of predicting.
    """

    rows: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    alone: np.ndarray
    cpu_seconds: float


def _test(
    run: RunFolder, predictor: Predictor, task: Task, split: Split, held_out: int | None, device: torch.device | str
) -> _Tested:
    """Predicts the other architectures of the table, or some of them drawn at random."""
    others = np.setdiff1d(task.rows, split.train)
    if held_out is not None and held_out < len(others):
        others = np.sort(np.random.default_rng(run.seed).choice(others, held_out, replace=False))
    watch = Stopwatch()
    mean, std = _predict_all(run, predictor, task.table.dags[torch.from_numpy(others)].to(device))
    return _Tested(others, mean, std, np.isin(others, split.test), watch.cpu)


def _predict_all(run: RunFolder, predictor: Predictor, dags: DagBatch) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of measurements, with progress: two (B,) float64."""
    parts = [torch.zeros(2, 0, dtype=torch.float64)]
    with run.tracker.progress(len(dags), "scoring the held-out architectures", "architectures") as progress:
        for start in range(0, len(dags), _CHUNK):
            prediction = predictor.predict(dags[start : start + _CHUNK])
            parts.append(torch.stack([prediction.mean, prediction.measurement_std]).cpu().double())
            progress.advance(len(prediction))
    mean, std = torch.cat(parts, 1).numpy()
    return mean, std


def _shown(task: Task, tested: _Tested, seed: int) -> list[dict[str, Any]]:
    """Lines of `predictions.jsonl`: some of the architectures without a twin."""
    shown = np.sort(np.random.default_rng(seed).permutation(np.flatnonzero(tested.alone))[:_SHOWN])
    return [
        {
            "arch": task.space.encode(task.table.architecture(int(tested.rows[i]))),
            "predicted": float(tested.mean[i]),
            "std": float(tested.std[i]),
            "true": float(task.search_values[tested.rows[i]]),
        }
        for i in shown
    ]


def _metrics(task: Task, tested: _Tested, num_train: int, seed: int) -> dict[str, Any]:
    """Entries of `metrics.json` that describe labels and ranking."""
    true, alone = task.search_values[tested.rows], tested.alone
    all_other = ranking_metrics(tested.mean, true, task.maximise)
    return {
        "task": task.name,
        "search_metric": task.search_metric,
        "labels_used": num_train,
        "split": f"by canonical class: {num_train} labels, {int(alone.sum())} held-out architectures without a "
        f"functional twin among them, seed {seed}",
        "held_out": int(alone.sum()),
        **ranking_metrics(tested.mean[alone], true[alone], task.maximise),
        **{f"{name}_all_other": value for name, value in all_other.items()},
        "all_other": len(tested.rows),
        "score_cpu_seconds": round(tested.cpu_seconds, 3),
    }
