"""Exact Gaussian-process regression on groups of features, hyperparameters by marginal likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

from nag.predictors.base import ResizableState
from nag.predictors.structure import group_scales

__all__ = ["GaussianProcess"]

_JITTER = 1e-6


def _matern(squared: Tensor) -> Tensor:
    """Matern kernel of smoothness 5/2 of squared distances."""
    distance = (5 * squared + 1e-12).sqrt()
    return (1 + distance + distance.square() / 3) * torch.exp(-distance)


class GaussianProcess(ResizableState):
    """Regression with a Matern 5/2 kernel that has one length scale for each group of features.

    Length scales, amplitude, noise and mean maximise the marginal likelihood (Rasmussen and Williams 2006, ch. 5) under
    log-normal priors, so that a group that does not matter fades out. Computes in float64.

    Args:
        steps: Adam steps on the hyperparameters.
        learning_rate: Their step size, in logarithms.
        max_points: Labels used; beyond that, the first so many. Cost grows with the cube, memory with the square.
        max_points_hyper: Labels used to find the hyperparameters.
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

    def __init__(
        self, steps: int = 60, learning_rate: float = 0.1, max_points: int = 2048, max_points_hyper: int = 512
    ) -> None:
        super().__init__()
        self.steps, self.learning_rate = steps, learning_rate
        self.max_points, self.max_points_hyper = max_points, max_points_hyper
        for name in ("shift", "scale", "weights"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        for name in ("points", "factor"):
            self.register_buffer(name, torch.zeros(0, 0, dtype=torch.float64))
        for name in ("mean", "amplitude", "noise"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))

    def fit(self, groups: list[Tensor], targets: Tensor) -> None:
        """Conditions on labels.

        Args:
            groups: Feature matrices (B, F_g) float64 of the same rows.
            targets: (B,) float64, best of zero mean and unit variance.
        """
        groups, targets = [group[: self.max_points] for group in groups], targets[: self.max_points]
        shift, scale = group_scales(groups)
        sizes = [group.shape[1] for group in groups]
        x = (torch.cat(groups, 1) - shift) * scale
        few = min(len(x), self.max_points_hyper)
        lengths, amplitude, noise, mean = self._hyperparameters(x[:few].split(sizes, 1), targets[:few])
        stretch = torch.cat([length.expand(size) for length, size in zip(1 / lengths, sizes, strict=True)])
        self.shift, self.scale, self.points = shift, scale * stretch, x * stretch
        self.amplitude, self.noise, self.mean = amplitude, noise, mean
        noises = (noise + _JITTER).expand(len(x)).diag()
        covariance = amplitude * self._kernel(self.points) + noises
        self.factor = torch.linalg.cholesky(covariance).contiguous()
        self.weights = torch.cholesky_solve((targets - mean).unsqueeze(1), self.factor).squeeze(1)

    def _hyperparameters(self, x: tuple[Tensor, ...], targets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Length scale of each group (G,), amplitude, noise variance and mean that maximise the posterior."""
        squared = torch.stack([_squared_distances(part, part) for part in x])
        eye = torch.eye(len(targets), dtype=targets.dtype, device=targets.device)
        prior_noise = -1.5
        log_lengths = targets.new_zeros(len(x)).requires_grad_()
        log_amplitude, log_noise, mean = (targets.new_tensor(start).requires_grad_() for start in (0.0, prior_noise, 0.0))
        optimizer = torch.optim.Adam([log_lengths, log_amplitude, log_noise, mean], lr=self.learning_rate)
        with torch.enable_grad():
            for _ in range(self.steps):
                optimizer.zero_grad()
                kernel = _matern(torch.tensordot(torch.exp(-2 * log_lengths), squared, 1))
                factor = torch.linalg.cholesky(log_amplitude.exp() * kernel + (log_noise.exp() + _JITTER) * eye)
                residual = torch.linalg.solve_triangular(factor, (targets - mean).unsqueeze(1), upper=False)
                fit = residual.square().sum() / 2 + factor.diagonal().log().sum()
                prior = log_lengths.square().sum() + (log_amplitude / 1.5).square() + (log_noise - prior_noise).square()
                (fit + prior / 2).backward()
                optimizer.step()
        return log_lengths.detach().exp(), log_amplitude.detach().exp(), log_noise.detach().exp(), mean.detach()

    def _kernel(self, x: Tensor) -> Tensor:
        return _matern(_squared_distances(x, self.points))

    def forward(self, groups: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Posterior mean and variance of the noise-free function, each (B,) float64; the noise variance is `noise`."""
        kernel = self.amplitude * self._kernel((torch.cat(groups, 1) - self.shift) * self.scale)
        explained = torch.linalg.solve_triangular(self.factor, kernel.T, upper=False).square().sum(0)
        return self.mean + kernel @ self.weights, (self.amplitude - explained).clamp(min=0)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances of the rows of a (m, F) and b (n, F): (m, n)."""
    return (a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)
