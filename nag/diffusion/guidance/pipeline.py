"""Guidance: a proposal tilted toward what a score likes, selection from a pool, and a corrector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from nag.core.numbers import Count, NonNegative
from nag.core.signatures import checked
from nag.diffusion.generator import Generator, SamplingCost, batches, check_counts
from nag.diffusion.guidance.corrector import Corrector, Offspring
from nag.diffusion.guidance.refill import require_correctable, rounds_evaluations
from nag.diffusion.guidance.request import Request
from nag.diffusion.guidance.score import Score
from nag.diffusion.guidance.selection import repeated, select
from nag.graphs import DagBatch

__all__ = ["GuidanceMethod", "Proposal", "Unguided"]


_MOST_DRAWS = 20  # of a pool that is to hold functions that are not taken


class Proposal(Protocol):
    """Draws graphs that a score likes.

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
        >>> class Twice:
        ...     def sample(self, request):
        ...         graphs = [request.draw() for _ in range(2)]
        ...         order = request.score(DagBatch.cat(graphs)).argsort(descending=True)
        ...         return DagBatch.cat(graphs)[order[: request.count]]
        ...     def cost(self, generator, count, steps):
        ...         return generator.cost(2 * count, steps)
        ...     def check(self, generator):
        ...         pass
        >>> len(GuidanceMethod(3.0, Twice(), pool=1, corrector=None).sample(generator, 4, rng, edges))
        4
    """

    def sample(self, request: Request) -> DagBatch:
        """Draws the graphs that are asked for."""
        ...

    def cost(self, generator: Generator, count: int, steps: int | None) -> SamplingCost:
        """What `sample` evaluates for such a request."""
        ...

    def check(self, generator: Generator) -> None:
        """Raises `InvalidRequest` if it cannot draw from such a generator."""
        ...


@dataclass(frozen=True)
class Unguided:
    """Draws from the generator as it is.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, GuidanceMethod, Unguided
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> method = GuidanceMethod(3.0, Unguided(), pool=4, corrector=None)
        >>> len(method.sample(generator, 4, rng, edges))
        4
    """

    def sample(self, request: Request) -> DagBatch:
        """Draws from p(x_0)."""
        return request.draw()

    def cost(self, generator: Generator, count: int, steps: int | None) -> SamplingCost:
        """The cost of plain sampling."""
        return generator.cost(count, steps)

    def check(self, generator: Generator) -> None:
        """Every generator serves."""


@checked
@dataclass(frozen=True)
class GuidanceMethod:
    """How a score steers the samples: a proposal draws a pool, a part of it is selected, and the corrector moves that.

    Args:
        scale: Inverse temperature: the samples follow p(x_0) exp(scale * score(x_0)); 0 for no guidance.
        proposal: What draws the pool.
        pool: Graphs drawn for each one that is selected.
        corrector: What improves the selected graphs (discrete generators only); None for nothing.
        distinct: Whether no two samples may compute the same function; where the pools hold too few functions, some are
            repeated.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, GuidanceMethod
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> guided = GuidanceMethod(scale=10.0, pool=4, corrector=None).sample(generator, 8, rng, edges)
        >>> unguided = GuidanceMethod(scale=0.0).sample(generator, 8, rng, edges)
        >>> bool(edges(guided).mean() > edges(unguided).mean())
        True
    """

    scale: NonNegative = 30.0
    proposal: Proposal = field(default_factory=Unguided)
    pool: Count = 5
    corrector: Corrector | None = field(default_factory=Offspring)
    distinct: bool = True

    @torch.no_grad()
    def sample(
        self,
        generator: Generator,
        count: int,
        rng: torch.Generator,
        score: Score,
        steps: int | None = None,
        on_step: Callable[[], None] = lambda: None,
        taken: Tensor | None = None,
    ) -> DagBatch:
        """Generates graphs that the score likes; they may be invalid.

        Args:
            generator: The generator.
            count: Number of graphs.
            rng: Source of randomness, on the generator's device.
            score: What is to be high.
            steps: Steps of the reverse process; None for the generator's default.
            on_step: Called after each network evaluation.
            taken: (T,) codes of functions that are there already and are not repeated; None for none.

        Raises:
            InvalidRequest: `count` or `steps` is below 1, or the corrector does not know the generator's family.
        """
        check_counts(count, steps)
        self.check(generator)
        if self.scale == 0:
            return generator.sample(count, rng, steps, on_step=on_step)
        code = generator.space.function_codes if self.distinct else None
        known = torch.zeros(0, dtype=torch.int64, device=rng.device) if taken is None else taken.to(rng.device)
        found: list[DagBatch] = []
        for size in batches(count):
            request = Request(generator, size, rng, score, self.scale, steps, on_step)
            dags = self.proposal.sample(replace(request, count=size * self.pool))
            if code is not None and len(known) and not bool(repeated(known).any()):
                dags = self._enlarged(dags, request, code, known)
            if len(dags) > size:
                dags = dags[select(self.scale * score(dags), code(dags) if code else None, size, rng, known)]
            if self.corrector is not None:
                dags = self.corrector.correct(request, dags, code, known)
            if code is not None:
                known = torch.cat([known, code(dags)])
            found.append(dags)
        return DagBatch.cat(found)

    def _enlarged(self, dags: DagBatch, request: Request, code: Callable[[DagBatch], Tensor], taken: Tensor) -> DagBatch:
        """A pool with enough functions that are not taken, if drawing again finds as many."""
        for _ in range(_MOST_DRAWS):
            if int((~repeated(code(dags), taken)).sum()) >= request.count:
                break
            dags = DagBatch.cat([dags, self.proposal.sample(replace(request, count=request.count * self.pool))])
        return dags

    def cost(self, generator: Generator, count: int, steps: int | None = None) -> SamplingCost:
        """What `sample` with the same arguments evaluates, unless many functions are taken and pools have to be enlarged."""
        if self.scale == 0:
            return generator.cost(count, steps)
        total = SamplingCost()
        for size in batches(count):
            total += self.proposal.cost(generator, size * self.pool, steps)
            total += SamplingCost(scored=size * self.pool if self.pool > 1 else 0)
            if self.corrector is not None:
                process = require_correctable(generator).process
                network = rounds_evaluations(process, self.corrector.rounds)
                total += SamplingCost(network, size * (1 + self.corrector.rounds))
        return total

    def check(self, generator: Generator) -> None:
        """Raises `InvalidRequest` if the guidance cannot steer such a generator; it costs nothing."""
        if self.scale == 0:
            return
        self.proposal.check(generator)
        if self.corrector is not None:
            require_correctable(generator)
