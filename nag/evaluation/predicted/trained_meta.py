"""A fitted meta-predictor: its checkpoint, and its adaptation to a task that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
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
from nag.evaluation.networks.training_tasks import load_task_data
from nag.evaluation.predicted.trained import TrainedPredictor
from nag.graphs import DagBatch
from nag.predictors import AdapterPredictor, MetaPredictor, Predictor, TransferPredictor
from nag.spaces import SearchSpace
from nag.spaces.models import SpaceModel, restore_model
from nag.spaces.trained_model import TrainedModel
from nag.tasks import Observations, Task, TrainedNetworks

__all__ = ["TrainedMetaPredictor", "adapt", "load_meta_predictor"]


class MetaPredictorMetadata(Document):
    """What a meta-predictor's checkpoint says beside its tensors, as far as it is used."""

    model_config = ConfigDict(extra="ignore")

    tasks: list[Text]
    search_metrics: Annotated[list[Text], Field(min_length=1)]
    maximise: bool
    labels_used: Size
    train_cpu_seconds: NonNegative


@dataclass(frozen=True)
class TrainedMetaPredictor(TrainedModel):
    """A meta-predictor with what its checkpoint says about it.

    Args:
        meta: The fitted meta-predictor, or adapters that read no task features.
        space: Its search space.
        metadata: Description in the checkpoint.

    Example:
        >>> import nag
        >>> sources = [nag.load_task(f"nas_bench_graph/{name}") for name in ("cora", "cs")]
        >>> meta = nag.fit_meta_predictor(sources, predictor=nag.predictors.GPPredictor, num_train=20, progress=False)
        >>> meta
        TrainedMetaPredictor(MetaPredictor of nas_bench_graph, 2 tasks)
        >>> task = nag.load_task("nas_bench_graph/citeseer")
        >>> meta.adapt(task, labels=task.measure(task.space.sample(10, seed=0))).labels_used
        10
    """

    meta: MetaPredictor | AdapterPredictor
    space: SearchSpace
    metadata: dict[str, Any]
    checkpoint_kind = MetaPredictor.kind  # also of adapters, which are predictors by themselves

    @property
    def model(self) -> MetaPredictor | AdapterPredictor:
        """The meta-predictor."""
        return self.meta

    def adapt(self, task: Task, labels: Observations | None = None) -> TrainedPredictor:
        """The predictor of a task that the meta-predictor never saw, which guides samples as every predictor does.

        Args:
            task: The task, whose features say which source tasks it is like.
            labels: Measured architectures of the task; None for zero-shot.

        Raises:
            InvalidRequest: A feature of the task is missing, its space is another one, or it is a source task.
        """
        if task.space.fingerprint != self.space.fingerprint:
            raise InvalidRequest(f"the meta-predictor is of {self.space.name}", f"Fit one to tasks of {task.space.name}.")
        known = None
        if labels is not None:
            labels = labels[np.isfinite(labels.values(task.search_metric))]
            device = next(self.meta.buffers()).device
            known = labels.dags.to(device), torch.from_numpy(labels.values(task.search_metric)).to(device)
        return adapt(self, _features_of(task), known, task.name, task.search_metric)

    def __repr__(self) -> str:
        return f"TrainedMetaPredictor({type(self.meta).__name__} of {self.space.name}, {len(self.metadata['tasks'])} tasks)"


def _features_of(task: Task) -> Mapping[str, float]:
    """The features of a task, those of its data set where it names none."""
    if not task.task_features and isinstance(task.source, TrainedNetworks):
        return load_task_data(task.source).task_features
    return task.task_features


def load_meta_predictor(path: Path | str, device: torch.device | str = "cpu") -> TrainedMetaPredictor:
    """Reads a meta-predictor's checkpoint.

    Args:
        path: The file.
        device: Device of its tensors.

    Raises:
        MissingData: No such file.
        DamagedFile: The file is damaged.
        InvalidRequest: A checkpoint of another kind.

    Example:
        >>> import tempfile
        >>> import nag
        >>> from nag.evaluation.predicted import load_meta_predictor
        >>> sources = [nag.load_task(f"nas_bench_graph/{name}") for name in ("cora", "cs")]
        >>> meta = nag.fit_meta_predictor(sources, predictor=nag.predictors.GPPredictor, num_train=10, progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load_meta_predictor(meta.save(f"{folder}/meta.safetensors")).metadata["tasks"]
        ['nas_bench_graph/cora', 'nas_bench_graph/cs']
    """
    checkpoint = load_checkpoint(path, MetaPredictor.kind)
    check(MetaPredictorMetadata, checkpoint.metadata, f"the metadata in {checkpoint.where}")
    meta = restore_model(checkpoint, SpaceModel)
    if not isinstance(meta, MetaPredictor | AdapterPredictor):
        raise DamagedFile(f"{checkpoint.where} holds a {type(meta).__name__}, no meta-predictor", "Train it again.")
    return TrainedMetaPredictor(meta.to(device), meta.space, checkpoint.metadata)


def adapt(
    trained: TrainedMetaPredictor,
    task_features: Mapping[str, float],
    labels: tuple[DagBatch, Tensor] | None,
    task: str,
    metric: str | None = None,
) -> TrainedPredictor:
    """The predictor of a task that the meta-predictor never saw (see `TrainedMetaPredictor.adapt`).

    Args:
        trained: The meta-predictor.
        task_features: Numbers that describe the task's data.
        labels: B architectures and their (B,) labels; None for zero-shot.
        task: Name of the task.
        metric: Name of what is predicted; the source tasks' metric if None.

    Raises:
        InvalidRequest: A feature is missing, or the task is one that the meta-predictor was trained on.

    Example:
        >>> import nag
        >>> from nag.evaluation.predicted import adapt
        >>> sources = [nag.load_task(f"nas_bench_graph/{name}") for name in ("cora", "cs")]
        >>> meta = nag.fit_meta_predictor(sources, predictor=nag.predictors.GPPredictor, num_train=10, progress=False)
        >>> adapt(meta, sources[0].task_features, labels=None, task="like cora").labels_used
        0
    """
    if task in trained.metadata.get("tasks", []):
        raise InvalidRequest(f"the meta-predictor was trained on {task}", "Use it for a task that it never saw.")
    predictor: Predictor
    if isinstance(trained.meta, AdapterPredictor):
        predictor = deepcopy(trained.meta)
    else:
        predictor = TransferPredictor(trained.meta, task_features)
    if labels is not None:
        predictor.fit(*labels)
    count = 0 if labels is None else len(labels[1])
    metadata = {
        "task": task,
        "search_metric": metric or trained.metadata["search_metrics"][0],
        "maximise": trained.metadata["maximise"],
        "labels_used": count,
        "labels_of_other_tasks": trained.metadata["labels_used"],
        "train_cpu_seconds": trained.metadata["train_cpu_seconds"],
        "label_spread": 1.0 if labels is None else max(float(labels[1].std(correction=0)), 1e-9),
    }
    return TrainedPredictor(predictor, trained.space, metadata)
