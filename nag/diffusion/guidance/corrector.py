"""Correctors of guided samples: rounds of moves (`Refill`), of which the better ones are likelier to be kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from nag.core.numbers import Size
from nag.core.signatures import checked
from nag.diffusion.guidance.refill import Refill
from nag.diffusion.guidance.request import Request
from nag.diffusion.guidance.score import Score
from nag.diffusion.guidance.selection import select
from nag.graphs import DagBatch, GraphBatch

__all__ = ["Corrector", "Metropolis", "Offspring", "metropolis_corrector"]


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
