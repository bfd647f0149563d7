"""Noise schedules: how much of the clean graph is left at each time."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

__all__ = ["CosineSchedule", "LinearSchedule", "NoiseSchedule"]


class NoiseSchedule(ABC):
    """The probability alpha(t) that a category is still the clean one; 1 at t = 0 and 0 at t = 1, decreasing.

    Example:
        >>> import torch
        >>> from nag.diffusion import NoiseSchedule
        >>> class Square(NoiseSchedule):
        ...     def alpha(self, t):
        ...         return 1 - t**2
        ...     def time(self, alpha):
        ...         return (1 - alpha).sqrt()
        >>> Square().time(Square().alpha(torch.tensor(0.5)))
        tensor(0.5000)
    """

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Survival probability at times t in [0, 1]; same shape."""

    @abstractmethod
    def time(self, alpha: Tensor) -> Tensor:
        """Times at which the survival probability is alpha in [0, 1]; same shape."""


class LinearSchedule(NoiseSchedule):
    """alpha(t) = 1 - t: categories are lost at a uniform rate (Sahoo et al. 2024).

    Example:
        >>> import torch
        >>> from nag.diffusion import LinearSchedule
        >>> LinearSchedule().alpha(torch.tensor([0.0, 0.25, 1.0]))
        tensor([1.0000, 0.7500, 0.0000])
    """

    def alpha(self, t: Tensor) -> Tensor:
        """Survival probability at times t."""
        return 1 - t

    def time(self, alpha: Tensor) -> Tensor:
        """Times at which the survival probability is alpha."""
        return 1 - alpha


class CosineSchedule(NoiseSchedule):
    """alpha(t) = cos(pi t / 2) ** 2 (Nichol and Dhariwal 2021, without offset).

    Example:
        >>> import torch
        >>> from nag.diffusion import CosineSchedule
        >>> CosineSchedule().alpha(torch.tensor([0.0, 0.5, 1.0])).round(decimals=3)
        tensor([1.0000, 0.5000, 0.0000])
    """

    def alpha(self, t: Tensor) -> Tensor:
        """Survival probability at times t."""
        return torch.cos(t * (math.pi / 2)) ** 2

    def time(self, alpha: Tensor) -> Tensor:
        """Times at which the survival probability is alpha."""
        return torch.acos(alpha.clamp(0, 1).sqrt()) / (math.pi / 2)
