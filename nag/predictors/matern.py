"""The Matern covariance of smoothness 5/2."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["matern", "squared_distances"]


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances of rows, (A, F) and (B, F): (A, B)."""
    squares = torch.addmm(b.square().sum(1), a, b.T, alpha=-2)
    return squares.add_(a.square().sum(1, keepdim=True)).clamp_(min=0)


def matern(squared: Tensor) -> Tensor:
    """Covariance at squared distances in units of the length scale, 1 at 0 (Rasmussen and Williams 2006, eq. 4.17)."""
    distance = (5 * squared).add_(1e-12).sqrt_()
    return distance.square().div_(3).add_(distance).add_(1).mul_(torch.exp(-distance))
