"""How differently the pieces of a network see the examples of a batch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from nag.proxies.batch import Batch
from nag.proxies.preserve_state import hooked, preserve_state, run

__all__ = ["naswot"]

_UNITS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU)


@torch.no_grad()
def naswot(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Log-determinant of the kernel of activation codes (Mellor et al., ICML 2021, equations 1 and 2).

    Each example has a binary code: which of all N rectified linear units it makes positive. The kernel of two examples is N
    minus the Hamming distance of their codes. Batch normalisation uses the batch's statistics. Needs no labels. Minus infinity
    where the kernel is singular: all units see all examples alike, or there are no units (only modules such as `nn.ReLU` are
    seen, not functions called inside a module).

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, naswot
        >>> network = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
        >>> _ = [nn.init.ones_(parameter) for parameter in network.parameters()]
        >>> naswot(network, Batch((torch.tensor([[2.0], [-2.0]]),)), torch.Generator())
        1.3862943611198906
    """
    kernel = torch.zeros(len(batch), len(batch), dtype=torch.float64, device=batch.inputs[0].device)

    def compare(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        if len(output) != len(batch.inputs[0]):
            return  # not one code an example, such as the stacks inside a graph layer
        code = batch.chosen(output > 0).flatten(1).float()  # counts below 2**24 are exact
        on = code.sum(1)
        both = code @ code.T
        kernel.add_(code.shape[1] - on[:, None] - on + 2 * both)

    with preserve_state(network), hooked(network, _UNITS, compare):
        run(network, batch.inputs)
    sign, logarithm = torch.linalg.slogdet(kernel)
    return float(logarithm) if float(sign) != 0 else -math.inf
