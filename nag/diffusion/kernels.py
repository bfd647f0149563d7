"""Transition kernels: what a category turns into when noise takes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.graphs import DagBatch
from nag.spaces import SpaceMasks

__all__ = ["AbsorbingKernel", "MarginalKernel", "Stationary", "TransitionKernel", "UniformKernel"]


@dataclass(frozen=True)
class Stationary:
    """The distribution that noise draws from; fixed positions keep their one category.

    Args:
        nodes: (N + 1, N, K + extra), by number of nodes n = 0..N, each row summing to 1.
        edges: (N, N, 2 + extra), between nodes that exist, each row summing to 1.
    """

    nodes: Tensor
    edges: Tensor


class TransitionKernel(ABC):
    """Q = a I + (1 - a) 1 pi^T (Austin et al. 2021): keep the category, or draw a new one from pi.

    `extra` is 1 for kernels that add a mask category, else 0.

    Example:
        >>> from nag.diffusion import MarginalKernel, TransitionKernel, UniformKernel
        >>> [isinstance(kernel, TransitionKernel) for kernel in (UniformKernel(), MarginalKernel())]
        [True, True]
    """

    extra: int

    @abstractmethod
    def stationary(self, masks: SpaceMasks, data: DagBatch) -> Stationary:
        """Pi of every position, restricted to what the masks allow.

        Args:
            masks: Allowed categories.
            data: The training graphs, for kernels that look at them.
        """


def _normalised(weight: Tensor, allowed: Tensor) -> Tensor:
    weight = weight * allowed
    weight = torch.where(weight.sum(-1, keepdim=True) > 0, weight, allowed.to(weight.dtype))
    return weight / weight.sum(-1, keepdim=True).clamp(min=1e-30)  # zero for sizes that the space does not have


class UniformKernel(TransitionKernel):
    """Noise is uniform over the allowed categories (D3PM-uniform; Austin et al. 2021, A.2.1).

    Example:
        >>> from nag.diffusion import UniformKernel
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> stationary = UniformKernel().stationary(space.masks, sample_uniform(space, 20, seed=0))
        >>> stationary.nodes[6, 1].max().round(decimals=3)
        tensor(0.1110, dtype=torch.float64)
    """

    extra = 0

    def stationary(self, masks: SpaceMasks, data: DagBatch) -> Stationary:
        """Uniform over what is allowed."""
        nodes, edges = masks.nodes.double(), masks.edges.double()
        return Stationary(_normalised(nodes, masks.nodes), _normalised(edges, masks.edges))


class MarginalKernel(TransitionKernel):
    """Noise follows the training set's marginals of operations and of edges (DiGress; Vignac et al. 2023, 4.1).

    Example:
        >>> from nag.diffusion import MarginalKernel
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> stationary = MarginalKernel().stationary(space.masks, sample_uniform(space, 20, seed=0))
        >>> bool(stationary.nodes.sum(-1)[6].allclose(stationary.nodes.new_ones(6)))
        True
    """

    extra = 0

    def stationary(self, masks: SpaceMasks, data: DagBatch) -> Stationary:
        """Marginals over the free positions of the training graphs, restricted to what is allowed."""
        sizes = data.num_nodes
        free_nodes = (masks.nodes.sum(-1) > 1)[sizes]
        free_edges = masks.edges_of(data.mask).sum(-1) > 1
        ops = torch.bincount(data.ops[free_nodes], minlength=masks.nodes.shape[-1]).double()
        edges = torch.bincount(data.adjacency[free_edges], minlength=masks.edges.shape[-1]).double()
        return Stationary(
            _normalised(ops.expand(masks.nodes.shape), masks.nodes), _normalised(edges.expand(masks.edges.shape), masks.edges)
        )


class AbsorbingKernel(TransitionKernel):
    """Noise replaces free categories by a mask (D3PM-absorbing; Austin et al. 2021, A.2.2; Sahoo et al. 2024).

    Example:
        >>> from nag.diffusion import AbsorbingKernel
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> stationary = AbsorbingKernel().stationary(space.masks, sample_uniform(space, 20, seed=0))
        >>> stationary.nodes.shape[-1] - len(space.vocabulary)  # the mask
        1
    """

    extra = 1

    def stationary(self, masks: SpaceMasks, data: DagBatch) -> Stationary:
        """All weight on the mask at free positions, on the one allowed category elsewhere."""
        return Stationary(self._absorb(masks.nodes), self._absorb(masks.edges))

    @staticmethod
    def _absorb(allowed: Tensor) -> Tensor:
        free = allowed.sum(-1, keepdim=True) > 1
        return torch.cat([allowed & ~free, free], -1).double()
