"""The size of a network: its parameters, and the multiply-accumulates of a forward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nag.networks import count_parameters
from nag.proxies.batch import Batch
from nag.proxies.preserve_state import preserve_state, run

__all__ = ["flops", "params"]


def params(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Number of trainable parameters; needs neither inputs nor labels.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, params
        >>> params(nn.Linear(3, 2), Batch((torch.zeros(1, 3),)), torch.Generator())
        8.0
    """
    return float(count_parameters(network))


@torch.no_grad()
def flops(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Multiply-accumulates of one forward pass: of one image, or of the whole graph; needs no labels.

    Counted are convolutions and all other matrix products, and one for each number that a message of a graph layer carries.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, flops
        >>> flops(nn.Linear(3, 2), Batch((torch.zeros(4, 3),)), torch.Generator())
        6.0
    """
    handles = []
    passed = 0

    def count(module: nn.Module, inputs: Any, messages: torch.Tensor) -> None:
        nonlocal passed
        passed += messages.numel()

    try:
        for module in network.modules():
            register = getattr(module, "register_message_forward_hook", None)  # torch_geometric's; it takes seconds to import
            if register is not None:
                handles.append(register(count))
        with preserve_state(network, batch_statistics=False), FlopCounterMode(display=False) as counter:
            run(network, batch.single())
    finally:
        for handle in handles:
            handle.remove()
    return counter.get_total_flops() / 2 + passed
