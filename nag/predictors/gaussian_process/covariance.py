"""Matern 5/2 covariance on groups of features, plus a linear trend."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["GROUP_WIDTH", "GroupCovariance", "matern", "squared_distances"]

GROUP_WIDTH = 2.0
"""Factor on the squared distances of a kernel of one group: they average 1, far less than those of all groups together."""


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances of rows, (A, F) and (B, F): (A, B).

    Example:
        >>> import torch
        >>> from nag.predictors.gaussian_process import squared_distances
        >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[25.,  1.]])
    """
    return (a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)


def matern(squared: Tensor) -> Tensor:
    """Covariance at squared distances in units of the length scale, 1 at 0 (Rasmussen and Williams 2006, eq. 4.17).

    Example:
        >>> import torch
        >>> from nag.predictors.gaussian_process import matern
        >>> matern(torch.tensor([0.0, 1.0, 100.0])).round(decimals=3)
        tensor([1.0000, 0.5240, 0.0000])
    """
    distance = (5 * squared + 1e-12).sqrt()
    return (1 + distance + distance.square() / 3) * torch.exp(-distance)


@dataclass(frozen=True)
class GroupCovariance:
    """Prior covariance of rows whose features were multiplied by their inverse length scales.

    Args:
        sizes: Number of features of each group; features beyond their sum enter linearly.
        additive: Whether the kernel is the mean of one kernel for each group; else one kernel takes the sum of all distances.
        amplitude: Prior variance of the stationary part.

    Example:
        >>> import torch
        >>> from nag.predictors.gaussian_process import GroupCovariance
        >>> covariance, rows = GroupCovariance(sizes=(1, 2), additive=True, amplitude=2.0), torch.zeros(4, 3).double()
        >>> covariance.stationary(rows, rows)[0, 0], covariance.stationary_features
        (tensor(2.0000, dtype=torch.float64), 3)
    """

    sizes: tuple[int, ...]
    additive: bool
    amplitude: Tensor | float

    @property
    def stationary_features(self) -> int:
        """Number of features that are not linear."""
        return sum(self.sizes)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Covariances of the rows of a (A, F) and b (B, F): (A, B)."""
        return self.stationary(a, b).addmm_(self.trend(a), self.trend(b).T)

    def variance(self, rows: Tensor) -> Tensor:
        """Prior variance of each row: (A,)."""
        return self.amplitude + self.trend(rows).square().sum(1)

    def trend(self, rows: Tensor) -> Tensor:
        """The features that enter linearly, (A, L)."""
        return rows[:, self.stationary_features :]

    def groups(self, rows: Tensor) -> tuple[Tensor, ...]:
        """The features of each group, (A, F_g)."""
        return rows[:, : self.stationary_features].split(self.sizes, 1)

    def stationary(self, a: Tensor, b: Tensor) -> Tensor:
        """Covariances without the linear part: (A, B)."""
        if not self.additive:
            bent = self.stationary_features
            return self.amplitude * matern(squared_distances(a[:, :bent], b[:, :bent]))
        total = torch.zeros(len(a), len(b), dtype=a.dtype, device=a.device)
        for left, right in zip(self.groups(a), self.groups(b), strict=True):
            total += matern(GROUP_WIDTH * squared_distances(left, right))
        return total.mul_(self.amplitude / len(self.sizes))
