"""Sequential model-based optimisation over the decisions of a space."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nag.core.numbers import Count, DerivedSeed, Fraction
from nag.core.signatures import checked
from nag.graphs import Architecture, DagBatch, reduce
from nag.predictors import NormalScores, Predictor
from nag.predictors.structure import structure_counts
from nag.search.draws import random_architectures
from nag.search.problem import Problem
from nag.search.strategy import Strategy
from nag.spaces import SearchSpace

__all__ = ["ModelBasedSearch", "ridge_scores"]

_AHEAD = 8
_PENALTIES = tuple(10.0**k for k in range(-3, 4))


@checked
class ModelBasedSearch(Strategy):
    """Sequential model-based optimisation as in DeepArchitect (Negrinho and Gordon 2017).

    Random ways down the decision tree are scored by a surrogate fitted to the places in the history, and the best are asked;
    now and then a random one, so that the surrogate's errors are found out.

    Args:
        problem: All that it may see.
        seed: Seed of its randomness.
        rollouts: Random architectures that are scored for each ask.
        epsilon: Share of those asked that are drawn at random.
        initial: Random architectures to begin with.
        max_points: Observations that the surrogate is fitted to, the most recent.
        surrogate: Makes an unfitted predictor of a space; a ridge regression on counts of the structure if None.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from functools import partial
        >>> import nag
        >>> from nag.search import ModelBasedSearch
        >>> from nag.spaces import layered_space
        >>> strategy = partial(ModelBasedSearch, initial=2, rollouts=8)
        >>> study = nag.search(lambda arch: len(arch.edges), layered_space(5, 5), budget=4, strategy=strategy)
        >>> len(study), study.best.values
        (4, {'value': 8.0})
    """

    def __init__(
        self,
        problem: Problem,
        seed: DerivedSeed,
        *,
        rollouts: Count = 128,
        epsilon: Fraction = 0.1,
        initial: Count = 10,
        max_points: Count = 1000,
        surrogate: Callable[[SearchSpace], Predictor] | None = None,
    ) -> None:
        super().__init__(problem, seed)
        self.rollouts, self.epsilon, self.initial, self.max_points = rollouts, epsilon, initial, max_points
        self.surrogate = surrogate

    @property
    def uses(self) -> frozenset[str]:
        """See `Strategy`."""
        return frozenset()

    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """The best of random architectures by the surrogate's scores, some left to chance."""
        space, missing = self.problem.space, self.initial - len(self.history) - len(self.pending)
        if missing > 0 or not len(self.history):
            return random_architectures(space, min(n, missing) if missing > 0 else n, rng)
        drawn = random_architectures(space, max(self.rollouts, n), rng)
        by_score = self._scores(space.to_dags(drawn)).argsort(descending=True, stable=True).tolist()
        lucky = torch.rand(len(drawn), generator=rng) < self.epsilon
        order, found = _mixed(by_score, lucky.tolist()), dict[str, Architecture]()
        for start in range(0, len(order), n + _AHEAD):  # hashes cost more than scores: no more of them than needed
            found.update(self.new([drawn[row] for row in order[start : start + n + _AHEAD]]))
            if len(found) >= n:
                break
        return list(found.values())

    def _scores(self, candidates: DagBatch) -> Tensor:
        """Predicted normal scores of candidates: (C,) float64."""
        seen = self.history.dags[slice(-self.max_points, None)]
        targets = -self.history.ranks[-self.max_points :].double()
        if self.surrogate is None:
            return ridge_scores(self.problem.space, seen, targets, candidates)
        predictor = self.surrogate(self.problem.space)
        predictor.fit(seen, targets)
        return predictor.predict_scores(candidates).mean.double()


def _mixed(by_score: list[int], lucky: list[bool]) -> list[int]:
    """All rows once: in the given order, but at lucky places the first row that is left, which is a random one."""
    best, chance, taken = iter(by_score), iter(range(len(by_score))), dict[int, None]()
    for by_chance in lucky:
        taken[next(row for row in (chance if by_chance else best) if row not in taken)] = None
    return list(taken)


def ridge_scores(space: SearchSpace, seen: DagBatch, targets: Tensor, candidates: DagBatch) -> Tensor:
    """Predicts by ridge regression on the structure counts of normal forms, its penalty chosen by leaving one out.

    Args:
        space: Search space.
        seen: n architectures.
        targets: (n,), of which only the order counts.
        candidates: C architectures.

    Returns:
        (C,) float64, normal scores.
    """
    known, asked = _features(space, seen), _features(space, candidates)
    centre, spread = known.mean(0), known.std(0, correction=0)
    kept = spread > 1e-9
    known, asked = (((x - centre) / spread)[:, kept] for x in (known, asked))
    width = max(1, known.shape[1])
    scores = NormalScores().fit(targets)
    level = scores.mean()
    values, vectors = torch.linalg.eigh(known @ known.T / width)
    weights = vectors.T @ (scores - level)
    best: tuple[float, Tensor] | None = None
    for penalty in _PENALTIES:
        shrunk = values.clamp(min=0) / (values.clamp(min=0) + penalty)
        leverage = (vectors.square() @ shrunk + 1 / len(seen)).clamp(max=1 - 1e-6)
        error = float((((scores - level) - vectors @ (shrunk * weights)) / (1 - leverage)).square().mean())
        if best is None or error < best[0]:
            best = error, vectors @ (weights / (values.clamp(min=0) + penalty))
    assert best is not None
    return level + asked @ (known.T @ best[1]) / width


def _features(space: SearchSpace, dags: DagBatch) -> Tensor:
    """Logarithms of structure counts: (B, F) float64."""
    groups = structure_counts(reduce(dags, space.semantics), space.semantics).groups()
    return torch.cat(groups, 1).log1p()
