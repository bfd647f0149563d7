"""Reverse processes cut into steps: predict the clean graph, then move; every sampler and every guidance runs on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.diffusion.process import DiscreteProcess, draw
from nag.graphs import GraphBatch

__all__ = ["AncestralChain", "Chain", "Denoise", "Tilt", "UnmaskingChain", "reweigh", "simulate"]

_SETTLED = 0.1

Denoise = Callable[[GraphBatch, Tensor], GraphBatch]
"""(x_t, t: (B,)) -> probabilities of x_0 in the process's categories."""

Tilt = Callable[[GraphBatch, Tensor], GraphBatch]
"""(x_t, t: (B,)) -> log-weights of the categories that each position may go to; their gradient, for a score model."""


class Chain(Protocol):
    """A reverse process in `steps` steps; it keeps no state of the graphs, so that particles may be resampled between them.

    `denoise` is its network; guidance that changes the prediction wraps it (`replace(chain, denoise=...)`).

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> chain = generator.chain()
        >>> rng = torch.Generator().manual_seed(0)
        >>> x_t = chain.start(torch.tensor([6]), rng)
        >>> x_t = chain.move(x_t, chain.denoise(x_t, chain.time(x_t, 0)), 0, rng)
        >>> x_t.nodes.shape
        torch.Size([1, 6, 12])
    """

    denoise: Denoise

    @property
    def steps(self) -> int:
        """Steps, each with one network evaluation."""
        ...

    def start(self, num_nodes: Tensor, rng: torch.Generator, width: int | None = None) -> GraphBatch:
        """Draws graphs of (B,) int64 sizes from the prior, padded to `width` nodes."""
        ...

    def time(self, x_t: GraphBatch, step: int) -> Tensor:
        """Times of the graphs before that step: (B,)."""
        ...

    def move(
        self, x_t: GraphBatch, clean: GraphBatch, step: int, rng: torch.Generator, tilt: GraphBatch | None = None
    ) -> GraphBatch:
        """One step, from the prediction `clean` of x_0; `tilt` reweighs where it goes."""
        ...


def simulate(
    chain: Chain, x_t: GraphBatch, rng: torch.Generator, tilt: Tilt | None = None, on_step: Callable[[], None] = lambda: None
) -> GraphBatch:
    """Runs a chain to its end.

    Args:
        chain: The reverse process.
        x_t: Draws from its prior, or noisy graphs of the time at which the chain starts.
        rng: Source of randomness.
        tilt: Guidance of the transitions; None for none.
        on_step: Called after each step.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, simulate
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> rng, chain = torch.Generator().manual_seed(0), generator.chain()
        >>> simulate(chain, chain.start(torch.tensor([6, 6]), rng), rng).to_dags().num_nodes
        tensor([6, 6])
    """
    for step in range(chain.steps):
        t = chain.time(x_t, step)
        clean = chain.denoise(x_t, t)
        x_t = chain.move(x_t, clean, step, rng, None if tilt is None else tilt(x_t, t))
        on_step()
    return x_t


def reweigh(p: GraphBatch, tilt: GraphBatch | None) -> GraphBatch:
    """Distributions proportional to p exp(tilt).

    Example:
        >>> import torch
        >>> from nag.diffusion import reweigh
        >>> from nag.graphs import GraphBatch
        >>> mask = torch.ones(1, 1, dtype=torch.bool)
        >>> even = GraphBatch(torch.full((1, 1, 2), 0.5), torch.full((1, 1, 1, 2), 0.5), mask)
        >>> tilt = GraphBatch(torch.tensor([[[0.0, 1.0]]]), torch.zeros(1, 1, 1, 2), mask)
        >>> reweigh(even, tilt).nodes
        tensor([[[0.2689, 0.7311]]])
    """
    if tilt is None:
        return p
    return GraphBatch(_reweigh(p.nodes, tilt.nodes), _reweigh(p.edges, tilt.edges), p.mask)


def _reweigh(p: Tensor, tilt: Tensor) -> Tensor:
    tilt = tilt.masked_fill(p == 0, float("-inf"))
    weighted = p * (tilt - tilt.amax(-1, keepdim=True)).exp()
    return weighted / weighted.sum(-1, keepdim=True).clamp(min=1e-30)


