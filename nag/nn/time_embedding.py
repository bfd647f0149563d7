"""Sinusoidal embedding of continuous time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["TimeEmbedding"]


class TimeEmbedding(nn.Module):
    """Maps times in [0, 1] to vectors: sinusoids (Vaswani et al. 2017) through a two-layer perceptron.

    Args:
        width: Length of the vectors.
        zero: Start with vectors of zero, so that adding them to a trained network changes nothing at first.

    Example:
        >>> import torch
        >>> from nag.nn import TimeEmbedding
        >>> TimeEmbedding(8)(torch.tensor([0.0, 0.5, 1.0])).shape
        torch.Size([3, 8])
    """

    frequencies: Tensor

    def __init__(self, width: int, zero: bool = False) -> None:
        super().__init__()
        half = width // 2
        self.register_buffer("frequencies", torch.exp(torch.linspace(0.0, math.log(1000.0), half)), persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2 * half, width), nn.SiLU(), nn.Linear(width, width))
        if zero:
            last = self.mlp[-1]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, t: Tensor) -> Tensor:
        """Embeds times.

        Args:
            t: (B,) in [0, 1].

        Returns:
            (B, width).
        """
        angles = t[:, None] * self.frequencies
        return self.mlp(torch.cat([angles.sin(), angles.cos()], 1))
