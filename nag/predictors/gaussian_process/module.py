"""A Gaussian process that keeps what it was fitted to in its state, as a part of predictors."""

from __future__ import annotations

import torch
from torch import Tensor

from nag.predictors.base import Prediction, ResizableState
from nag.predictors.gaussian_process.conditioning import Conditioned
from nag.predictors.gaussian_process.covariance import GroupCovariance
from nag.predictors.gaussian_process.posterior import GPPosterior
from nag.predictors.gaussian_process.regression import GaussianProcess
from nag.predictors.structure import group_scales

__all__ = ["GaussianProcessModule"]

_AMPLITUDE_WIDTH = 1.5


class GaussianProcessModule(ResizableState):
    """A `GaussianProcess` on groups of raw features, one kernel for all; what it was fitted to is in the `state_dict`.

    Args:
        steps: Adam steps on the hyperparameters.
        max_points: Labels used; beyond that, the first so many.
        max_points_hyper: Labels used to find the hyperparameters.

    Example:
        >>> import torch
        >>> from nag.predictors.gaussian_process import GaussianProcessModule
        >>> process, x = GaussianProcessModule(steps=5), torch.linspace(0, 1, 8).double()[:, None]
        >>> _ = process.fit([x], x[:, 0] ** 2)
        >>> process([x]).mean.shape
        torch.Size([8])
    """

    _resizable = ("shift", "scale", "points", "factor", "weights")

    shift: Tensor
    scale: Tensor
    points: Tensor
    factor: Tensor
    weights: Tensor
    mean: Tensor
    amplitude: Tensor
    noise: Tensor

    def __init__(self, steps: int = 60, max_points: int = 2048, max_points_hyper: int = 512) -> None:
        super().__init__()
        self.max_points = max_points
        self.regression = GaussianProcess(
            steps, max_points_hyper=max_points_hyper, additive=False, amplitude_width=_AMPLITUDE_WIDTH
        )
        for name in ("shift", "scale", "weights"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        for name in ("points", "factor"):
            self.register_buffer(name, torch.zeros(0, 0, dtype=torch.float64))
        for name in ("mean", "amplitude", "noise"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))

    def fault(self) -> str:
        """Whether the shapes or the ranges of a loaded state are not those of a process."""
        features, labels = len(self.shift), len(self.weights)
        shapes = (self.scale.shape, self.points.shape, self.factor.shape)
        if shapes != ((features,), (labels, features), (labels, labels)) and (features or labels):
            return "the tensors of the process have different sizes"
        if bool(self.noise < 0) or bool(self.amplitude < 0) or bool((self.factor.diagonal() <= 0).any()):
            return "a variance of the process is negative"
        return ""

    def check_features(self, number: int) -> None:
        """Raises `ValueError` if a fitted process reads another number of features."""
        if len(self.weights) and number != len(self.shift):
            raise ValueError(f"the process reads {len(self.shift)} features, the space has {number}")

    def fit(self, groups: list[Tensor], targets: Tensor) -> GPPosterior:
        """Conditions on labels.

        Args:
            groups: Feature matrices (B, F_g) float64 of the same rows.
            targets: (B,) float64, best of zero mean and unit variance.

        Returns:
            The posterior, of the n = min(B, max_points) labels in use.
        """
        groups, targets = [group[: self.max_points] for group in groups], targets[: self.max_points]
        shift, scale = group_scales(groups)
        found = self.regression.fit((torch.cat(groups, 1) - shift) * scale, tuple(group.shape[1] for group in groups), targets)
        self.shift, self.scale, self.points = shift, scale * found.stretch, found.points
        self.factor, self.weights = found.conditioned.factor.contiguous(), found.conditioned.weights
        for name, value in (("mean", found.constant), ("amplitude", found.covariance.amplitude), ("noise", found.noise)):
            setattr(self, name, torch.as_tensor(value, dtype=torch.float64, device=self.shift.device))
        return found

    def forward(self, groups: list[Tensor]) -> Prediction:
        """Posterior of B rows, from their feature matrices (B, F_g); float64."""
        return self._posterior().predict((torch.cat(groups, 1) - self.shift) * self.scale)

    def _posterior(self) -> GPPosterior:
        """What the state says, of features that are scaled and stretched already."""
        covariance = GroupCovariance((len(self.shift),), False, self.amplitude)
        conditioned = Conditioned(self.factor, self.weights)
        return GPPosterior(self.points, torch.ones_like(self.scale), covariance, self.noise, self.mean, conditioned)