class AncestralChain:
    """Draws from the posterior at equally spaced times from `start_time` to 0 (Austin et al. 2021; any kernel).

    A tilt multiplies the probabilities of the categories that a position may jump to, which is guidance of the rate
    matrix as the number of steps grows (Nisonoff et al. 2025, eq. 2).

    Args:
        denoise: Predicts the clean graph.
        process: The process that the denoiser was trained on.
        steps: Number of steps.
        start_time: Time of the graphs that the chain starts from.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, AncestralChain, simulate
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> chain = AncestralChain(generator.denoise, generator.process, steps=3)
        >>> rng = torch.Generator().manual_seed(0)
        >>> simulate(chain, chain.start(torch.tensor([6, 6]), rng), rng).nodes.shape
        torch.Size([2, 6, 12])
    """

    def __init__(self, denoise: Denoise, process: DiscreteProcess, steps: int, start_time: float = 1.0) -> None:
        self.denoise, self.process, self.steps = denoise, process, steps
        self.times = torch.linspace(start_time, 0.0, steps + 1, device=process.sizes.device)

    def start(self, num_nodes: Tensor, rng: torch.Generator, width: int | None = None) -> GraphBatch:
        """Draws from the kernel's stationary distribution."""
        return self.process.prior(num_nodes, rng, width)

    def time(self, x_t: GraphBatch, step: int) -> Tensor:
        """The same time for all graphs."""
        return self.times[step].expand(len(x_t))

    def move(
        self, x_t: GraphBatch, clean: GraphBatch, step: int, rng: torch.Generator, tilt: GraphBatch | None = None
    ) -> GraphBatch:
        """Draws x_s from its posterior."""
        s, t = self.times[step + 1].expand(len(x_t)), self.times[step].expand(len(x_t))
        p = reweigh(self.process.posterior(x_t, clean, s, t), tilt)
        return GraphBatch(draw(p.nodes, rng), draw(p.edges, rng), x_t.mask)


class UnmaskingChain:
    """Unmasks positions one after the other (absorbing kernels only).

    Under an absorbing kernel the times at which positions are unmasked are independent and alike, so their order is
    uniform and the reverse process can be simulated event by event, exactly, with one evaluation a position
    (first-hitting sampling; Zheng et al. 2025). By the chain rule any order that looks only at what is unmasked
    already is exact for a perfect denoiser. The "settling" order first unmasks what follows from earlier choices
    (entropy below 0.1 nats), least entropy first, and takes a random position where nothing does: consequences are
    settled before new choices are made, and choices are made in random order.

    Args:
        denoise: Predicts the clean graph.
        process: The process that the denoiser was trained on.
        steps: Network evaluations; None for one a position. With fewer than are masked, several positions are
            unmasked at once, independently.
        order: "random" or "settling".

    Raises:
        InvalidRequest: The kernel is not absorbing, or the order is unknown.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, UnmaskingChain, simulate
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> chain = UnmaskingChain(generator.denoise, generator.process)
        >>> rng = torch.Generator().manual_seed(0)
        >>> graphs = simulate(chain, chain.start(torch.tensor([6, 6]), rng), rng)
        >>> graphs.nodes.shape, chain.steps
        (torch.Size([2, 6, 12]), 16)
    """

    def __init__(self, denoise: Denoise, process: DiscreteProcess, steps: int | None = None, order: str = "settling") -> None:
        if not process.absorbing:
            raise InvalidRequest("sampling by unmasking needs an absorbing kernel", "Use the ancestral sampler.")
        if order not in {"random", "settling"}:
            raise InvalidRequest(f"unknown order '{order}'", "Known: random, settling.")
        self.denoise, self.process, self.order = denoise, process, order
        self.one_at_a_time = steps is None
        self.steps = process.most_positions() if steps is None else steps
        self._positions = process.positions()

    def start(self, num_nodes: Tensor, rng: torch.Generator, width: int | None = None) -> GraphBatch:
        """Graphs with every generated position masked."""
        return self.process.prior(num_nodes, rng, width)

    def time(self, x_t: GraphBatch, step: int) -> Tensor:
        """The time at which as large a share is masked on average."""
        masked = x_t.nodes[..., -1].sum(1) + x_t.edges[..., -1].sum((1, 2))
        return self.process.schedule.time(1 - masked / self._positions[x_t.mask.sum(1)].clamp(min=1))

    def move(
        self, x_t: GraphBatch, clean: GraphBatch, step: int, rng: torch.Generator, tilt: GraphBatch | None = None
    ) -> GraphBatch:
        """Unmasks the next positions of every graph."""
        size = x_t.mask.shape[1]
        masked = torch.cat([x_t.nodes[..., -1], x_t.edges[..., -1].flatten(1)], 1) > 0
        urgency = torch.rand(masked.shape, generator=rng, device=masked.device)
        if self.order == "settling":
            entropy = torch.cat([_entropy(clean.nodes), _entropy(clean.edges).flatten(1)], 1)
            urgency = torch.where(entropy < _SETTLED, 2 - entropy, urgency)
        urgency = urgency.masked_fill(~masked, -1.0)
        if self.one_at_a_time:
            now = masked & torch.zeros_like(masked).scatter(1, urgency.argmax(1, keepdim=True), True)
        else:
            left = masked.sum(1)
            later = left - (left + self.steps - step - 1) // (self.steps - step)
            rank = urgency.argsort(1, descending=True).argsort(1)
            now = masked & (rank < (left - later)[:, None])
        p = reweigh(clean, tilt)
        nodes = torch.where(now[:, :size].unsqueeze(-1), draw(p.nodes, rng), x_t.nodes)
        edges = torch.where(now[:, size:].view(-1, size, size, 1), draw(p.edges, rng), x_t.edges)
        return GraphBatch(nodes, edges, x_t.mask)


def _entropy(p: Tensor) -> Tensor:
    """Entropy in nats of each distribution: (..., C) to (...)."""
    return -(p * p.clamp(min=1e-12).log()).sum(-1)
