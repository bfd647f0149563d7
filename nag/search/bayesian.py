"""Bayesian optimisation: a model of the history, an acquisition function, and candidates to choose from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from nag.core.numbers import Count, DerivedSeed, Fraction, Size
from nag.core.signatures import checked
from nag.graphs import Architecture, DagBatch
from nag.predictors.gaussian_process import Repeats
from nag.search.acquisition import Acquisition, ExpectedImprovement
from nag.search.candidates import CandidateSource, Mutants
from nag.search.draws import random_architectures
from nag.search.features import FeatureExtractor, View
from nag.search.models import Belief, Model, ProcessModel
from nag.search.problem import Problem
from nag.search.strategy import Strategy
from nag.search.targets import targets_of
from nag.spaces import SearchSpace, is_enumerable

__all__ = ["BayesianOptimisation", "Start"]

_REFERENCE = 512
_SHORTLIST = 2000


@checked
@dataclass(frozen=True)
class Start:
    """The first queries, before there is a model.

    The best architectures by what other tasks taught are taken in order, if there is such a belief. The others are drawn from
    the best share of the space by training-free scores, for want of these by the belief, and from all of it if there is
    neither.

    Args:
        labels: Number of queries.
        share: Share of the space, by training-free scores, that they are drawn from; 1 for the whole of it.
        labels_prior: Number of those that are taken in order.
        draws: Random architectures that stand for the space where it cannot be enumerated.

    Raises:
        InvalidRequest: A number is out of range.
    """

    labels: Count = 5
    share: Fraction = 0.1
    labels_prior: Count = 3
    draws: Count = 1000

    def number(self, viewer: FeatureExtractor) -> int:
        """How many queries come before the first model."""
        return self.labels if viewer.problem.prior is None else max(self.labels, self.labels_prior)

    def order(self, viewer: FeatureExtractor, view: View, known: int, rng: torch.Generator) -> Tensor:
        """Rows of C candidates in the order in which to ask them: (C,) int64.

        Args:
            viewer: What made the view.
            view: Candidates.
            known: How many queries there were.
            rng: Source of randomness.
        """
        first = view.favour.argsort(descending=True, stable=True)
        greedy = 0 if viewer.problem.prior is None else max(0, self.labels_prior - known)
        drawn = torch.randperm(len(view), generator=rng)
        if viewer.believes:
            few = max(1, math.ceil(self.share * len(view)))
            rest = view.hope.argsort(descending=True, stable=True)
            drawn = torch.cat([rest[:few][torch.randperm(few, generator=rng)], rest[few:]])
        return torch.cat([first[:greedy], drawn[~torch.isin(drawn, first[:greedy])]])


@checked
class BayesianOptimisation(Strategy):
    """Asks where the acquisition function of a model of the history is greatest.

    Where the space can be enumerated, every architecture is scored; else, or with `pool=False`, those of a candidate source.
    The architectures of a batch are chosen one by one, each as if the others had come out as predicted, and so is what is
    pending. Several objectives are scalarised anew in each ask (see `targets_of`).

    Args:
        problem: All that it may see.
        seed: Seed of its randomness.
        model: Learns from the history; a Gaussian process with a graph kernel if None.
        acquisition: Says what a query is worth; expected improvement if None.
        candidates: Where candidates come from in large spaces; mutants of the best if None.
        start: The first queries.
        pool: Whether to score every architecture where the space can be enumerated.
        wl_rounds: Rounds of Weisfeiler-Lehman refinement in the features.
        proxies: Whether to look at training-free scores where the problem has them.
        refit: After how many observations the model is fitted anew.

    Raises:
        InvalidRequest: `refit` is below 1, or another number or flag is out of range.
    """

    def __init__(
        self,
        problem: Problem,
        seed: DerivedSeed,
        *,
        model: Model | None = None,
        acquisition: Acquisition | None = None,
        candidates: CandidateSource | None = None,
        start: Start | None = None,
        pool: bool = True,
        wl_rounds: Size = 1,
        proxies: bool = True,
        refit: Count = 1,
    ) -> None:
        super().__init__(problem, seed)
        self.model, self.acquisition = model or ProcessModel(), acquisition or ExpectedImprovement()
        self.candidates, self.start = candidates or Mutants(), start or Start()
        self.pool, self.wl_rounds, self.proxies, self.refit = pool, wl_rounds, proxies, refit
        self._kept: tuple[int, Belief] | None = None  # length of the history at the last fit, and what was learned

    @property
    def scalable(self) -> bool:
        """See `Strategy`."""
        return not (self.pool and is_enumerable(self.problem.space))

    @property
    def uses(self) -> frozenset[str]:
        """See `Strategy`; a generator only matters where candidates are proposed instead of enumerated."""
        proposed = getattr(self.candidates, "uses", super().uses) if self.scalable else frozenset()
        return frozenset({"prior", *(["proxies"] if self.proxies else []), *proposed})

    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """See `Strategy`."""
        known = len(self.history) + len(self.pending)
        first = self.start.number(self._viewer)
        if known < first or not len(self.history):
            count = min(n, first - known) if known < first and len(self.history) else n
            return self._first(count, rng)
        return self._next(n, rng)

    def _first(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Architectures for want of a model."""
        view = self._pool_view
        if view is None:
            space = self.problem.space
            view = self._viewer(space.to_dags(random_architectures(space, self.start.draws, rng)))
        view = view[self._new(view)]
        known = len(self.history) + len(self.pending)
        return self._architectures(view[self.start.order(self._viewer, view, known, rng)[:n]])

    def _next(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Architectures that the model makes worth a query."""
        viewer, seed = self._viewer, int(torch.randint(1 << 31, (1,), generator=rng))
        seen = viewer(self.history.dags)
        belief = self._learned(seen, seed, rng)
        pending = viewer(self.problem.space.to_dags(list(self.pending.values())))
        belief = belief.believing(pending)
        best = float(belief.predict(seen.joined(pending)).mean.max())
        view = self._pool_view
        if view is None:
            view = viewer(self.candidates(self.problem, self.history, self._worth(belief, best, seed), rng))
        worth = self.acquisition(belief.predict(view), best, rng)
        rows = self._new(view).nonzero().flatten()
        few = rows[worth[rows].topk(min(max(_SHORTLIST, n), len(rows))).indices]
        return self._architectures(self._choose(view[few], belief, best, n, rng))

    def _learned(self, seen: View, seed: int, rng: torch.Generator) -> Belief:
        """The model of the history, or of as much of it as there was at the last fit."""
        number = len(self.history)
        if self.refit == 1:
            return self.model.fit(self._viewer, seen, targets_of(self.history, rng), seed)
        number -= max(0, number - self.start.number(self._viewer)) % self.refit
        if self._kept is None or self._kept[0] != number:
            rng = self.generator(number)
            seed, past = int(torch.randint(1 << 31, (1,), generator=rng)), self.history.first(number)
            self._kept = number, self.model.fit(self._viewer, seen[:number], targets_of(past, rng), seed)
        return self._kept[1]

    def _choose(self, view: View, belief: Belief, best: float, n: int, rng: torch.Generator) -> View:
        """The best of candidates one by one, each believed to come out as predicted once it is chosen."""
        chosen: list[int] = []
        for _ in range(min(n, len(view))):
            found = belief.predict(view)
            worth = self.acquisition(found, best, rng)
            worth[chosen] = -math.inf
            row = int(worth.argmax())
            chosen.append(row)
            if len(chosen) < n:
                best = max(best, float(found.mean[row]))
                belief = belief.believing(view[row : row + 1])
        return view[torch.tensor(chosen, dtype=torch.int64)]

    def _worth(self, belief: Belief, best: float, seed: int) -> Callable[[DagBatch], Tensor]:
        """The acquisition function of architectures."""

        def score(dags: DagBatch) -> Tensor:
            return self.acquisition(belief.predict(self._viewer(dags)), best, torch.Generator().manual_seed(seed))

        return score

    def _new(self, view: View) -> Tensor:
        """Which of C candidates were neither told nor asked, one a function: (C,) bool."""
        known = [*(o.function for o in self.history.observations), *self.pending]
        if self._pool_view is not None:
            rows = _rows(self.problem)
            fresh = torch.ones(len(view), dtype=torch.bool)
            fresh[[rows[function] for function in known if function in rows]] = False
            return fresh
        seen, found = set(known), []
        for function in self.problem.space.canonical_hashes(view.dags):
            found.append(function not in seen)
            seen.add(function)
        return torch.tensor(found, dtype=torch.bool)

    def _architectures(self, view: View) -> list[Architecture]:
        return self.problem.space.to_architectures(view.dags)

    @property
    def _pool_view(self) -> View | None:
        return _pool_view(self.problem, self.wl_rounds, self.proxies) if self.pool else None

    @property
    def _viewer(self) -> FeatureExtractor:
        return _viewer(self.problem, self.wl_rounds, self.proxies, self.pool)


@lru_cache(maxsize=16)
def _viewer(problem: Problem, wl_rounds: int, proxies: bool, pool: bool) -> FeatureExtractor:
    """The viewer of a problem, with fixed draws as the reference where there is no pool."""
    reference = problem.pool if pool else None
    return FeatureExtractor(problem, _drawn(problem.space) if reference is None else reference, wl_rounds, proxies)


@lru_cache(maxsize=8)
def _drawn(space: SearchSpace) -> DagBatch:
    """Random architectures that stand for a space, always the same."""
    return space.to_dags(random_architectures(space, _REFERENCE, torch.Generator().manual_seed(0)))


@lru_cache(maxsize=2)
def _pool_view(problem: Problem, wl_rounds: int, proxies: bool) -> View | None:
    """The whole space, made once for all searches of a problem."""
    if problem.pool is None:
        return None
    viewer = _viewer(problem, wl_rounds, proxies, True)
    view = viewer(problem.pool)
    return replace(view, repeats=Repeats.of(view.features, viewer.sizes))


@lru_cache(maxsize=2)
def _rows(problem: Problem) -> dict[str, int]:
    """Function -> row of the pool."""
    return {function: row for row, function in enumerate(problem.pool_functions)}
