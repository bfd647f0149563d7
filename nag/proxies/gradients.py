"""What one batch says about the loss: sizes of gradients, and what pruning weights would do to them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nag.proxies.batch import Batch
from nag.proxies.preserve_state import preserve_state, run, weights_of

__all__ = ["grad_norm", "grasp", "snip"]


def grad_norm(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """Sum over all weight tensors of the Euclidean norm of the loss's gradient (Abdelfattah et al., ICLR 2021, section 3.1).

    Needs labels: the loss is cross-entropy. 0 where no weight that the output depends on has a gradient.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, grad_norm
        >>> batch = Batch((torch.ones(2, 3),), labels=torch.tensor([0, 1]))
        >>> grad_norm(nn.Linear(3, 2), batch, torch.Generator()) > 0
        True
    """
    _, gradients = _gradients(network, batch, "grad_norm")
    return _defined(sum(float(gradient.norm()) for gradient in gradients))


def snip(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """SNIP: how sensitive the loss is to each weight's being there (Lee et al., ICLR 2019, equation 4), summed.

    The sum over all weights of |w dL/dw|. Needs labels.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, snip
        >>> batch = Batch((torch.ones(2, 3),), labels=torch.tensor([0, 1]))
        >>> snip(nn.Linear(3, 2), batch, torch.Generator()) > 0
        True
    """
    weights, gradients = _gradients(network, batch, "snip")
    pairs = zip(weights, gradients, strict=True)
    return _defined(sum(float((weight.detach() * gradient).abs().sum()) for weight, gradient in pairs))


def grasp(network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """GraSP: how much each weight does for the flow of gradients (Wang et al., ICLR 2020, equation 8), summed.

    Minus the sum over all weights of w (H g), with gradient g and Hessian H of the loss. Needs labels.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, grasp
        >>> batch = Batch((torch.ones(2, 3),), labels=torch.tensor([0, 1]))
        >>> isinstance(grasp(nn.Linear(3, 2), batch, torch.Generator()), float)
        True
    """
    weights, gradients = _gradients(network, batch, "grasp", create_graph=True)
    half = sum(((gradient.detach() * gradient).sum() for gradient in gradients), torch.zeros(()))
    if not half.requires_grad:
        return 0.0
    products = torch.autograd.grad(half, weights, allow_unused=True)
    pairs = zip(weights, products, strict=True)
    return _defined(-sum(float((weight.detach() * product).sum()) for weight, product in pairs if product is not None))


def _gradients(network: nn.Module, batch: Batch, what: str, create_graph: bool = False) -> tuple[list[Tensor], list[Tensor]]:
    """The weights that the loss depends on, and its gradients, with the batch's statistics in batch normalisation."""
    labels, weights = batch.require_labels(what), weights_of(network)
    with preserve_state(network):
        loss = cross_entropy(batch.chosen(run(network, batch.inputs, weights)), labels)
    leaves = list(weights.values())
    gradients = torch.autograd.grad(loss, leaves, create_graph=create_graph, allow_unused=True)
    used = [(leaf, gradient) for leaf, gradient in zip(leaves, gradients, strict=True) if gradient is not None]
    return [leaf for leaf, _ in used], [gradient for _, gradient in used]


def _defined(score: float) -> float:
    """The worst score where the loss or a gradient is no number."""
    return -math.inf if math.isnan(score) else score
