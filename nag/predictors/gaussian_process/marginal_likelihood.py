"""Marginal likelihood of labels under a Gaussian process, and its derivatives by the hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nag.predictors.gaussian_process.conditioning import Conditioned
from nag.predictors.gaussian_process.covariance import GROUP_WIDTH, squared_distances
from nag.predictors.gaussian_process.posterior import JITTER

__all__ = ["MarginalLikelihood"]

_LOG_NOISE = -1.5
_CONSTANT_WIDTH = 100.0


@dataclass(frozen=True)
class MarginalLikelihood:
    """Posterior density of hyperparameters given n labels: the marginal likelihood times log-normal priors.

    Hyperparameters are one vector (G + 4,): logarithms of the length scales of G groups, of amplitude and noise, the constant,
    and the logarithm of the trend's variance. Derivatives are written out, over pairs, instead of recorded by autograd: a
    search takes sixty of them at each query.

    Args:
        groups: (n, F_g) rows of the features of each group.
        trend: (n, L) features that enter linearly.
        targets: (n,) float64.
        additive: Whether each group has a kernel of its own.
        amplitude_width: Standard deviation of the prior of the amplitude's logarithm.

    Example:
        >>> import torch
        >>> from nag.predictors.gaussian_process import MarginalLikelihood
        >>> x = torch.linspace(0, 1, 5).double()[:, None]
        >>> likelihood = MarginalLikelihood([x], torch.zeros(5, 0).double(), x[:, 0], additive=False)
        >>> likelihood.gradient(likelihood.start).shape
        torch.Size([5])
    """

    groups: Sequence[Tensor]
    trend: Tensor
    targets: Tensor
    additive: bool
    amplitude_width: float = 1.0
    _pairs: Tensor = field(init=False, repr=False)  # (2, P)
    _distances: Tensor = field(init=False, repr=False)  # (G, P), in units of what the Matern function decays by
    _products: Tensor = field(init=False, repr=False)  # (n, n)

    def __post_init__(self) -> None:
        pairs = torch.triu_indices(len(self.targets), len(self.targets), 1, device=self.targets.device)
        squared = torch.stack([squared_distances(rows, rows)[pairs[0], pairs[1]] for rows in self.groups])
        object.__setattr__(self, "_pairs", pairs)
        object.__setattr__(self, "_distances", (5 * (GROUP_WIDTH if self.additive else 1.0) * squared).sqrt())
        object.__setattr__(self, "_products", self.trend @ self.trend.T)

    @property
    def start(self) -> Tensor:
        """Centre of the priors: (G + 4,) float64."""
        start = self.targets.new_zeros(len(self.groups) + 4)
        start[len(self.groups) + 1] = _LOG_NOISE
        return start

    def loss(self, vector: Tensor) -> float:
        """Negative logarithm of posterior density, up to a constant, for each label (Rasmussen and Williams 2006, eq. 2.30)."""
        residual = self.targets - vector[-2]
        likelihood = Conditioned.on(self._covariance(vector, self._correlation(vector)[0]), residual).log_likelihood(residual)
        return float(((self._from_centre(vector) ** 2).sum() / 2 - likelihood) / len(self.targets))

    def gradient(self, vector: Tensor) -> Tensor:
        """Derivative of `loss` by each hyperparameter (eq. 5.9): (G + 4,)."""
        correlation, by_scale = self._correlation(vector)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(self._covariance(vector, correlation)))
        weights = inverse @ (self.targets - vector[-2])
        excess = inverse - torch.outer(weights, weights)
        amplitude, noise, trend = vector[-4].exp(), vector[-3].exp(), vector[-1].exp()
        rest = torch.stack(
            [
                amplitude / 2 * (excess * correlation).sum(),
                noise / 2 * excess.trace(),
                -weights.sum(),
                trend / 2 * (excess * self._products).sum(),
            ]
        )
        scales = amplitude * (by_scale @ excess[self._pairs[0], self._pairs[1]])
        return (torch.cat([scales, rest]) + self._from_centre(vector) / self._width) / len(self.targets)

    def _correlation(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Correlations of rows, (n, n), and those of pairs by the logarithm of each length scale, (G, P)."""
        scaled = self._distances * torch.exp(-vector[: len(self.groups)]).unsqueeze(1)
        squares = scaled.square()
        if not self.additive:
            scaled = squares.sum(0, keepdim=True).sqrt()
        fading = torch.exp(-scaled)
        steep = (1 + scaled).mul_(fading)
        thirds = squares.div_(3)
        pairs = steep + fading.mul_(thirds if self.additive else thirds.sum(0, keepdim=True))
        correlation = torch.eye(len(self.targets), dtype=torch.float64, device=self.targets.device)
        correlation[self._pairs[0], self._pairs[1]] = correlation[self._pairs[1], self._pairs[0]] = pairs.mean(0)
        return correlation, thirds.mul_(steep).div_(len(pairs))

    def _covariance(self, vector: Tensor, correlation: Tensor) -> Tensor:
        covariance = vector[-4].exp() * correlation + vector[-1].exp() * self._products
        covariance.diagonal().add_(vector[-3].exp() + JITTER)
        return covariance

    def _from_centre(self, vector: Tensor) -> Tensor:
        return (vector - self.start) / self._width

    @property
    def _width(self) -> Tensor:
        width = self.targets.new_ones(len(self.groups) + 4)
        width[-4], width[-2] = self.amplitude_width, _CONSTANT_WIDTH
        return width
