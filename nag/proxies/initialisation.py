"""Initial weights of the kind that published scores were computed with."""

from __future__ import annotations

import math

import torch
from torch import nn

from nag.proxies.preserve_state import NORMS

__all__ = ["initialise_normal"]


@torch.no_grad()
def initialise_normal(network: nn.Module, rng: torch.Generator) -> None:
    """Gives a network new weights, in place: normal of variance 2 / fan-out (He et al., ICCV 2015, section 2.2).

    Fan-out is the number of output features times the size of the kernel. Shifts become 0, scales of normalisation layers 1.
    This is how Cavagnero et al. (WACV 2023) initialise networks before they score them.

    Args:
        network: The network, on any device.
        rng: Source of randomness, on the CPU; a network has the same weights on every device.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import initialise_normal
        >>> network = nn.Linear(3, 2)
        >>> initialise_normal(network, torch.Generator().manual_seed(0))
        >>> network.bias.tolist()
        [0.0, 0.0]
    """
    for module in network.modules():
        for name, value in module.named_parameters(recurse=False):
            if value.ndim >= 2:
                fan_out = value.numel() // value.shape[1]
                noise = torch.randn(value.shape, generator=rng, dtype=torch.float32)
                value.copy_(noise * math.sqrt(2 / fan_out))
            else:
                value.fill_(float(isinstance(module, NORMS) and name == "weight"))
