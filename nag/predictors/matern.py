"""The Matern covariance of smoothness 5/2."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["matern", "squared_distances"]


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances of rows, (A, F) and (B, F): (A, B)."""
    return (a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)


def matern(squared: Tensor) -> Tensor:
    """Covariance at squared distances in units of the length scale, 1 at 0 (Rasmussen and Williams 2006, eq. 4.17)."""
    distance = (5 * squared + 1e-12).sqrt()
    return (1 + distance + distance.square() / 3) * torch.exp(-distance)
