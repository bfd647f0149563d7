"""How differently a network reacts to changes of different examples."""

from __future__ import annotations

import math

import torch
from torch import nn

from nag.proxies.batch import Batch
from nag.proxies.preserve_state import preserve_state, run

__all__ = ["jacobian_covariance"]

_EPSILON = 1e-5


def jacobian_covariance(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """How uncorrelated the Jacobians of examples are (Mellor et al. 2020, first version; Abdelfattah et al., ICLR 2021).

    J has one row an example, the derivative of its summed logits with respect to its own input. With the eigenvalues v of
    the correlation matrix of J's rows the score is minus the sum of log(v + k) + 1 / (v + k), k = 1e-5. Batch normalisation
    uses the batch's statistics. Needs no labels. Minus infinity where an output does not depend on the input.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, jacobian_covariance
        >>> network, rng = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)), torch.Generator().manual_seed(0)
        >>> isinstance(jacobian_covariance(network, Batch((torch.randn(4, 3, generator=rng),)), rng), float)
        True
    """
    x = batch.inputs[0].detach().clone().requires_grad_()
    with preserve_state(network):
        output = batch.chosen(run(network, (x, *batch.inputs[1:]))).sum()
    (gradient,) = torch.autograd.grad(output, x, allow_unused=True) if output.requires_grad else (None,)
    if gradient is None:
        return -math.inf
    jacobian = batch.chosen(gradient).flatten(1).double()
    centred = jacobian - jacobian.mean(1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()):  # nan too
        return -math.inf
    correlations = (centred / norms) @ (centred / norms).T
    values = torch.linalg.eigvalsh(correlations).clamp(min=0) + _EPSILON
    return -float((values.log() + 1 / values).sum())
