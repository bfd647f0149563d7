"""Evolutionary denoising as a search: the diffusion whose denoiser is a population of evaluated architectures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from nag.core.numbers import Count, DerivedSeed
from nag.core.signatures import checked
from nag.diffusion import Evolution, Request, UniformGenerator
from nag.graphs import Architecture, DagBatch
from nag.search.draws import random_architectures
from nag.search.history import History
from nag.search.problem import Problem
from nag.search.strategy import Strategy
from nag.spaces import SearchSpace

__all__ = ["EvolutionaryDenoising"]

_SEEDS = 1 << 20


@checked
class EvolutionaryDenoising(Strategy):
    """Evaluates each generation of `Evolution` before the next one is denoised (EDNAG; Zhou and Yu 2025).

    An ask replays the evolution from its start, with what was observed as the fitness, up to the first generation that is not
    evaluated as a whole; what is missing there is asked for. So nothing needs to be kept beside the history. When an evolution
    has run its course, one with other random numbers begins, to which all that is known comes for free.

    Args:
        problem: All that it may see.
        seed: Seed of its randomness.
        evolution: How a generation follows from those before.
        runs: Evolutions that are replayed at most.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from functools import partial
        >>> import nag
        >>> from nag.diffusion import Evolution
        >>> from nag.search import EvolutionaryDenoising
        >>> space = nag.load_space("nas_bench_graph")
        >>> strategy = partial(EvolutionaryDenoising, evolution=Evolution(population=4, generations=3))
        >>> len(nag.search(lambda arch: len(arch.edges), space, budget=6, strategy=strategy))
        6
    """

    def __init__(self, problem: Problem, seed: DerivedSeed, *, evolution: Evolution | None = None, runs: Count = 100) -> None:
        super().__init__(problem, seed)
        self.evolution, self.runs = evolution or Evolution(), runs

    @property
    def uses(self) -> frozenset[str]:
        """See `Strategy`."""
        return frozenset()

    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """See `Strategy`."""
        space = self.problem.space
        fitness = _Fitness.of(self.history)
        for run in range(self.runs):
            source = torch.Generator().manual_seed(self.seed * _SEEDS + run)
            request = _Drawn(self._generator_of_none, 1, source, fitness, 1.0)
            try:
                self.evolution.sample(request)
            except _Missing as missing:
                return space.to_architectures(missing.dags)  # what is pending is dropped: what comes next depends on it
        return []

    @cached_property
    def _generator_of_none(self) -> UniformGenerator:
        """Placeholder that only carries the search space."""
        return UniformGenerator(self.problem.space, self.problem.space.to_dags([]))


@dataclass(frozen=True)
class _Drawn(Request):
    """A request whose first generation are random architectures, valid in any space."""

    def draw(self, denoise: object = None, tilt: object = None) -> DagBatch:
        space = self.generator.space
        return space.to_dags(random_architectures(space, self.count, self.rng))


class _Missing(Exception):
    """Tells which architectures have no fitness yet."""

    def __init__(self, dags: DagBatch) -> None:
        super().__init__()
        self.dags = dags


@dataclass(frozen=True)
class _Fitness:
    """The fitness of what was observed; raises `_Missing` for the rest."""

    space: SearchSpace
    known: Mapping[int, float] = field(repr=False)

    @classmethod
    def of(cls, history: History) -> _Fitness:
        codes = history.space.function_codes(history.dags).tolist() if len(history) else []
        ranks = history.ranks if len(history) else torch.zeros(0)
        return cls(history.space, dict(zip(codes, (-ranks).double().tolist(), strict=True)))

    def __call__(self, dags: DagBatch) -> Tensor:
        codes = self.space.function_codes(dags).tolist()
        absent = [row for row, code in enumerate(codes) if code not in self.known]
        if absent:
            raise _Missing(dags[torch.tensor(absent, dtype=torch.int64)])
        return torch.tensor([self.known[code] for code in codes], dtype=torch.float64)
