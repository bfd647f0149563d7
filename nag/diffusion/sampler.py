"""Samplers: functions from noise to graphs, for any denoiser."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nag.diffusion.process import DiscreteProcess, draw
from nag.errors import InvalidRequest
from nag.graphs import GraphBatch

__all__ = ["Denoise", "sample_ancestral", "sample_unmasking"]

_SETTLED = 0.1

Denoise = Callable[[GraphBatch, Tensor], GraphBatch]
"""(x_t, t: (B,)) -> probabilities of x_0 in the process's categories."""


def sample_ancestral(
    denoise: Denoise,
    process: DiscreteProcess,
    x_t: GraphBatch,
    steps: int,
    rng: torch.Generator,
    on_step: Callable[[], None] = lambda: None,
    start: float = 1.0,
) -> GraphBatch:
    """Samples the posterior at equally spaced times from `start` to 0 (Austin et al. 2021; any kernel).

    Args:
        denoise: Predicts the clean graph.
        process: The process that the denoiser was trained on.
        x_t: Draws from the prior, or noisy graphs of the time `start`.
        steps: Number of steps, each one network evaluation.
        rng: Source of randomness.
        on_step: Called after each step.
        start: The time of `x_t`.
    """
    times = torch.linspace(start, 0.0, steps + 1, device=x_t.nodes.device)
    for i in range(steps):
        t, s = times[i].expand(len(x_t)), times[i + 1].expand(len(x_t))
        p = process.posterior(x_t, denoise(x_t, t), s, t)
        x_t = GraphBatch(draw(p.nodes, rng), draw(p.edges, rng), x_t.mask)
        on_step()
    return x_t


def sample_unmasking(
    denoise: Denoise,
    process: DiscreteProcess,
    x_t: GraphBatch,
    steps: int | None,
    rng: torch.Generator,
    order: str = "settling",
    on_step: Callable[[], None] = lambda: None,
) -> GraphBatch:
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
        x_t: Draws from the prior, or graphs of which only a part is masked.
        steps: Network evaluations; None for one a position. With fewer than are masked, several positions are
            unmasked at once, independently.
        rng: Source of randomness.
        order: "random" or "settling".
        on_step: Called after each step.

    Raises:
        InvalidRequest: The kernel is not absorbing, or the order is unknown.
    """
    if not process.absorbing:
        raise InvalidRequest("sampling by unmasking needs an absorbing kernel", "Use the ancestral sampler.")
    if order not in {"random", "settling"}:
        raise InvalidRequest(f"unknown order '{order}'", "Known: random, settling.")
    free = torch.cat([part.flatten(1) for part in process.free(x_t.mask)], 1).sum(1)
    masked = torch.cat([x_t.nodes[..., -1], x_t.edges[..., -1].flatten(1)], 1) > 0
    count = masked.sum(1)
    total = max_positions(process) if steps is None else steps
    size = x_t.mask.shape[1]
    noise = torch.rand(masked.shape, generator=rng, device=masked.device)
    for step in range(total):
        p = denoise(x_t, process.schedule.time(1 - masked.sum(1) / free.clamp(min=1)))
        urgency = noise
        if order == "settling":
            entropy = torch.cat([_entropy(p.nodes), _entropy(p.edges).flatten(1)], 1)
            urgency = torch.where(entropy < _SETTLED, 2 - entropy, noise)
        rank = urgency.masked_fill(~masked, float("-inf")).argsort(1, descending=True).argsort(1)
        goal = count - count * (step + 1) // total if steps is not None else count - step - 1
        now = masked & (rank < (masked.sum(1) - goal)[:, None])
        nodes = torch.where(now[:, :size].unsqueeze(-1), draw(p.nodes, rng), x_t.nodes)
        edges = torch.where(now[:, size:].view(-1, size, size, 1), draw(p.edges, rng), x_t.edges)
        x_t = GraphBatch(nodes, edges, x_t.mask)
        masked = masked & ~now
        on_step()
    return x_t


def _entropy(p: Tensor) -> Tensor:
    """Entropy in nats of each distribution: (..., C) to (...)."""
    return -(p * p.clamp(min=1e-12).log()).sum(-1)


def max_positions(process: DiscreteProcess) -> int:
    """Greatest number of generated positions among the sizes that occur."""
    nodes = (process.allowed_nodes.sum(-1) > 1).sum(1)
    edges = (process.allowed_edges.sum(-1) > 1).sum((1, 2))
    return int(((nodes + edges) * (process.sizes > 0)).max())
