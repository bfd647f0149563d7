"""The continuous process: one-hot graphs as real numbers under Gaussian noise, and the score of noisy graphs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from nag.diffusion.kernels import UniformKernel
from nag.diffusion.process import DiscreteProcess
from nag.diffusion.schedules import LinearSchedule
from nag.diffusion.sde.sdes import SDE
from nag.graphs import DagBatch, GraphBatch
from nag.spaces import SpaceMasks

__all__ = ["ScoreProcess", "each"]

_VARIANCE = 0.25


def each(function: Callable[..., Tensor], *graphs: GraphBatch) -> GraphBatch:
    """Applies a function to the nodes and to the edges of graphs with one mask."""
    nodes = function(*(graph.nodes for graph in graphs))
    return GraphBatch(nodes, function(*(graph.edges for graph in graphs)), graphs[0].mask)


def _along(t: Tensor, x: Tensor) -> Tensor:
    """Times () or (B,), shaped so that they broadcast against x (B, ...)."""
    return t.view(-1, *[1] * (x.dim() - 1)) if t.dim() else t


class ScoreProcess(nn.Module):
    """Noises the allowed categories of generated positions; all other numbers keep their clean value, 0 or 1.

    A number that is the same in all graphs carries nothing, so that noise there would only be one more thing to remove.

    Args:
        sde: The noise.
        masks: The space's allowed categories.
        data: The training graphs (for their sizes).

    Example:
        >>> import torch
        >>> from nag.diffusion import ScoreProcess, VESDE
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> process, rng = ScoreProcess(VESDE(), space.masks, data), torch.Generator().manual_seed(0)
        >>> process.noise(process.clean(data), torch.full((20,), 0.5), rng).nodes.shape
        torch.Size([20, 6, 11])
    """

    def __init__(self, sde: SDE, masks: SpaceMasks, data: DagBatch) -> None:
        super().__init__()
        self.sde = sde
        self.positions = DiscreteProcess(UniformKernel(), LinearSchedule(), masks, data)

    def noised(self, mask: Tensor) -> GraphBatch:
        """Which numbers are noised: nodes (B, n, K) and edges (B, n, n, L), bool."""
        allowed_nodes, allowed_edges = self.positions.allowed(mask)
        nodes, edges = self.positions.free(mask)
        return GraphBatch(allowed_nodes & nodes.unsqueeze(-1), allowed_edges & edges.unsqueeze(-1), mask)

    def fixed(self, mask: Tensor) -> GraphBatch:
        """The one category of fixed positions, and zero elsewhere."""
        return each(lambda p, noised: p * ~noised, self.positions.pi(mask), self.noised(mask))

    def clean(self, dags: DagBatch) -> GraphBatch:
        """One-hot clean graphs."""
        return self.positions.clean(dags)

    def normal(self, mask: Tensor, rng: torch.Generator) -> GraphBatch:
        """Standard normal numbers where noise goes, zero elsewhere."""
        noised = self.noised(mask)
        nodes = torch.randn(noised.nodes.shape, generator=rng, device=mask.device) * noised.nodes
        if not len(self.positions.pairs_of(mask.shape[1])[0]):  # a fixed wiring: most numbers would be drawn in vain
            return GraphBatch(nodes, torch.zeros(noised.edges.shape, device=mask.device), mask)
        return GraphBatch(nodes, torch.randn(noised.edges.shape, generator=rng, device=mask.device) * noised.edges, mask)

    def noise(self, x_0: GraphBatch, t: Tensor, rng: torch.Generator) -> GraphBatch:
        """Draws x_t given x_0 at times t, (B,) or ()."""
        alpha, sigma = self.sde.scale(t), self.sde.sigma(t)
        x_t = each(lambda x, z: _along(alpha, x) * x + _along(sigma, x) * z, x_0, self.normal(x_0.mask, rng))
        return self.keep_fixed(x_t)

    def prior(self, num_nodes: Tensor, rng: torch.Generator, width: int | None = None) -> GraphBatch:
        """Draws x_1.

        Args:
            num_nodes: (B,) int64 sizes.
            rng: Source of randomness.
            width: Number of nodes that the graphs are padded to; the space's greatest if None.
        """
        size = self.positions.allowed_nodes.shape[1] if width is None else width
        mask = torch.arange(size, device=num_nodes.device) < num_nodes[:, None]
        return each(lambda x, z: x + self.sde.prior_std * z, self.fixed(mask), self.normal(mask, rng))

    def keep_fixed(self, x: GraphBatch) -> GraphBatch:
        """The same graphs with their fixed numbers put back."""
        return each(torch.where, self.noised(x.mask), x, self.fixed(x.mask))

    def scaled(self, x_t: GraphBatch, t: Tensor) -> GraphBatch:
        """Noisy graphs whose noised numbers are of order one at all times t (B,), as a network reads them."""
        size = torch.rsqrt(self.sde.scale(t) ** 2 * _VARIANCE + self.sde.sigma(t) ** 2)
        return each(lambda x, noised: torch.where(noised, x * _along(size, x), x), x_t, self.noised(x_t.mask))

    def score(self, x_t: GraphBatch, clean: GraphBatch, t: Tensor) -> GraphBatch:
        """Gradient of log p(x_t) from E[x_0 | x_t] (Tweedie's formula): (alpha E[x_0 | x_t] - x_t) / sigma^2.

        Args:
            x_t: Noisy graphs.
            clean: Expectation of the clean graphs given them.
            t: Times, (B,) or ().

        Returns:
            Zero at numbers that are not noised.
        """
        alpha, variance = self.sde.scale(t), self.sde.sigma(t) ** 2
        return each(
            lambda x, x_0, noised: (_along(alpha, x) * x_0 - x) / _along(variance, x) * noised,
            x_t,
            clean,
            self.noised(x_t.mask),
        )

    def from_score(self, x_t: GraphBatch, score: GraphBatch, t: Tensor) -> GraphBatch:
        """E[x_0 | x_t] from the score: the inverse of `score`."""
        alpha, variance = self.sde.scale(t), self.sde.sigma(t) ** 2
        return self.keep_fixed(each(lambda x, s: (x + _along(variance, x) * s) / _along(alpha, x), x_t, score))

    def decode(self, clean: GraphBatch) -> GraphBatch:
        """One-hot graphs of the allowed category that has the greatest value at each position."""
        nodes, edges = self.positions.allowed(clean.mask)
        allowed = GraphBatch(nodes, edges, clean.mask)
        return each(
            lambda x, good: one_hot(x.masked_fill(~good, float("-inf")).argmax(-1), x.shape[-1]).to(x.dtype), clean, allowed
        )
