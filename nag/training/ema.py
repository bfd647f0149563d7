"""Exponential moving average of a module's parameters."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["MovingAverage"]


class MovingAverage:
    """A copy of a module that follows its parameters: mean += (1 - d) (new - mean), d = min(decay, (1 + n) / (10 + n)).

    The decay grows with the number n of updates, so that short runs forget their start.

    Args:
        module: The module to follow; its buffers are taken as they are.
        decay: Greatest decay.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module, count: int) -> None:
        """Takes one step toward the module's parameters.

        Args:
            module: The trained module.
            count: Number of updates so far, this one not included.
        """
        weight = 1 - min(self.decay, (1 + count) / (10 + count))
        torch._foreach_lerp_(list(self.module.parameters()), list(module.parameters()), weight)
