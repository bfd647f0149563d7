"""The move of correctors: a part of each graph is noised and filled in again by the diffusion model itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.diffusion.chains import AncestralChain, Chain, Denoise, UnmaskingChain, simulate
from nag.diffusion.discrete import DiscreteGenerator, require_discrete
from nag.diffusion.generator import Generator
from nag.diffusion.guidance.request import Request
from nag.diffusion.process import DiscreteProcess
from nag.graphs import GraphBatch

__all__ = ["Refill", "require_correctable", "rounds_evaluations"]

_SHARES = (0.125, 0.25, 0.375, 0.5)
_MOST_STEPS = 4
_STEPS_PER_POSITION = 4


def require_correctable(generator: Generator) -> DiscreteGenerator:
    """The generator, if correctors can noise its graphs and fill them in again.

    Raises:
        InvalidRequest: It is not a discrete one.
    """
    return require_discrete(generator, "the corrector", "Set guidance.corrector=null, or guidance=particles.")


def rounds_evaluations(process: DiscreteProcess, rounds: int) -> int:
    """Network evaluations of that many rounds."""
    return sum(_plan(process, i)[1] for i in range(rounds))


@dataclass(frozen=True)
class Refill:
    """Noises a part of every graph and lets the model fill it in again; the size of the part depends on the round.

    Args:
        denoise: Predicts the clean graph (unguided).
        process: The process that the denoiser was trained on.
        rng: Source of randomness.
        on_step: Called after each network evaluation.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, Refill
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> refill = Refill(generator.denoise, generator.process, torch.Generator().manual_seed(0))
        >>> len(refill(generator.clean(data), 0))
        20
    """

    denoise: Denoise
    process: DiscreteProcess
    rng: torch.Generator
    on_step: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, request: Request) -> Refill:
        """By the generator of a request.

        Raises:
            InvalidRequest: It is not a discrete one.
        """
        generator = require_correctable(request.generator)
        return cls(generator.denoise, generator.process, request.rng, request.on_step)

    def __call__(self, x_0: GraphBatch, i: int) -> GraphBatch:
        """New graphs of round `i` from clean graphs in the process's categories."""
        number, steps = _plan(self.process, i)
        noisy = _renoise(self.process, x_0, number, self.rng)
        chain: Chain
        if self.process.absorbing:
            chain = UnmaskingChain(self.denoise, self.process, steps)
        else:
            chain = AncestralChain(self.denoise, self.process, steps, _time(self.process, number))
        return simulate(chain, noisy, self.rng, on_step=self.on_step)


def _plan(process: DiscreteProcess, i: int) -> tuple[int, int]:
    """Positions to noise and network evaluations of round i: the shares take turns."""
    number = max(1, round(_SHARES[i % len(_SHARES)] * process.most_positions()))
    return number, min(number, _MOST_STEPS) if process.absorbing else _STEPS_PER_POSITION * number


def _time(process: DiscreteProcess, number: int) -> float:
    """The time at which as large a share is lost on average."""
    return float(process.schedule.time(torch.tensor(1 - number / process.most_positions())))


def _renoise(process: DiscreteProcess, x_0: GraphBatch, number: int, rng: torch.Generator) -> GraphBatch:
    """Masks exactly `number` random generated positions (absorbing), or draws x_t at the time that loses as many."""
    if not process.absorbing:
        t = torch.full((len(x_0),), _time(process, number), device=x_0.nodes.device)
        return process.noise(x_0, t, rng)
    free_nodes, free_edges = process.free(x_0.mask)
    free = torch.cat([free_nodes, free_edges.flatten(1)], 1)
    priority = torch.rand(free.shape, generator=rng, device=free.device).masked_fill(~free, 2.0)
    chosen = free & (priority.argsort(1).argsort(1) < number)
    size = x_0.mask.shape[1]
    return GraphBatch(_mask(x_0.nodes, chosen[:, :size]), _mask(x_0.edges, chosen[:, size:].view(-1, size, size)), x_0.mask)


def _mask(x: Tensor, chosen: Tensor) -> Tensor:
    masked = torch.zeros_like(x)
    masked[..., -1] = 1
    return torch.where(chosen.unsqueeze(-1), masked, x)
