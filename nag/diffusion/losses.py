"""Training losses of the denoiser."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nag.diffusion.process import DiscreteProcess
from nag.graphs import GraphBatch
from nag.nn import GraphLogits

__all__ = ["LossTerms", "denoising_loss"]


@dataclass(frozen=True)
class LossTerms:
    """Mean cross-entropies in nats.

    Args:
        nodes: () of the operations that are to be predicted.
        edges: () of the edges that are to be predicted.
        total: () of all of them, each graph weighing the same.

    Example:
        >>> import torch
        >>> from nag.diffusion import LossTerms
        >>> LossTerms(nodes=torch.tensor(1.0), edges=torch.tensor(0.5), total=torch.tensor(0.7)).total
        tensor(0.7000)
    """

    nodes: Tensor
    edges: Tensor
    total: Tensor


def denoising_loss(logits: GraphLogits, x_0: GraphBatch, x_t: GraphBatch, process: DiscreteProcess) -> LossTerms:
    """Cross-entropy of the clean categories at generated positions (Vignac et al. 2023, eq. 2).

    With an absorbing kernel only masked positions count, and each graph's mean is taken over them: the any-order
    form of the evidence bound under a linear schedule (Sahoo et al. 2024, eq. 10).

    Args:
        logits: Of the clean categories, already restricted to allowed ones.
        x_0: Clean graphs in the process's categories.
        x_t: Noisy graphs.
        process: Knows what is generated and what is masked.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, denoising_loss
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> rng = torch.Generator().manual_seed(0)
        >>> x_0 = generator.process.clean(data)
        >>> x_t, t = generator.process.noise(x_0, torch.full((20,), 0.5), rng), torch.full((20,), 0.5)
        >>> bool(denoising_loss(generator(x_t, t), x_0, x_t, generator.process).total > 0)
        True
    """
    nodes, edges = process.free(x_0.mask)
    if process.absorbing:
        nodes, edges = nodes & (x_t.nodes[..., -1] > 0), edges & (x_t.edges[..., -1] > 0)
    at_nodes = _cross_entropy(logits.nodes, x_0.nodes) * nodes
    at_edges = _cross_entropy(logits.edges, x_0.edges) * edges
    count = (nodes.sum(1) + edges.sum((1, 2))).clamp(min=1)
    total = ((at_nodes.sum(1) + at_edges.sum((1, 2))) / count).mean()
    return LossTerms(at_nodes.sum() / nodes.sum().clamp(min=1), at_edges.sum() / edges.sum().clamp(min=1), total)


def _cross_entropy(logits: Tensor, clean: Tensor) -> Tensor:
    """Elementwise cross-entropy: (..., C) logits and (..., C') one-hot, C' >= C, to (...)."""
    target = clean[..., : logits.shape[-1]].argmax(-1)
    flat = cross_entropy(logits.flatten(0, -2).float(), target.flatten(), reduction="none")
    return torch.nan_to_num(flat, posinf=0.0).view(target.shape)
