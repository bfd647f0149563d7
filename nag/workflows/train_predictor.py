"""Stage: buy labels of a task and train a predictor on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ConfigDict, model_validator

from nag.core.checkpoints import load_checkpoint, save_checkpoint
from nag.core.documents import Document, check, shortened
from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.files import write_json_lines
from nag.core.numbers import Finite, NonNegative, Size, Text
from nag.evaluation import HeldOut, Margin, Stopwatch, cross_validate, ranking_metrics
from nag.graphs import DagBatch
from nag.predictors import Predictor, restore_predictor
from nag.spaces import SearchSpace, space_from_mapping
from nag.tasks import Split, Task, split_by_class
from nag.workflows.run import RunFolder, stage

__all__ = ["TrainedPredictor", "buy_labels", "load_predictor", "side_task", "train_predictor"]

_SHOWN = 2000
_CHUNK = 8192


class _HeldOut(Document):
    """What was predicted of labels that were left out, and what they are."""

    predicted: list[Finite]
    true: list[Finite]

    @model_validator(mode="after")
    def _same_number(self) -> _HeldOut:
        if len(self.predicted) != len(self.true):
            raise ValueError("predicted and true values differ in number")
        return self


class PredictorFacts(Document):
    """What a predictor's checkpoint says beside its tensors, as far as it is used."""

    model_config = ConfigDict(extra="ignore")

    space: dict[str, Any]
    family: Text
    hyperparameters: dict[str, Any]
    search_metric: Text
    maximise: bool
    labels_used: Size
    train_cpu_seconds: NonNegative
    label_spread: NonNegative = 1.0
    cross_validated: _HeldOut | None = None
    labels_of_other_tasks: Size = 0


@dataclass(frozen=True)
class TrainedPredictor:
    """A predictor with what its checkpoint says about it.

    Args:
        predictor: The fitted predictor.
        space: Its search space.
        facts: Description in the checkpoint.
    """

    predictor: Predictor
    space: SearchSpace
    facts: dict[str, Any]

    @property
    def labels_used(self) -> int:
        """Number of labels that it was trained on."""
        return int(self.facts["labels_used"])

    @property
    def metric(self) -> str:
        """The metric that it predicts."""
        return str(self.facts["search_metric"])

    def margin(self, risk: float) -> Margin | None:
        """The margin of limits on the metric at a risk; None where its errors were not measured.

        Raises:
            InvalidRequest: There were too few labels for that risk.
        """
        found = self.facts.get("cross_validated")
        return None if found is None else Margin.calibrate(HeldOut(np.array(found["predicted"]), np.array(found["true"])), risk)

    @property
    def sign(self) -> float:
        """1 where high predictions are good, -1 where low ones are."""
        return 1.0 if self.facts["maximise"] else -1.0


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
    if side:  # too few labels for a margin are told before any work
        Margin.calibrate(HeldOut(values[split.train], values[split.train]))
    predictor = make_predictor(space=space, seed=run.seed).to(device)
    run.start()
    watch = Stopwatch()
    bought = table.dags[torch.from_numpy(split.train)].to(device)
    with run.tracker.progress(100, f"training on {num_train} labels", "percent") as progress:
        predictor.fit(bought, torch.from_numpy(values[split.train]), lambda share: progress.update(round(100 * share)))
    held_out_labels = _cross_validated(run, make_predictor, task, split.train, device) if side else None
    fit_seconds = watch.cpu

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
    facts = {
        "space": dict(space.description),
        "space_fingerprint": space.fingerprint,
        "family": type(predictor).__name__,
        "hyperparameters": predictor.description(),
        "margin": None if held_out_labels is None else asdict(Margin.calibrate(held_out_labels)),
        "cross_validated": None if held_out_labels is None else _as_lists(held_out_labels),
        "label_spread": float(np.std(values[split.train])),
        "task": task.name,
        "search_metric": task.search_metric,
        "maximise": task.maximise,
        "labels_used": num_train,
        "train_cpu_seconds": round(fit_seconds, 3),
        "seed": run.seed,
        "config": dict(run.config),
    }
    save_checkpoint(run.output("predictor.safetensors"), "predictor", predictor.state_dict(), facts)
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
            "train_cpu_seconds": round(fit_seconds, 3),
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
    if metric not in task.side_metrics:
        raise InvalidRequest(f"task {task.name} has no side metric '{metric}'", did_you_mean(metric, task.side_metrics))
    return replace(task, search_metric=metric, report_metric=metric, maximise=maximise, side_metrics=())


def _as_lists(held_out: HeldOut) -> dict[str, list[float]]:
    return {"predicted": held_out.predicted.tolist(), "true": held_out.true.tolist()}


def _cross_validated(
    run: RunFolder, make_predictor: Callable[..., Predictor], task: Task, rows: np.ndarray, device: torch.device | str
) -> HeldOut:
    """What the same predictor says of its own labels when it has not seen them."""
    dags, values = task.table.dags[torch.from_numpy(rows)].to(device), torch.from_numpy(task.search_values[rows])

    def make() -> Predictor:
        return make_predictor(space=task.table.space, seed=run.seed).to(device)

    with run.tracker.progress(None, "calibrating the margin of limits", "folds"):
        return cross_validate(make, dags, values, torch.Generator().manual_seed(run.seed))


def _predict_all(run: RunFolder, predictor: Predictor, dags: DagBatch) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of measurements, with progress: two (B,) float64."""
    parts = []
    with run.tracker.progress(len(dags), "scoring the held-out architectures", "architectures") as progress:
        for start in range(0, len(dags), _CHUNK):
            prediction = predictor.predict(dags[start : start + _CHUNK])
            parts.append(torch.stack([prediction.mean, prediction.measurement_std]).cpu().double())
            progress.advance(len(prediction))
    mean, std = torch.cat(parts, 1).numpy()
    return mean, std


def load_predictor(path: Path | str, device: torch.device | str = "cpu") -> TrainedPredictor:
    """Reads a predictor's checkpoint.

    Raises:
        MissingData: No such file.
        DamagedFile: The file is damaged.
        InvalidRequest: A checkpoint of another kind.
    """
    checkpoint = load_checkpoint(path, "predictor")
    facts = check(PredictorFacts, checkpoint.description, f"the description in '{shortened(str(path))}'")
    space = space_from_mapping(facts.space, f"the space in '{path}'")
    predictor = restore_predictor(space, facts.family, facts.hyperparameters, checkpoint.tensors)
    return TrainedPredictor(predictor.to(device), space, checkpoint.description)
