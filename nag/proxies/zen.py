"""Zen-score: how strongly a random network's features answer to small changes of random inputs."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nag.proxies.batch import Batch
from nag.proxies.preserve_state import NORMS, hooked, preserve_state, run

__all__ = ["zen"]

_STEP = 0.01


@torch.no_grad()
def zen(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Zen-score (Lin et al., ICCV 2021, algorithm 1), with the network's own skip connections left in.

    Weights and inputs x are standard normal, x' = x + 0.01 noise. The score is log E|f(x) - f(x')| of the features f before
    global pooling (before the classifier, where there is no pooling) plus, for each batch normalisation, log of the root mean
    square over channels of the standard deviation that it divides by: what it takes from the features' size. Layers that see
    a constant are left out. Needs the inputs' shape, but neither values nor labels. Minus infinity where the features do not
    depend on the input.

    Args:
        network: The network; its weights do not matter.
        batch: Gives the shape of the inputs, and the edges of a graph.
        rng: Source of randomness, on the CPU.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, zen
        >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
        >>> isinstance(zen(network, Batch((torch.zeros(2, 1, 8, 8),)), torch.Generator().manual_seed(0)), float)
        True
    """
    weights = {name: _random(network, name, value, rng) for name, value in network.named_parameters()}
    noise = torch.randn((2, *batch.inputs[0].shape), generator=rng).to(batch.inputs[0])
    scale = 0.0

    def measure(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal scale
        variance = float(inputs[0].transpose(0, 1).flatten(1).double().var(1, correction=0).mean())
        scale += math.log(variance) / 2 if variance > 0 else 0.0

    with preserve_state(network):
        with hooked(network, (_BatchNorm,), measure):
            first = _features(network, batch.with_features(noise[0]), weights)
        second = _features(network, batch.with_features(noise[0] + _STEP * noise[1]), weights)
    change = float((batch.chosen(first) - batch.chosen(second)).abs().double().mean())
    return math.log(change) + scale if change > 0 else -math.inf


def _random(network: nn.Module, name: str, value: Tensor, rng: torch.Generator) -> Tensor:
    """Normal weights, scales of 1, shifts of 0."""
    if value.ndim >= 2:
        return torch.randn(value.shape, generator=rng).to(value)
    owner, _, own = name.rpartition(".")
    return torch.full_like(value, float(isinstance(network.get_submodule(owner), NORMS) and own == "weight"))


def _features(network: nn.Module, inputs: tuple[Tensor, ...], weights: dict[str, Tensor]) -> Tensor:
    """What the last global pooling reads; what the last linear layer reads, where there is no pooling."""
    found: dict[bool, Tensor] = {}

    def keep(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        found[isinstance(module, nn.Linear)] = inputs[0]

    with hooked(network, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.Linear), keep):
        output = run(network, inputs, weights)
    return found.get(False, found.get(True, output))
