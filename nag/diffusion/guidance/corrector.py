"""Correctors of guided samples: a part of each graph is noised and filled in again by the diffusion model itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from nag.core.numbers import Size
from nag.core.signatures import checked
from nag.diffusion.chains import AncestralChain, Chain, Denoise, UnmaskingChain, simulate
from nag.diffusion.discrete import DiscreteGenerator, require_discrete
from nag.diffusion.generator import Generator
from nag.diffusion.guidance.request import Request
from nag.diffusion.guidance.score import Score
from nag.diffusion.process import DiscreteProcess
from nag.graphs import DagBatch, GraphBatch

__all__ = [
    "Corrector",
    "Metropolis",
    "Offspring",
    "Refill",
    "metropolis_corrector",
    "repeated",
    "require_correctable",
    "rounds_evaluations",
    "select",
]

_SHARES = (0.125, 0.25, 0.375, 0.5)
_MOST_STEPS = 4
_STEPS_PER_POSITION = 4


class Corrector(Protocol):
    """Moves guided samples toward p(x_0) exp(scale * score(x_0)).

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, GuidanceMethod
        >>> from nag.graphs import DagBatch
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> class Again:
        ...     rounds = 1
        ...     def correct(self, request, dags, code=None, taken=None):
        ...         fresh = request.draw()
        ...         better = request.score(fresh) > request.score(dags)
        ...         return DagBatch.cat([fresh, dags])[torch.arange(len(dags)) + len(dags) * (~better)]
        >>> len(GuidanceMethod(3.0, pool=1, corrector=Again()).sample(generator, 4, rng, edges))
        4
    """

    @property
    def rounds(self) -> int:
        """How often the whole batch is noised and filled in again."""
        ...

    def correct(
        self,
        request: Request,
        dags: DagBatch,
        code: Callable[[DagBatch], Tensor] | None = None,
        taken: Tensor | None = None,
    ) -> DagBatch:
        """As many graphs as before.

        Args:
            request: The law that the graphs are moved toward; its generator is a discrete one.
            dags: B graphs.
            code: (B,) code of each graph, which no two graphs are to share; None where they may be alike.
            taken: (T,) codes that no graph is to have; None for none.

        Raises:
            InvalidRequest: The generator is of another family.
        """
        ...


@checked
@dataclass(frozen=True)
class Metropolis:
    """Each graph moves on its own, by the Metropolis rule (see `metropolis_corrector`).

    Args:
        rounds: Moves that are proposed to each graph.

    Raises:
        InvalidRequest: The number is below 0.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, GuidanceMethod, Metropolis
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> method = GuidanceMethod(3.0, pool=1, corrector=Metropolis(rounds=2))
        >>> len(method.sample(generator, 4, rng, edges))
        4
    """

    rounds: Size = 300

    def correct(
        self,
        request: Request,
        dags: DagBatch,
        code: Callable[[DagBatch], Tensor] | None = None,
        taken: Tensor | None = None,
    ) -> DagBatch:
        """See `Corrector`."""
        refill, x_0 = Refill.of(request), request.generator.clean(dags)
        return metropolis_corrector(refill, x_0, request.score, request.scale, self.rounds, code, taken).to_dags()


@checked
@dataclass(frozen=True)
class Offspring:
    """Each graph has one offspring a round, and the population is drawn anew from parents and offspring together.

    The draw is without replacement, with weights exp(scale * score) (see `select`), so that good graphs crowd out bad ones
    wherever these descend from: population annealing with the diffusion model as the mutation. It needs several times
    fewer scores than `Metropolis` for as high a score; being greedy, it does not sample the tilted law itself.

    Args:
        rounds: Generations.

    Raises:
        InvalidRequest: The number is below 0.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, GuidanceMethod, Offspring
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> method = GuidanceMethod(3.0, pool=1, corrector=Offspring(rounds=2))
        >>> len(method.sample(generator, 4, rng, edges))
        4
    """

    rounds: Size = 20

    def correct(
        self,
        request: Request,
        dags: DagBatch,
        code: Callable[[DagBatch], Tensor] | None = None,
        taken: Tensor | None = None,
    ) -> DagBatch:
        """See `Corrector`."""
        refill, score, rng = Refill.of(request), request.score, request.rng
        value = score(dags)
        for i in range(self.rounds):
            new = refill(request.generator.clean(dags), i).to_dags()
            both, values = DagBatch.cat([dags, new]), torch.cat([value, score(new)])
            rows = select(request.scale * values, None if code is None else code(both), len(dags), rng, taken)
            dags, value = both[rows], values[rows]
        return dags


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


def metropolis_corrector(
    refill: Refill,
    x_0: GraphBatch,
    score: Score,
    scale: float,
    rounds: int,
    distinct: Callable[[DagBatch], Tensor] | None = None,
    taken: Tensor | None = None,
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
        refill: Proposes a move to each graph.
        x_0: Clean graphs in the process's categories.
        score: What is to be high.
        scale: Inverse temperature.
        rounds: Number of moves proposed to each graph.
        distinct: (B,) code of each graph; a move to a code that another graph of the batch has is refused, so that
            the samples are drawn without replacement. None for independent samples.
        taken: (T,) further codes that moves to are refused; None for none.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, Refill, metropolis_corrector
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> x_0 = generator.clean(data[:4])
        >>> refill = Refill(generator.denoise, generator.process, rng)
        >>> moved = metropolis_corrector(refill, x_0, edges, 3.0, rounds=2)
        >>> moved.nodes.shape == x_0.nodes.shape
        True
    """
    dags = x_0.to_dags()
    value, code = score(dags), None if distinct is None else distinct(dags)
    for i in range(rounds):
        new = refill(x_0, i)
        dags = new.to_dags()
        proposed = score(dags)
        u = torch.rand(value.shape, generator=refill.rng, device=value.device, dtype=value.dtype)
        accept = u.log() < scale * (proposed - value)
        if distinct is not None and code is not None:
            fresh = distinct(dags)
            accept = accept & (True if taken is None else ~torch.isin(fresh, taken))
            accept = accept & _no_copies(fresh, code, accept)
            code = torch.where(accept, fresh, code)
        x_0 = _chosen(accept, new, x_0)
        value = torch.where(accept, proposed, value)
    return x_0


