"""The discrete process: noising, the posterior of an earlier time, and the prior, for any transition kernel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad

from nag.diffusion.kernels import TransitionKernel
from nag.diffusion.schedules import NoiseSchedule
from nag.graphs import DagBatch, GraphBatch
from nag.spaces import SpaceMasks

__all__ = ["DiscreteProcess", "draw"]


def draw(probabilities: Tensor, rng: torch.Generator) -> Tensor:
    """Draws one category from each distribution.

    Args:
        probabilities: (..., C), each row summing to 1.
        rng: Source of randomness, on the same device.

    Returns:
        (..., C) one-hot, in the same dtype.
    """
    u = torch.rand(probabilities.shape[:-1], generator=rng, device=probabilities.device, dtype=probabilities.dtype)
    below = probabilities.cumsum(-1) <= u.unsqueeze(-1)
    last = probabilities.shape[-1] - 1 - (probabilities > 0).flip(-1).int().argmax(-1)
    return one_hot(torch.minimum(below.sum(-1), last), probabilities.shape[-1]).to(probabilities.dtype)


class DiscreteProcess(nn.Module):
    """Continuous-time noising of operations and edges: q(x_t | x_0) = alpha_t x_0 + (1 - alpha_t) pi.

    Positions where the space allows one category only are never noised.

    Args:
        kernel: What noise draws from.
        schedule: How much is left at each time.
        masks: The space's allowed categories.
        data: The training graphs (for kernels that follow their marginals).

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteProcess, LinearSchedule, UniformKernel
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> process = DiscreteProcess(UniformKernel(), LinearSchedule(), space.masks, data)
        >>> x_0, rng = process.clean(data), torch.Generator().manual_seed(0)
        >>> x_t = process.noise(x_0, torch.full((20,), 0.5), rng)
        >>> posterior = process.posterior(x_t, x_0, torch.full((20,), 0.4), torch.full((20,), 0.5))
        >>> bool(posterior.nodes.sum(-1).allclose(torch.ones(20, 6)))
        True
    """

    stationary_nodes: Tensor
    stationary_edges: Tensor
    allowed_nodes: Tensor
    allowed_edges: Tensor
    free_nodes: Tensor
    free_pairs: Tensor
    sizes: Tensor

    def __init__(self, kernel: TransitionKernel, schedule: NoiseSchedule, masks: SpaceMasks, data: DagBatch) -> None:
        super().__init__()
        self.kernel = kernel
        self.schedule = schedule
        self.masks = masks
        stationary = kernel.stationary(masks, data)
        self.register_buffer("stationary_nodes", stationary.nodes.float())
        self.register_buffer("stationary_edges", stationary.edges.float())
        for name, value in (("allowed_nodes", masks.nodes), ("allowed_edges", masks.edges)):
            self.register_buffer(name, value, persistent=False)
        self.register_buffer("free_nodes", masks.nodes.sum(-1) > 1, persistent=False)
        self.register_buffer("free_pairs", masks.edges.sum(-1) > 1, persistent=False)
        counts = torch.bincount(data.num_nodes, minlength=masks.nodes.shape[0]).double()
        self._pairs: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}
        self.register_buffer("sizes", (counts / counts.sum().clamp(min=1)).float())

    @property
    def extra(self) -> int:
        """Number of noisy categories beyond the clean ones."""
        return self.kernel.extra

    @property
    def absorbing(self) -> bool:
        """Whether a noisy category shows that it is noisy."""
        return self.kernel.extra == 1

    def check(self) -> None:
        """Checks distributions that were loaded.

        Raises:
            ValueError: One does not sum to 1, or has a negative share.
        """
        if bool((self.stationary_nodes < 0).any()) or bool((self.stationary_edges < 0).any()):
            raise ValueError("a stationary share is negative")
        total = self.sizes.sum()
        if bool((self.sizes < 0).any()) or not torch.isclose(total, torch.ones_like(total), atol=1e-3):
            raise ValueError("the shares of the sizes do not sum to 1")

    def free(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Which positions are generated: nodes (B, n) and pairs (B, n, n), bool."""
        size = mask.shape[1]
        pairs = self.free_pairs[:size, :size] & mask.unsqueeze(1) & mask.unsqueeze(2)
        return self.free_nodes[mask.sum(1), :size], pairs

    def allowed(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Which clean categories the space allows: nodes (B, n, K) and pairs (B, n, n, L), bool."""
        size = mask.shape[1]
        exists = (mask.unsqueeze(1) & mask.unsqueeze(2)).unsqueeze(-1)
        absent = torch.arange(self.allowed_edges.shape[-1], device=mask.device) == 0
        return self.allowed_nodes[mask.sum(1), :size], torch.where(exists, self.allowed_edges[:size, :size], absent)

    def pairs_of(self, size: int) -> tuple[Tensor, Tensor]:
        """Sources and targets of the edges that are generated in graphs of up to `size` nodes, each (P,) int64."""
        key = size, str(self.free_pairs.device)  # found once: looking waits for the device
        if key not in self._pairs:
            source, target = self.free_pairs[:size, :size].nonzero(as_tuple=True)
            self._pairs[key] = source, target
        return self._pairs[key]

    def positions(self) -> Tensor:
        """Number of generated positions of graphs of n = 0..N nodes: (N + 1,) int64."""
        into = self.free_pairs.sum(0).cumsum(0)
        return self.free_nodes.sum(1) + torch.cat([into.new_zeros(1), into])

    def most_positions(self) -> int:
        """Greatest number of generated positions among the sizes that occur."""
        return int((self.positions() * (self.sizes > 0)).max())

    def clean(self, dags: DagBatch) -> GraphBatch:
        """One-hot clean graphs in the process's categories (with the mask category, if any, empty)."""
        batch = GraphBatch.from_dags(dags, self.allowed_nodes.shape[-1], self.allowed_edges.shape[-1])
        return self.with_extra(batch)

    def with_extra(self, batch: GraphBatch) -> GraphBatch:
        """Appends the empty mask category where the kernel has one."""
        return GraphBatch(pad(batch.nodes, (0, self.extra)), pad(batch.edges, (0, self.extra)), batch.mask)

    def noise(self, x_0: GraphBatch, t: Tensor, rng: torch.Generator) -> GraphBatch:
        """Draws x_t given x_0.

        Args:
            x_0: Clean graphs in the process's categories.
            t: (B,) times.
            rng: Source of randomness.
        """
        alpha = self.schedule.alpha(t)
        pi = self.pi(x_0.mask)
        nodes = alpha[:, None, None] * x_0.nodes + (1 - alpha[:, None, None]) * pi.nodes
        edges = alpha[:, None, None, None] * x_0.edges + (1 - alpha[:, None, None, None]) * pi.edges
        return self._keep_fixed(GraphBatch(draw(nodes, rng), draw(edges, rng), x_0.mask), pi)

    def prior(self, num_nodes: Tensor, rng: torch.Generator, width: int | None = None) -> GraphBatch:
        """Draws x_1.

        Args:
            num_nodes: (B,) int64 sizes.
            rng: Source of randomness.
            width: Number of nodes that the graphs are padded to; the space's greatest if None.
        """
        size = self.allowed_nodes.shape[1] if width is None else width
        mask = torch.arange(size, device=num_nodes.device) < num_nodes[:, None]
        pi = self.pi(mask)
        return GraphBatch(draw(pi.nodes, rng), draw(pi.edges, rng), mask)

    def posterior(self, x_t: GraphBatch, x_0: GraphBatch, s: Tensor, t: Tensor) -> GraphBatch:
        """Distribution of x_s given x_t and a distribution of x_0 (Austin et al. 2021, eq. 3 and 4).

        Args:
            x_t: Noisy graphs, one-hot.
            x_0: Probabilities of the clean categories, in the process's categories.
            s: (B,) earlier times, s < t.
            t: (B,) times.
        """
        alpha_s, alpha_t = self.schedule.alpha(s), self.schedule.alpha(t)
        pi = self.pi(x_t.mask)
        nodes = _posterior(x_t.nodes, x_0.nodes, pi.nodes, alpha_s[:, None, None], alpha_t[:, None, None])
        edges = _posterior(x_t.edges, x_0.edges, pi.edges, alpha_s[:, None, None, None], alpha_t[:, None, None, None])
        return self._keep_fixed(GraphBatch(nodes, edges, x_t.mask), pi)

    def pi(self, mask: Tensor) -> GraphBatch:
        """What noise draws from at every position, fixed ones included."""
        size = mask.shape[1]
        exists = (mask.unsqueeze(1) & mask.unsqueeze(2)).unsqueeze(-1)
        absent = (torch.arange(self.stationary_edges.shape[-1], device=mask.device) == 0).float()
        edges = torch.where(exists, self.stationary_edges[:size, :size], absent)
        return GraphBatch(self.stationary_nodes[mask.sum(1), :size], edges, mask)

    def _keep_fixed(self, x: GraphBatch, pi: GraphBatch) -> GraphBatch:
        free_nodes, free_edges = self.free(x.mask)
        nodes = torch.where(free_nodes.unsqueeze(-1), x.nodes, pi.nodes)
        return GraphBatch(nodes, torch.where(free_edges.unsqueeze(-1), x.edges, pi.edges), x.mask)


def _posterior(x_t: Tensor, x_0: Tensor, pi: Tensor, alpha_s: Tensor, alpha_t: Tensor) -> Tensor:
    """p(x_s | x_t) = sum over x_0 of q(x_s | x_t, x_0) p(x_0), in time linear in the categories.

    With a = alpha_t / alpha_s: q(x_t | x_s) = a [x_t = x_s] + (1 - a) pi(x_t), q(x_s | x_0) likewise with alpha_s.
    """
    pi_t = (pi * x_t).sum(-1, keepdim=True)
    evidence = alpha_t * x_t + (1 - alpha_t) * pi_t  # q(x_t | x_0 = k) for each k
    weight = torch.where(evidence > 0, x_0 / evidence.clamp(min=1e-30), torch.zeros_like(x_0))
    a = alpha_t / alpha_s
    likelihood = a * x_t + (1 - a) * pi_t
    joint = likelihood * (alpha_s * weight + (1 - alpha_s) * pi * weight.sum(-1, keepdim=True))
    total = joint.sum(-1, keepdim=True)
    return torch.where(total > 0, joint / total.clamp(min=1e-30), x_t)
