"""Stage: buy labels of a task and train a predictor on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.files import write_json_lines
from nag.evaluation import HeldOut, Margin, Stopwatch, ranking_metrics
from nag.evaluation.predicted import fit_observations
from nag.graphs import DagBatch
from nag.predictors import Predictor
from nag.tasks import Metric, Observations, Split, Task, split_by_class
from nag.workflows.run import RunFolder, stage

__all__ = ["buy_labels", "side_task", "train_predictor"]

_SHOWN = 2000
_CHUNK = 8192


def buy_labels(task: Task, num_train: int, seed: int) -> Split:
    """Draws the rows whose search metric is bought; the test side shares no canonical class with them.

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

    The predictor of a side metric, such as a latency, also gets a margin of error, so that limits can be put on it.

    Args:
        run: Run folder; gets `predictor.safetensors` and `predictions.jsonl` (some held-out architectures).
        task: The task.
        make_predictor: (space=..., seed=...) -> the untrained predictor.
        num_train: Number of labels to buy.
        device: Where to train.
        metric: A side metric to predict in place of the search metric.
        held_out: Other architectures to measure it on, drawn at random; all of them if None.
        maximise: Whether more of the side metric is better; less is if None.

    Returns:
        Path of the checkpoint.

    Raises:
        InvalidRequest: There is no such side metric, or there are not that many labels.
    """
    side = metric is not None and metric != task.search_metric
    if metric is not None and side:
        task = side_task(task, metric, bool(maximise))
    elif maximise is not None and maximise != task.maximise:
        better = "more" if task.maximise else "less"
        raise InvalidRequest(f"{better} of {task.search_metric} is better in task {task.name}", "Leave maximise out.")
    split = buy_labels(task, num_train, run.seed)
    table, space = task.table, task.table.space
    values = task.search_values
    labels = _observations(task, split.train)
    if side:  # too few labels for a margin are told before any work
        Margin.calibrate(HeldOut(labels.values(), labels.values()))
    make_predictor(space=space, seed=run.seed)  # wrong options too
    run.start()
    trained = fit_observations(labels, labels.metrics[0], make_predictor, run.seed, device, run.tracker, side)
    predictor = trained.predictor

    others = np.setdiff1d(task.rows, split.train)
    if held_out is not None and held_out < len(others):
        others = np.sort(np.random.default_rng(run.seed).choice(others, held_out, replace=False))
    score_watch = Stopwatch()
    mean, std = _predict_all(run, predictor, table.dags[torch.from_numpy(others)].to(device))
    score_seconds = score_watch.cpu
    without_twin = np.isin(others, split.test)
    metrics = ranking_metrics(mean[without_twin], values[others][without_twin], task.maximise)
    all_other = ranking_metrics(mean, values[others], task.maximise)

    shown = np.sort(np.random.default_rng(run.seed).permutation(np.flatnonzero(without_twin))[:_SHOWN])
    write_json_lines(
        run.output("predictions.jsonl"),
        (
            {
                "arch": space.encode(table.architecture(int(others[i]))),
                "predicted": float(mean[i]),
                "std": float(std[i]),
                "true": float(values[others[i]]),
            }
            for i in shown
        ),
    )
    facts = {**trained.facts, "task": task.name, "config": dict(run.config)}
    replace(trained, facts=facts).save(run.output("predictor.safetensors"))
    run.finish(
        {
            "task": task.name,
            "search_metric": task.search_metric,
            "labels_used": num_train,
            "split": f"by canonical class: {num_train} labels, {int(without_twin.sum())} held-out architectures without a "
            f"functional twin among them, seed {run.seed}",
            "held_out": int(without_twin.sum()),
            **metrics,
            **{f"{name}_all_other": value for name, value in all_other.items()},
            "all_other": len(others),
            "train_cpu_seconds": trained.facts["train_cpu_seconds"],
            "score_cpu_seconds": round(score_seconds, 3),
        }
    )
    return run.path / "predictor.safetensors"


def side_task(task: Task, metric: str, maximise: bool = False) -> Task:
    """The task of predicting a side metric.

    Args:
        task: The task.
        metric: One of its side metrics.
        maximise: Whether more of it is better.

    Raises:
        InvalidRequest: The task has no such side metric.
    """
    if metric not in task.secondary_metrics:
        raise InvalidRequest(f"task {task.name} has no side metric '{metric}'", did_you_mean(metric, task.secondary_metrics))
    return replace(task, search_metric=metric, report_metric=metric, maximise=maximise, secondary=())


def _observations(task: Task, rows: np.ndarray) -> Observations:
    """Rows of a task's table with the search metric."""
    archs = task.space.to_architectures(task.table.dags[torch.from_numpy(rows)])
    metric = Metric(task.search_metric, task.maximise)
    return Observations(task.space, tuple(archs), {metric.name: task.search_values[rows]}, (metric,))


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