def _chosen(accept: Tensor, new: GraphBatch, old: GraphBatch) -> GraphBatch:
    """The new graphs where they are accepted, (B,) bool."""
    nodes = torch.where(accept[:, None, None], new.nodes, old.nodes)
    return GraphBatch(nodes, torch.where(accept[:, None, None, None], new.edges, old.edges), old.mask)


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


def repeated(code: Tensor, taken: Tensor | None = None) -> Tensor:
    """Which codes stand at an earlier place too, or among those taken: (B,) bool."""
    order = code.argsort(stable=True)
    found = torch.zeros_like(code, dtype=torch.bool)
    found[order[1:]] = code[order[1:]] == code[order[:-1]]
    return found if taken is None else found | torch.isin(code, taken)


def select(log_weight: Tensor, code: Tensor | None, count: int, rng: torch.Generator, taken: Tensor | None = None) -> Tensor:
    """Draws graphs without replacement with probability proportional to their weights (Gumbel top-k; Kool et al. 2019).

    Args:
        log_weight: (B,) logarithms of the weights; nan counts as minus infinity.
        code: (B,) int64; of the graphs with one code only the first is drawn while there are others. None for no codes.
        count: Number of draws, at most B.
        rng: Source of randomness.
        taken: (T,) codes that are drawn only where nothing else is left; None for none.

    Returns:
        (count,) int64 positions.

    Example:
        >>> import torch
        >>> from nag.diffusion.guidance import select
        >>> log_weight = torch.tensor([0.0, 50.0, 100.0])
        >>> select(log_weight, None, 2, torch.Generator().manual_seed(0)).sort().values
        tensor([1, 2])
    """
    u = torch.rand(log_weight.shape, generator=rng, device=log_weight.device, dtype=torch.float64)
    weight = log_weight.double().nan_to_num(nan=-math.inf, posinf=math.inf, neginf=-math.inf)
    key = weight - (-u.clamp(min=1e-300).log()).log()
    if code is not None:
        key = torch.where(repeated(code, taken), key - 1e9, key)
    return key.topk(count).indices
