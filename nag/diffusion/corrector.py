"""A corrector for guided samples: Metropolis moves whose proposals are drawn by the diffusion model itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nag.diffusion.chains import AncestralChain, Chain, Denoise, UnmaskingChain, simulate
from nag.diffusion.process import DiscreteProcess
from nag.diffusion.score import Score
from nag.graphs import DagBatch, GraphBatch

__all__ = ["metropolis_corrector", "rounds_evaluations"]

_SHARES = (0.125, 0.25, 0.375, 0.5)
_MOST_STEPS = 4
_STEPS_PER_POSITION = 4


def rounds_evaluations(process: DiscreteProcess, rounds: int) -> int:
    """Network evaluations of that many rounds."""
    return sum(_plan(process, i)[1] for i in range(rounds))


def metropolis_corrector(
    denoise: Denoise,
    process: DiscreteProcess,
    x_0: GraphBatch,
    score: Score,
    scale: float,
    rounds: int,
    rng: torch.Generator,
    distinct: Callable[[DagBatch], Tensor] | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> GraphBatch:
    """Moves samples toward p(x_0) exp(scale * score(x_0)).

    Each round noises a part of every graph, lets the model fill it in again, and keeps the new graph with
    probability min(1, exp(scale * (new score - old score))). Exact noising and denoising leaves the model's own
    distribution unchanged and is reversible, so by the Metropolis-Hastings rule the rounds leave the tilted
    distribution unchanged; it is the discrete counterpart of the Langevin corrector of score models (Song et al.
    2021, alg. 2). Two things make it approximate: with an absorbing kernel a round that noises more than four
    positions fills several in at once, and with other kernels the ancestral steps are finitely many. The score
    needs no gradient.

    Args:
        denoise: Predicts the clean graph (unguided).
        process: The process that the denoiser was trained on.
        x_0: Clean graphs in the process's categories.
        score: What is to be high.
        scale: Inverse temperature.
        rounds: Number of moves proposed to each graph.
        rng: Source of randomness.
        distinct: (B,) code of each graph; a move to a code that another graph of the batch has is refused, so that
            the samples are drawn without replacement. None for independent samples.
        on_step: Called after each network evaluation.
    """
    dags = x_0.to_dags()
    value, code = score(dags), None if distinct is None else distinct(dags)
    for i in range(rounds):
        number, steps = _plan(process, i)
        noisy = _renoise(process, x_0, number, rng)
        chain: Chain
        if process.absorbing:
            chain = UnmaskingChain(denoise, process, steps)
        else:
            chain = AncestralChain(denoise, process, steps, _time(process, number))
        new = simulate(chain, noisy, rng, on_step=on_step)
        dags = new.to_dags()
        proposed = score(dags)
        u = torch.rand(value.shape, generator=rng, device=value.device, dtype=value.dtype)
        accept = u.log() < scale * (proposed - value)
        if distinct is not None and code is not None:
            fresh = distinct(dags)
            accept = accept & _no_copies(fresh, code, accept)
            code = torch.where(accept, fresh, code)
        x_0 = GraphBatch(
            torch.where(accept[:, None, None], new.nodes, x_0.nodes),
            torch.where(accept[:, None, None, None], new.edges, x_0.edges),
            x_0.mask,
        )
        value = torch.where(accept, proposed, value)
    return x_0


def _no_copies(fresh: Tensor, code: Tensor, accept: Tensor) -> Tensor:
    """Which new codes stand neither for another graph nor among the earlier accepted ones: (B,) bool."""
    taken = (fresh[:, None] == code[None, :]).fill_diagonal_(False).any(1)
    earlier = ((fresh[:, None] == fresh[None, :]) & (accept & ~taken)[None, :]).tril(-1).any(1)
    return ~taken & ~earlier


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
