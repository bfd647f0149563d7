"""Synaptic flow: how much passes through the weights of a network, whatever their signs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nag.proxies.batch import Batch
from nag.proxies.preserve_state import NORMS, hooked, preserve_state, run, weights_of

__all__ = ["logsynflow", "synflow"]


def synflow(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Logarithm of the synaptic flow (Tanaka et al., NeurIPS 2020, equations 1 and 2; Abdelfattah et al., ICLR 2021).

    log of the sum over all weights of |w| |dR/d|w||, where R is the sum of the network's outputs with all weights replaced by
    their absolute values, without normalisation and shifts, for one input of ones. Needs the inputs' shape, but neither their
    values nor labels. The flow itself spans 70 decades on NAS-Bench-201; it is computed in float64. A network whose output
    does not depend on the input has minus infinity.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, synflow
        >>> isinstance(synflow(nn.Linear(3, 2), Batch((torch.ones(1, 3),)), torch.Generator()), float)
        True
    """
    total = sum(float((weight * gradient).sum()) for weight, gradient in _flow(network, batch))
    return math.log(total) if total > 0 else -math.inf


def logsynflow(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Synaptic flow with logarithms of gradients (Cavagnero et al., WACV 2023, section 3.2).

    The sum over all weights of |w| log(1 + |dR/d|w||), with R as in `synflow`; 0 for a network whose output does not depend on
    the input. Needs no labels.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, logsynflow
        >>> logsynflow(nn.Linear(3, 2), Batch((torch.ones(1, 3),)), torch.Generator()) > 0
        True
    """
    return sum(float((weight * gradient.log1p()).sum()) for weight, gradient in _flow(network, batch))


def _flow(network: nn.Module, batch: Batch) -> Iterator[tuple[Tensor, Tensor]]:
    """Absolute value of each weight that the output depends on, and of its gradient, in float64.

    Gradients are non-negative, but for layers with negative constants such as the Laplacian of a graph convolution.
    """
    weights = {name: value.detach().abs().requires_grad_() for name, value in weights_of(network, torch.float64).items()}
    shifts = {
        name: torch.zeros_like(value, dtype=torch.float64) for name, value in network.named_parameters() if value.ndim < 2
    }
    ones = torch.ones_like(batch.single()[0], dtype=torch.float64)
    with preserve_state(network, batch_statistics=False), hooked(network, NORMS, _pass_by):
        output = run(network, batch.with_features(ones), {**shifts, **weights}).sum()
    gradients = torch.autograd.grad(output, list(weights.values()), allow_unused=True)
    for weight, gradient in zip(weights.values(), gradients, strict=True):
        if gradient is not None:
            yield weight.detach(), gradient.abs()


def _pass_by(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    """A normalisation's input in place of its output."""
    return inputs[0]
