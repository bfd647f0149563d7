"""Stage: train a predictor across tasks, and adapt it to a task that it never saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from nag.core.checkpoints import load_checkpoint
from nag.core.documents import Document, check
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.numbers import NonNegative, Size, Text
from nag.evaluation import Stopwatch
from nag.evaluation.predicted import TrainedPredictor
from nag.graphs import DagBatch
from nag.predictors import (
    AdapterPredictor,
    Episodes,
    MetaPredictor,
    NormalScores,
    Predictor,
    RankedPredictor,
    TransferPredictor,
)
from nag.spaces import SearchSpace
from nag.spaces.models import SpaceModel, restore_model, save_model
from nag.tasks import Task
from nag.workflows.run import RunFolder, stage

__all__ = ["TrainedMetaPredictor", "adapt", "check_sources", "load_meta_predictor", "train_meta_predictor"]


class MetaPredictorFacts(Document):
    """What a meta-predictor's checkpoint says beside its tensors, as far as it is used."""

    model_config = ConfigDict(extra="ignore")

    tasks: list[Text]
    search_metrics: Annotated[list[Text], Field(min_length=1)]
    maximise: bool
    labels_used: Size
    train_cpu_seconds: NonNegative


@dataclass(frozen=True)
class TrainedMetaPredictor:
    """A meta-predictor with what its checkpoint says about it.

    Args:
        meta: The fitted meta-predictor, or adapters that read no descriptor.
        space: Its search space.
        facts: Description in the checkpoint.
    """

    meta: MetaPredictor | AdapterPredictor
    space: SearchSpace
    facts: dict[str, Any]


def check_sources(tasks: Sequence[Task]) -> None:
    """Raises `InvalidRequest` unless the tasks can teach one meta-predictor."""
    if not tasks:
        raise InvalidRequest("there is no source task", "Name some: tasks=[nas_bench_graph/cora,nas_bench_graph/cs].")
    if len({task.name for task in tasks}) < len(tasks):
        raise InvalidRequest("a source task is named twice", "Name each once.")
    first = tasks[0]
    for task in tasks:
        if task.table.space.fingerprint != first.table.space.fingerprint:
            raise InvalidRequest(f"{task.name} is not on {first.table.space.name}", "Source tasks share a search space.")
        if task.maximise != first.maximise:
            raise InvalidRequest(f"{task.name} and {first.name} differ in what is better", "Source tasks share a direction.")
        if set(task.task_features) != set(first.task_features):
            raise InvalidRequest(f"the descriptors of {task.name} and {first.name} differ", "Give each the same facts.")


@stage
def train_meta_predictor(
    run: RunFolder,
    tasks: Sequence[Task],
    make_source: Callable[..., RankedPredictor],
    num_train: int | None = None,
    episodes: Episodes | None = None,
    device: torch.device | str = "cpu",
) -> Path:
    """Fits a predictor to each source task, then learns how tasks differ by leaving each out in turn.

    Args:
        run: Run folder; gets `meta_predictor.safetensors`.
        tasks: Source tasks of one search space.
        make_source: (space=..., seed=...) -> an untrained predictor.
        num_train: Architectures of the first task's table whose search metric is looked up in every task; all if None.
        episodes: How the prior is learned.
        device: Where to train.

    Returns:
        Path of the checkpoint.

    Raises:
        InvalidRequest: The tasks cannot teach one meta-predictor, or the predictor cannot learn a source.
    """
    check_sources(tasks)
    space = tasks[0].table.space
    first = make_source(space=space, seed=run.seed)
    if not isinstance(first, RankedPredictor):
        raise InvalidRequest("this predictor cannot learn a source task", "Choose one that ranks, such as trees_large or gp.")
    run.start()
    watch = Stopwatch()
    rows = np.random.default_rng(run.seed).permutation(tasks[0].rows)[:num_train]
    dags = tasks[0].table.dags[torch.from_numpy(rows)].to(device)
    targets = [
        torch.from_numpy(task.table.values(task.search_metric, tasks[0].table.dags[torch.from_numpy(rows)])) for task in tasks
    ]
    labels = sum(int(values.isfinite().sum()) for values in targets)
    with run.tracker.progress(100, f"training on {len(tasks)} tasks", "percent") as progress:

        def show(share: float) -> None:
            progress.update(round(100 * share))

        meta: MetaPredictor | AdapterPredictor
        if isinstance(first, AdapterPredictor):
            meta = first.to(device)
            _learn_adapters(meta, dags, targets, show)
        else:
            sources = {task.name: make_source(space=space, seed=run.seed).to(device) for task in tasks}
            meta = _learn_weights(sources, tasks, dags, targets, run.seed, episodes, show).to(device)
    described = {
        "tasks": [task.name for task in tasks],
        "search_metrics": [task.search_metric for task in tasks],
        "maximise": tasks[0].maximise,
        "labels_used": labels,
        "train_cpu_seconds": round(watch.cpu, 3),
        "seed": run.seed,
        "config": dict(run.config),
    }
    save_model(run.output("meta_predictor.safetensors"), meta, described, kind=MetaPredictor.kind)
    prior = {f"prior_{name}": float(value.detach()) for name, value in getattr(meta, "prior", {}).items()}
    run.finish({"tasks": len(tasks), "labels_used": labels, "train_cpu_seconds": round(watch.cpu, 3), **prior})
    return run.path / "meta_predictor.safetensors"


