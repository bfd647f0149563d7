"""Regularised evolution."""

from __future__ import annotations

import torch

from nag.core.numbers import Count, DerivedSeed
from nag.core.pareto import ranks
from nag.core.signatures import checked
from nag.graphs import Architecture
from nag.search.draws import random_architectures
from nag.search.problem import Problem
from nag.search.strategy import Strategy
from nag.spaces.neighbourhood import random_neighbours

__all__ = ["RegularisedEvolution"]

_TRIES = 8
_EDITS = 4


@checked
class RegularisedEvolution(Strategy):
    """Regularised evolution (Real et al. 2019): the best of a random few of the youngest gets a child with one edit.

    The population are the youngest in the history, regardless of their values: old ones die. With several objectives or limits,
    parents are compared as `nag.core.pareto.ranks` orders the population, as in NSGA-II (Deb et al. 2002). Children whose
    function is known are edited again, up to a few edits in a row.

    Args:
        problem: All that it may see.
        seed: Seed of its randomness.
        population: Number of the youngest that may become parents; as many are drawn at random first.
        tournament: How many of them are drawn, with replacement, for the best to be the parent.

    Raises:
        InvalidRequest: A number is below 1.

    Example:
        >>> import nag
        >>> from nag.search import RegularisedEvolution
        >>> from nag.spaces import layered_space
        >>> study = nag.search(lambda arch: len(arch.edges), layered_space(5, 5), budget=4, strategy=RegularisedEvolution)
        >>> len(study), study.best.values
        (4, {'value': 8.0})
    """

    def __init__(self, problem: Problem, seed: DerivedSeed, *, population: Count = 30, tournament: Count = 10) -> None:
        super().__init__(problem, seed)
        self.population, self.tournament = population, tournament

    @property
    def uses(self) -> frozenset[str]:
        """See `Strategy`."""
        return frozenset()

    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Random architectures until there is a population, then children."""
        missing = self.population - len(self.history) - len(self.pending)
        founders = random_architectures(self.problem.space, min(n, missing), rng) if missing > 0 else []
        if not len(self.history) or len(founders) == n:
            return founders
        children: dict[str, Architecture] = {}
        for _ in range(_TRIES):
            for parent in self._parents(n - len(founders) - len(children), rng):
                children.update(self._child(parent, children, rng))
            if len(children) + len(founders) >= n:
                break
        return [*founders, *children.values()]

    def _parents(self, count: int, rng: torch.Generator) -> list[Architecture]:
        """Winners of tournaments among the youngest."""
        history, youngest = self.history, self.history.observations[-self.population :]
        place = ranks(history.values[-self.population :], history.violation[-self.population :])
        drawn = torch.randint(len(youngest), (count, self.tournament), generator=rng)
        winners = drawn.gather(1, place[drawn].argmin(1, keepdim=True)).flatten()
        return [youngest[row].architecture for row in winners.tolist()]

    def _child(self, parent: Architecture, others: dict[str, Architecture], rng: torch.Generator) -> dict[str, Architecture]:
        """The first edit of a parent that gives something new; if none does, an edit of an edit, and so on."""
        for _ in range(_EDITS):
            edits = random_neighbours(self.problem.space, parent, _EDITS, rng)
            if not edits:
                return {}
            for function, edited in self.new(edits).items():
                if function not in others:
                    return {function: edited}
            parent = edits[0]
        return {}
