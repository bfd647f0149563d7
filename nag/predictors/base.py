"""Interface of predictors: architectures in, a mean and standard deviations for each out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nag.core.errors import InvalidRequest
from nag.core.progress import OnProgress, ignore_progress
from nag.graphs import DagBatch
from nag.spaces.models import SpaceModel

__all__ = ["Prediction", "Predictor", "ResizableState", "check_labels"]


@dataclass(frozen=True, init=False)
class Prediction:
    """Predicted values of B architectures, in the units of the targets that the predictor was fitted to.

    Two standard deviations answer two questions. `std` is that of the function itself, which measurements without noise reduce
    to zero: acquisition functions take it. `measurement_std` is that of one new measurement, whose noise no number of labels
    removes: intervals, margins and percentiles of labels take it. An ensemble cannot tell noise of the labels from what all
    its members get wrong; both are in `measurement_std`.

    Args:
        mean: (B,) float; a higher mean is predicted to be a higher target.
        std: (B,) float, standard deviation of the function around the mean.
        measurement_std: (B,) float, standard deviation of a new measurement around the mean, at least `std`; None where
            measurements have no noise.

    Example:
        >>> import torch
        >>> from nag.predictors import Prediction
        >>> prediction = Prediction(mean=torch.tensor([0.7, 0.9]), std=torch.tensor([0.1, 0.05]))
        >>> prediction[:1].mean, Prediction.cat([prediction, prediction]).std.shape
        (tensor([0.7000]), torch.Size([4]))
    """

    mean: Tensor
    std: Tensor
    measurement_std: Tensor

    def __init__(self, mean: Tensor, std: Tensor, measurement_std: Tensor | None = None) -> None:
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)
        object.__setattr__(self, "measurement_std", std if measurement_std is None else measurement_std)

    @classmethod
    def of_variances(cls, mean: Tensor, variance: Tensor, noise: Tensor | float) -> Prediction:
        """Prediction from the (B,) variance of the function and the variance of a measurement's noise."""
        return cls(mean, variance.sqrt(), (variance + noise).sqrt())

    @classmethod
    def cat(cls, parts: Sequence[Prediction]) -> Prediction:
        """Predictions of several batches, one after the other."""
        return cls(*(torch.cat(column) for column in zip(*(part._columns for part in parts), strict=True)))

    def to(self, device: torch.device | str) -> Prediction:
        """The same prediction on a device."""
        return Prediction(*(column.to(device) for column in self._columns))

    def __getitem__(self, index: Tensor | slice) -> Prediction:
        return Prediction(*(column[index] for column in self._columns))

    def __len__(self) -> int:
        return self.mean.shape[0]

    @property
    def _columns(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.mean, self.std, self.measurement_std


class ResizableState(nn.Module):
    """A module some of whose buffers take their size from the data it was fitted to.

    Loading a state dict gives those buffers the sizes they have there.
    """

    _resizable: tuple[str, ...] = ()

    def fault(self) -> str:
        """What is wrong with a state that was loaded, in words; empty if nothing is."""
        return ""

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        for name in self._resizable:
            value = state_dict.get(prefix + name)
            if isinstance(value, Tensor):
                buffer = getattr(self, name)
                if value.ndim != buffer.ndim or value.dtype != buffer.dtype:
                    error_msgs.append(f"{prefix}{name} is no {buffer.dtype} of {buffer.ndim} dimensions")
                    return
                setattr(self, name, torch.empty_like(value, device=buffer.device, dtype=buffer.dtype))
        super()._load_from_state_dict(
            dict(state_dict), prefix, dict(local_metadata), strict, missing_keys, unexpected_keys, error_msgs
        )
        if not error_msgs and (fault := self.fault()):
            error_msgs.append(f"{prefix}: {fault}")


class Predictor(SpaceModel, ABC):
    """Predicts the target of a task from the architecture.

    All that `fit` learns is in the `state_dict`: a predictor of the same constructor arguments (`config`) that loads it
    predicts the same bits.

    Args:
        space: Search space of the architectures.

    Example:
        >>> import torch
        >>> from nag.predictors import Prediction, Predictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> class MeanPredictor(Predictor):
        ...     def __init__(self, space):
        ...         super().__init__(space)
        ...         self.register_buffer("moments", torch.zeros(2, dtype=torch.float64))
        ...     def fit(self, dags, targets, on_progress=lambda share: None):
        ...         self.moments = torch.stack([targets.double().mean(), targets.double().std()])
        ...     def predict(self, dags):
        ...         return Prediction(self.moments[0].expand(len(dags)), self.moments[1].expand(len(dags)))
        ...     def predict_scores(self, dags):
        ...         return Prediction(torch.zeros(len(dags)), torch.ones(len(dags)))
        >>> space = load_space("nas_bench_graph")
        >>> dags, predictor = sample_uniform(space, 3, seed=0), MeanPredictor(space)
        >>> predictor.fit(dags, torch.tensor([1.0, 2.0, 3.0]))
        >>> predictor.predict(dags).mean
        tensor([2., 2., 2.], dtype=torch.float64)
    """

    kind = "predictor"

    @abstractmethod
    def fit(self, dags: DagBatch, targets: Tensor, on_progress: OnProgress = ignore_progress) -> None:
        """Fits to labels, discarding any earlier fit.

        Args:
            dags: B architectures of the space.
            targets: (B,) float, their targets.
            on_progress: Called now and then with the share that is done, 0 to 1.

        Raises:
            InvalidRequest: There are no labels, not one for each architecture, or some are not finite.
        """

    @abstractmethod
    def predict(self, dags: DagBatch) -> Prediction:
        """Predicts the targets of B architectures, without gradients.

        Raises:
            InvalidRequest: The predictor was neither fitted nor loaded.
        """

    @abstractmethod
    def predict_scores(self, dags: DagBatch) -> Prediction:
        """Predicts normal scores: ordered as the targets, but of mean 0 and deviation 1 over the labels, whatever the task.

        Raises:
            InvalidRequest: The predictor was neither fitted nor loaded.
        """


def check_labels(dags: DagBatch, targets: Tensor) -> None:
    """Raises `InvalidRequest` unless there is one finite target for each of at least one architecture."""
    if targets.shape != (len(dags),) or not len(dags):
        shape = "x".join(map(str, targets.shape))
        raise InvalidRequest(f"{len(dags)} architectures came with targets of shape {shape}", "Pass one target for each.")
    if not bool(torch.isfinite(targets).all()):
        raise InvalidRequest("some targets are not finite", "Drop the architectures that have no measurement.")
