"""The trained predictor: what predicts a metric, and what its checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ConfigDict, model_validator

from nag.core.checkpoints import load_checkpoint
from nag.core.documents import Document, check
from nag.core.numbers import Finite, NonNegative, Size, Text
from nag.diffusion.guidance.target import GuidanceTarget
from nag.evaluation.predicted.guide import Guidance
from nag.evaluation.scores.margins import HeldOut, Margin
from nag.graphs import Architecture, DagBatch
from nag.predictors import Prediction, Predictor
from nag.spaces import SearchSpace
from nag.spaces.models import restore_model
from nag.spaces.trained_model import TrainedModel
from nag.tasks import Metric

__all__ = ["TrainedPredictor", "load_predictor"]


class _HeldOut(Document):
    """What was predicted of labels that were left out, and what they are."""

    predicted: list[Finite]
    true: list[Finite]

    @model_validator(mode="after")
    def _same_number(self) -> _HeldOut:
        if len(self.predicted) != len(self.true):
            raise ValueError("predicted and true values differ in number")
        return self


class PredictorMetadata(Document):
    """What a predictor's checkpoint says beside its tensors, as far as it is used."""

    model_config = ConfigDict(extra="ignore")

    search_metric: Text
    maximise: bool
    labels_used: Size
    train_cpu_seconds: NonNegative
    label_spread: NonNegative = 1.0
    cross_validated: _HeldOut | None = None
    labels_of_other_tasks: Size = 0


@dataclass(frozen=True)
class TrainedPredictor(TrainedModel):
    """A predictor that was fitted to labels of one metric, with what its checkpoint says about it.

    It guides samples toward good predictions: `generator.sample(20, guide=predictor)`.

    Args:
        predictor: The fitted predictor.
        space: Its search space.
        metadata: Description in the checkpoint.

    Example:
        >>> import nag
        >>> space = nag.load_space("nas_bench_graph")
        >>> labels = nag.evaluate(lambda arch: len(arch.edges), space.sample(12, seed=0), space, progress=False)
        >>> predictor = nag.fit_predictor(labels, predictor=nag.predictors.GPPredictor, device="cpu", progress=False)
        >>> predictor, predictor.metric.name
        (TrainedPredictor(GPPredictor of nas_bench_graph, 12 labels of value), 'value')
        >>> predictor.predict(space.sample(2, seed=1)).mean.shape
        torch.Size([2])
    """

    predictor: Predictor
    space: SearchSpace
    metadata: dict[str, Any]

    @classmethod
    def of(cls, predictor: Predictor, held_out: HeldOut | None, metadata: Mapping[str, Any]) -> TrainedPredictor:
        """A fitted predictor with metadata of its training, to which those of the predictor itself are added.

        Args:
            predictor: The fitted predictor.
            held_out: Cross-validated predictions of its own labels, for `margin`; None for none.
            metadata: What it was trained on.
        """
        lists = None if held_out is None else {"predicted": held_out.predicted.tolist(), "true": held_out.true.tolist()}
        own = {
            "space_fingerprint": predictor.space.fingerprint,
            "margin": None if held_out is None else asdict(Margin.calibrate(held_out)),
            "cross_validated": lists,
        }
        return cls(predictor, predictor.space, {**own, **metadata})

    @property
    def model(self) -> Predictor:
        """The predictor."""
        return self.predictor

    @property
    def labels_used(self) -> int:
        """Number of labels that it was trained on."""
        return int(self.metadata["labels_used"])

    @property
    def metric(self) -> Metric:
        """The metric that it predicts."""
        return Metric(str(self.metadata["search_metric"]), bool(self.metadata["maximise"]))

    def margin(self, risk: float) -> Margin | None:
        """The margin of limits on the metric at a risk; None where its errors were not measured.

        Raises:
            InvalidRequest: There were too few labels for that risk.
        """
        found = self.metadata.get("cross_validated")
        return None if found is None else Margin.calibrate(HeldOut(np.array(found["predicted"]), np.array(found["true"])), risk)

    def predict(self, architectures: Sequence[Architecture] | DagBatch) -> Prediction:
        """Predicts the metric of n architectures, in its own units.

        Args:
            architectures: Architectures of the space.

        Returns:
            Mean and standard deviations, (n,) each.

        Raises:
            InvalidArchitecture: An architecture has an operation that the space does not know.
        """
        dags = architectures if isinstance(architectures, DagBatch) else self.space.to_dags(architectures)
        device = next(self.predictor.buffers()).device
        return self.predictor.predict(dags.to(device)).to("cpu")

    def target(self, space: SearchSpace, count: int) -> GuidanceTarget:
        """High predictions, or low ones where less is better, as what guidance makes high (see `Guide`)."""
        return Guidance(self).target(space, count)

    def __repr__(self) -> str:
        labels = f"{self.labels_used} labels of {self.metric.name}"
        return f"TrainedPredictor({type(self.predictor).__name__} of {self.space.name}, {labels})"


def load_predictor(path: Path | str, device: torch.device | str = "cpu") -> TrainedPredictor:
    """Reads a predictor's checkpoint.

    Raises:
        MissingData: No such file.
        DamagedFile: The file is damaged.
        InvalidRequest: A checkpoint of another kind.

    Example:
        >>> import tempfile
        >>> import nag
        >>> from nag.evaluation.predicted import load_predictor
        >>> space = nag.load_space("nas_bench_graph")
        >>> labels = nag.evaluate(lambda arch: len(arch.edges), space.sample(12, seed=0), space, progress=False)
        >>> predictor = nag.fit_predictor(labels, predictor=nag.predictors.GPPredictor, device="cpu", progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load_predictor(predictor.save(f"{folder}/p.safetensors"))
        TrainedPredictor(GPPredictor of nas_bench_graph, 12 labels of value)
    """
    checkpoint = load_checkpoint(path, "predictor")
    check(PredictorMetadata, checkpoint.metadata, f"the metadata in {checkpoint.where}")
    predictor = restore_model(checkpoint, Predictor)  # type: ignore[type-abstract]
    return TrainedPredictor(predictor.to(device), predictor.space, checkpoint.metadata)
