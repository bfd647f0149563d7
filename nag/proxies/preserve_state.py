"""Context manager that runs a network deterministically and restores the mode of every module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

__all__ = ["NORMS", "hooked", "preserve_state", "run", "weights_of"]

NORMS: tuple[type[nn.Module], ...] = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)
"""Layers that normalise."""

Hook = Callable[[nn.Module, tuple[Any, ...], Any], Any]


@contextmanager
def preserve_state(network: nn.Module, batch_statistics: bool = True) -> Iterator[None]:
    """Inside, nothing is random (no dropout); afterwards every module has its mode again.

    Args:
        network: The network.
        batch_statistics: Whether batch normalisation uses the statistics of the batch, as in training.
    """
    modes = [(module, module.training) for module in network.modules()]
    try:
        for module, _ in modes:
            module.training = batch_statistics and isinstance(module, _BatchNorm)
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def hooked(network: nn.Module, kinds: tuple[type[nn.Module], ...], hook: Hook) -> Iterator[None]:
    """Inside, the hook is called after each module of some kinds with (module, inputs, output); it may change the output."""
    handles: list[RemovableHandle] = []
    try:
        for module in network.modules():
            if isinstance(module, kinds):
                handles.append(module.register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def weights_of(network: nn.Module, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """Copies of a network's weights, as leaves that want gradients: its parameters of two or more dimensions.

    Scales and shifts, of one dimension, are not among them.
    """
    return {
        name: value.detach().to(dtype, copy=True).requires_grad_()
        for name, value in network.named_parameters()
        if value.ndim >= 2
    }


def run(network: nn.Module, inputs: tuple[Tensor, ...], replaced: Mapping[str, Tensor] | None = None) -> Tensor:
    """A forward pass with other parameters; neither these nor running statistics of the network itself change.

    Parameters that are not replaced are constants, in the floating-point type of the first input.

    Args:
        network: The network.
        inputs: Its positional arguments.
        replaced: Name of a parameter -> what it is to be.

    Returns:
        The network's output.
    """
    dtype = inputs[0].dtype
    state: dict[str, Tensor] = {name: value.detach().to(dtype) for name, value in network.named_parameters()}
    for name, value in network.named_buffers():
        state[name] = value.to(dtype if value.is_floating_point() else value.dtype, copy=True)
    return torch.func.functional_call(network, {**state, **(replaced or {})}, inputs)
