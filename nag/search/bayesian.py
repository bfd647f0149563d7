"""Bayesian optimisation: a surrogate of the history, an acquisition function, and candidates to choose from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor
from typing_extensions import Unpack

from nag.core.numbers import Count, DerivedSeed, Fraction
from nag.core.signatures import checked
from nag.graphs import Architecture, DagBatch
from nag.predictors.gaussian_process import Repeats
from nag.search.acquisition import Acquisition, ExpectedImprovement
from nag.search.candidates import CandidateSource, Mutants
from nag.search.draws import random_architectures
from nag.search.features import FeatureExtractor, FeatureOptions, Features
from nag.search.problem import Problem
from nag.search.strategy import Strategy
from nag.search.surrogates import GPSurrogate, Posterior, Surrogate
from nag.search.targets import targets_of
from nag.spaces import SearchSpace, is_enumerable

__all__ = ["BayesianOptimisation", "InitialDesign"]

_REFERENCE = 512
_SHORTLIST = 2000


@checked
@dataclass(frozen=True)
class InitialDesign:
    """Initial architectures, before the surrogate is fitted.

    With a prior of other tasks, the first `labels_prior` are its best, in order. The rest are drawn from the top fraction of
    the space by training-free scores, by the prior where there are none, and from the whole space where there is neither.

    Args:
        labels: Number of queries.
        share: Share of the space, by training-free scores, that they are drawn from; 1 for the whole of it.
        labels_prior: Number of those that are taken in order.
        draws: Random architectures that stand for the space where it cannot be enumerated.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.search import InitialDesign
        >>> InitialDesign(labels=10, share=0.05).draws
        1000
    """

    labels: Count = 5
    share: Fraction = 0.1
    labels_prior: Count = 3
    draws: Count = 1000

    def number(self, extractor: FeatureExtractor) -> int:
        """How many queries come before the surrogate is first fitted."""
        return self.labels if extractor.problem.prior is None else max(self.labels, self.labels_prior)

    def order(self, extractor: FeatureExtractor, features: Features, known: int, rng: torch.Generator) -> Tensor:
        """Rows of C candidates in the order in which to ask them: (C,) int64.

        Args:
            extractor: What made the features.
            features: Of candidates.
            known: How many queries there were.
            rng: Source of randomness.
        """
        first = features.prior_mean.argsort(descending=True, stable=True)
        greedy = 0 if extractor.problem.prior is None else max(0, self.labels_prior - known)
        drawn = torch.randperm(len(features), generator=rng)
        if extractor.has_prior:
            few = max(1, math.ceil(self.share * len(features)))
            rest = features.proxy_mean.argsort(descending=True, stable=True)
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
        model: The surrogate; a Gaussian process with a graph kernel if None.
        acquisition: Value of a query; expected improvement if None.
        candidates: Where candidates come from in large spaces; mutants of the best if None.
        start: The first queries.
        pool: Whether to score every architecture where the space can be enumerated.
        refit: After how many observations the model is fitted anew.
        wl_rounds: Rounds of Weisfeiler-Lehman refinement in the features, 1 by default.
        proxies: Whether to look at training-free scores where the problem has them, as by default.

    Raises:
        InvalidRequest: `refit` is below 1, or another number or flag is out of range.

    Example:
        >>> from functools import partial
        >>> import nag
        >>> from nag.search import BayesianOptimisation, InitialDesign
        >>> from nag.spaces import layered_space
        >>> strategy = partial(BayesianOptimisation, start=InitialDesign(labels=3))
        >>> study = nag.search(lambda arch: len(arch.edges), layered_space(5, 5), budget=4, strategy=strategy)
        >>> len(study), study.best.values
        (4, {'value': 8.0})
    """

    def __init__(
        self,
        problem: Problem,
        seed: DerivedSeed,
        *,
        model: Surrogate | None = None,
        acquisition: Acquisition | None = None,
        candidates: CandidateSource | None = None,
        start: InitialDesign | None = None,
        pool: bool = True,
        refit: Count = 1,
        **features: Unpack[FeatureOptions],
    ) -> None:
        super().__init__(problem, seed)
        self.model, self.acquisition = model or GPSurrogate(), acquisition or ExpectedImprovement()
        self.candidates, self.start = candidates or Mutants(), start or InitialDesign()
        self.pool, self.refit = pool, refit
        self.wl_rounds, self.proxies = features.get("wl_rounds", 1), features.get("proxies", True)
        self._kept: tuple[int, Posterior] | None = None  # length of the history at the last fit

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
        first = self.start.number(self._extractor)
        if known < first or not len(self.history):
            count = min(n, first - known) if known < first and len(self.history) else n
            return self._first(count, rng)
        return self._next(n, rng)

    def _first(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Initial architectures, before the surrogate is fitted."""
        features = self._pool_features
        if features is None:
            space = self.problem.space
            features = self._extractor(space.to_dags(random_architectures(space, self.start.draws, rng)))
        features = features[self._new(features)]
        known = len(self.history) + len(self.pending)
        return self._architectures(features[self.start.order(self._extractor, features, known, rng)[:n]])

    def _next(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Architectures where the acquisition function is greatest."""
        extractor, seed = self._extractor, int(torch.randint(1 << 31, (1,), generator=rng))
        seen = extractor(self.history.dags)
        posterior = self._fitted(seen, seed, rng)
        pending = extractor(self.problem.space.to_dags(list(self.pending.values())))
        posterior = posterior.with_fantasies(pending)
        best = float(posterior.predict(seen.joined(pending)).mean.max())
        features = self._pool_features
        if features is None:
            features = extractor(
                self.candidates(self.problem, self.history, self._acquisition_value(posterior, best, seed), rng)
            )
        values = self.acquisition(posterior.predict(features), best, rng)
        rows = self._new(features).nonzero().flatten()
        few = rows[values[rows].topk(min(max(_SHORTLIST, n), len(rows))).indices]
        return self._architectures(self._choose(features[few], posterior, best, n, rng))

    def _fitted(self, seen: Features, seed: int, rng: torch.Generator) -> Posterior:
        """The model of the history, or of as much of it as there was at the last fit."""
        number = len(self.history)
        if self.refit == 1:
            return self.model.fit(self._extractor, seen, targets_of(self.history, rng), seed)
        number -= max(0, number - self.start.number(self._extractor)) % self.refit
        if self._kept is None or self._kept[0] != number:
            rng = self.generator(number)
            seed, past = int(torch.randint(1 << 31, (1,), generator=rng)), self.history.first(number)
            self._kept = number, self.model.fit(self._extractor, seen[:number], targets_of(past, rng), seed)
        return self._kept[1]

    def _choose(self, features: Features, posterior: Posterior, best: float, n: int, rng: torch.Generator) -> Features:
        """The best of candidates one by one, each a fantasy that comes out as predicted once it is chosen."""
        chosen: list[int] = []
        for _ in range(min(n, len(features))):
            found = posterior.predict(features)
            values = self.acquisition(found, best, rng)
            values[chosen] = -math.inf
            row = int(values.argmax())
            chosen.append(row)
            if len(chosen) < n:
                best = max(best, float(found.mean[row]))
                posterior = posterior.with_fantasies(features[row : row + 1])
        return features[torch.tensor(chosen, dtype=torch.int64)]

    def _acquisition_value(self, posterior: Posterior, best: float, seed: int) -> Callable[[DagBatch], Tensor]:
        """The acquisition function of architectures."""

        def score(dags: DagBatch) -> Tensor:
            return self.acquisition(posterior.predict(self._extractor(dags)), best, torch.Generator().manual_seed(seed))

        return score

    def _new(self, features: Features) -> Tensor:
        """Which of C candidates were neither observed nor asked, one a function: (C,) bool."""
        known = [*(o.canonical_hash for o in self.history.observations), *self.pending]
        if self._pool_features is not None:
            rows = _rows(self.problem)
            fresh = torch.ones(len(features), dtype=torch.bool)
            fresh[[rows[function] for function in known if function in rows]] = False
            return fresh
        seen, found = set(known), []
        for function in self.problem.space.canonical_hashes(features.dags):
            found.append(function not in seen)
            seen.add(function)
        return torch.tensor(found, dtype=torch.bool)

    def _architectures(self, features: Features) -> list[Architecture]:
        return self.problem.space.to_architectures(features.dags)

    @property
    def _pool_features(self) -> Features | None:
        return _pool_features(self.problem, self.wl_rounds, self.proxies) if self.pool else None

    @property
    def _extractor(self) -> FeatureExtractor:
        return _extractor(self.problem, self.wl_rounds, self.proxies, self.pool)


@lru_cache(maxsize=16)
def _extractor(problem: Problem, wl_rounds: int, proxies: bool, pool: bool) -> FeatureExtractor:
    """The extractor of a problem, with fixed draws as the reference where there is no pool."""
    reference = problem.pool if pool else None
    return FeatureExtractor(problem, _drawn(problem.space) if reference is None else reference, wl_rounds, proxies)


@lru_cache(maxsize=8)
def _drawn(space: SearchSpace) -> DagBatch:
    """Random architectures that stand for a space, always the same."""
    return space.to_dags(random_architectures(space, _REFERENCE, torch.Generator().manual_seed(0)))


@lru_cache(maxsize=2)
def _pool_features(problem: Problem, wl_rounds: int, proxies: bool) -> Features | None:
    """The whole space, made once for all searches of a problem."""
    if problem.pool is None:
        return None
    extractor = _extractor(problem, wl_rounds, proxies, True)
    features = extractor(problem.pool)
    return replace(features, repeats=Repeats.of(features.rows, extractor.sizes))


@lru_cache(maxsize=2)
def _rows(problem: Problem) -> dict[str, int]:
    """Function -> row of the pool."""
    return {function: row for row, function in enumerate(problem.pool_functions)}
