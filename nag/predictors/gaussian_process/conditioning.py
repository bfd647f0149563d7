"""Exact conditioning of a Gaussian vector on some of its values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from nag.predictors.base import Prediction

__all__ = ["Conditioned"]


@dataclass(frozen=True)
class Conditioned:
    """What predictions from n noisy values need (Rasmussen and Williams 2006, algorithm 2.1).

    Args:
        factor: (n, n) float64, lower Cholesky factor of the covariance K of the values, noise included.
        weights: (n,) float64, K^-1 (y - m) for values y of prior mean m.

    Example:
        >>> import torch
        >>> found = Conditioned.on(torch.eye(2, dtype=torch.float64), torch.tensor([1.0, -1.0], dtype=torch.float64))
        >>> found.weights.tolist()
        [1.0, -1.0]
    """

    factor: Tensor
    weights: Tensor

    @classmethod
    def on(cls, covariance: Tensor, residual: Tensor) -> Conditioned:
        """Conditions on values.

        Args:
            covariance: (n, n) float64, of the values, noise included.
            residual: (n,) float64, the values less their prior mean.

        Raises:
            torch.linalg.LinAlgError: The covariance is not positive definite.
        """
        factor = torch.linalg.cholesky(covariance)
        return cls(factor, torch.cholesky_solve(residual.unsqueeze(1), factor).squeeze(1))

    @cached_property
    def whitening(self) -> Tensor:
        """Inverse of the transposed factor: the rows of `cross @ whitening` have uncorrelated columns, (n, n)."""
        one = torch.eye(len(self.factor), dtype=self.factor.dtype, device=self.factor.device)
        return torch.linalg.solve_triangular(self.factor, one, upper=False).T

    def mean(self, cross: Tensor) -> Tensor:
        """Posterior mean less prior mean, from covariances (C, n) with the values: (C,) float64."""
        return cross.double() @ self.weights

    def explained(self, cross: Tensor) -> Tensor:
        """By how much the values reduce the prior variance, from covariances (C, n) with them: (C,)."""
        return (cross @ self.whitening.to(cross.dtype)).square_().sum(1)

    def log_likelihood(self, residual: Tensor) -> Tensor:
        """Log marginal likelihood of the n values less their prior mean (eq. 2.30), up to a constant of n."""
        return -0.5 * (residual * self.weights).sum() - self.factor.diagonal().log().sum()

    def left_out(self, values: Tensor, noise: Tensor | float) -> Prediction:
        """Prediction of each of the (n,) values given all others (eq. 5.12).

        Args:
            values: (n,) float64, those that were conditioned on.
            noise: Variance of the noise in them.
        """
        precision = torch.cholesky_inverse(self.factor).diagonal()
        variance = 1 / precision
        mean = values - self.weights / precision
        return Prediction(mean, (variance - noise).clamp(min=0).sqrt(), variance.sqrt())

    def extended(self, cross: Tensor, covariance: Tensor) -> Conditioned:
        """As if q further values had been observed exactly as predicted: means stay, uncertainty near them shrinks.

        Args:
            cross: (q, n) float64, covariances with the values so far.
            covariance: (q, q) float64, of the new ones, noise included.
        """
        below = cross @ self.whitening
        corner = torch.linalg.cholesky(covariance - below @ below.T)
        top = torch.cat([self.factor, self.factor.new_zeros(len(self.factor), len(corner))], 1)
        factor = torch.cat([top, torch.cat([below, corner], 1)])
        return Conditioned(factor, torch.cat([self.weights, self.weights.new_zeros(len(corner))]))