def _learn_adapters(
    adapters: AdapterPredictor, dags: DagBatch, targets: Sequence[Tensor], on_progress: Callable[[float], None]
) -> None:
    """The base learns the first task, an adapter each further one."""
    for done, values in enumerate(targets, start=1):
        known = values.isfinite()
        adapters.fit_source(dags[known.to(dags.device)], values[known])
        on_progress(done / len(targets))


def _learn_weights(
    sources: dict[str, RankedPredictor],
    tasks: Sequence[Task],
    dags: DagBatch,
    targets: Sequence[Tensor],
    seed: int,
    episodes: Episodes | None,
    on_progress: Callable[[float], None],
) -> MetaPredictor:
    """Fits a predictor to each task, then what a task's descriptor and labels say about the others."""
    for done, (source, values) in enumerate(zip(sources.values(), targets, strict=True), start=1):
        known = values.isfinite()
        source.fit(dags[known.to(dags.device)], values[known])
        source.eval()
        on_progress(0.8 * done / len(tasks))
    meta = MetaPredictor(tasks[0].table.space, sorted(tasks[0].task_features), sources).to(dags.device)
    meta.fit(
        [task.task_features for task in tasks],
        dags,
        torch.stack([_known_scores(values) for values in targets], 1).to(dags.device),
        torch.Generator().manual_seed(seed),
        episodes,
        lambda share: on_progress(0.8 + 0.2 * share),
    )
    return meta


def _known_scores(values: Tensor) -> Tensor:
    """Normal scores of what is measured; nan elsewhere."""
    found = torch.full_like(values, float("nan"))
    known = values.isfinite()
    found[known] = NormalScores().fit(values[known])
    return found


def load_meta_predictor(path: Path | str, device: torch.device | str = "cpu") -> TrainedMetaPredictor:
    """Reads a meta-predictor's checkpoint.

    Raises:
        MissingData: No such file.
        DamagedFile: The file is damaged.
        InvalidRequest: A checkpoint of another kind.
    """
    checkpoint = load_checkpoint(path, MetaPredictor.kind)
    check(MetaPredictorFacts, checkpoint.facts, f"the facts in {checkpoint.where}")
    meta = restore_model(checkpoint, SpaceModel)
    if not isinstance(meta, MetaPredictor | AdapterPredictor):
        raise DamagedFile(f"{checkpoint.where} holds a {type(meta).__name__}, no meta-predictor", "Train it again.")
    return TrainedMetaPredictor(meta.to(device), meta.space, checkpoint.facts)


def adapt(
    trained: TrainedMetaPredictor,
    descriptor: Mapping[str, float],
    labels: tuple[DagBatch, Tensor] | None,
    task: str,
    metric: str | None = None,
) -> TrainedPredictor:
    """The predictor of a task that the meta-predictor never saw.

    Args:
        trained: The meta-predictor.
        descriptor: Facts of the task's data.
        labels: B architectures and their (B,) labels; None for zero-shot.
        task: Name of the task.
        metric: Name of what is predicted; the source tasks' metric if None.

    Raises:
        InvalidRequest: A fact is missing, or the task is one that the meta-predictor was trained on.
    """
    if task in trained.facts.get("tasks", []):
        raise InvalidRequest(f"the meta-predictor was trained on {task}", "Use it for a task that it never saw.")
    predictor: Predictor
    if isinstance(trained.meta, AdapterPredictor):
        predictor = deepcopy(trained.meta)
    else:
        predictor = TransferPredictor(trained.meta, descriptor)
    if labels is not None:
        predictor.fit(*labels)
    count = 0 if labels is None else len(labels[1])
    facts = {
        "task": task,
        "search_metric": metric or trained.facts["search_metrics"][0],
        "maximise": trained.facts["maximise"],
        "labels_used": count,
        "labels_of_other_tasks": trained.facts["labels_used"],
        "train_cpu_seconds": trained.facts["train_cpu_seconds"],
        "label_spread": 1.0 if labels is None else max(float(labels[1].std(correction=0)), 1e-9),
    }
    return TrainedPredictor(predictor, trained.space, facts)
