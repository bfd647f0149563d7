"""RoBoT: a weighted sum of training-free scores, its weights found by Bayesian optimisation."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from nag.core.numbers import Count, DerivedSeed, Size
from nag.core.signatures import checked
from nag.graphs import Architecture, DagBatch, reduce
from nag.predictors.gaussian_process import GaussianProcess
from nag.predictors.structure import structure_counts
from nag.search.acquisition import Acquisition, UpperConfidence
from nag.search.candidates import unseen
from nag.search.draws import random_architectures
from nag.search.problem import Problem
from nag.search.strategy import Strategy
from nag.search.targets import targets_of
from nag.spaces import is_enumerable

__all__ = ["RoBoT"]

_MOST_LABELLED = 100


@checked
class RoBoT(Strategy):
    """Robust estimation by Bayesian optimisation over the weights of training-free scores (He et al. 2024).

    Each score is brought to 0..1; a weight vector in [-1, 1]^p is judged by the value of the architecture that its weighted sum
    ranks first. A Gaussian process over weights chooses whose top-ranked one is evaluated next; after `explore` queries
    the best weights found are followed down their ranking. Weights are taken from a fixed set of draws, so that all is
    known from the history: those whose top-ranked architecture was evaluated are the labelled ones.

    Without training-free scores the numbers of operations, nodes and edges take their place. Where the space cannot be
    enumerated, a fixed number of random architectures stands for it.

    Args:
        problem: All that it may see.
        seed: Seed of its randomness.
        explore: Queries that the weights are fitted to.
        weights: Weight vectors that are drawn.
        draws: Random architectures, in a large space.
        pool: Whether to rank every architecture where the space can be enumerated.
        acquisition: Chooses among the weights; the paper's upper confidence bound if None.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> import torch
        >>> import nag
        >>> from nag.predictors import ProxyColumns
        >>> from nag.search import RoBoT
        >>> from nag.spaces import enumerate_space, layered_space
        >>> space = layered_space(4, 4)
        >>> dags = enumerate_space(space)
        >>> proxies = ProxyColumns.of(space, dags, torch.stack([dags.ops.sum(1), dags.adjacency.sum((1, 2))], 1).double())
        >>> problem = nag.Problem(space, nag.Objective.single("value"), proxies=proxies)
        >>> len(nag.search(lambda arch: len(arch.edges), problem, budget=4, strategy=RoBoT))
        4
    """

    def __init__(
        self,
        problem: Problem,
        seed: DerivedSeed,
        *,
        explore: Size = 10,
        weights: Count = 1000,
        draws: Count = 4000,
        pool: bool = True,
        acquisition: Acquisition | None = None,
    ) -> None:
        super().__init__(problem, seed)
        self.explore, self.weights, self.draws, self.pool = explore, weights, draws, pool
        self.acquisition = acquisition or UpperConfidence(2.0)

    @property
    def scalable(self) -> bool:
        """See `Strategy`."""
        return not (self.pool and is_enumerable(self.problem.space))

    @property
    def uses(self) -> frozenset[str]:
        """See `Strategy`."""
        return frozenset({"proxies"})

    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """See `Strategy`."""
        space, dags = self.problem.space, self._dags
        known = set(space.function_codes(self._known()).tolist())
        fresh = torch.tensor([code not in known for code in self._codes])
        rows = self._explore(n, fresh, rng) if len(self.history) + len(self.pending) < self.explore else []
        if len(rows) < n:
            taken = fresh.clone()
            taken[rows] = False
            rows += self._follow(n - len(rows), taken, rng)
        return space.to_architectures(dags[torch.tensor(rows, dtype=torch.int64)])

    def _explore(self, n: int, fresh: Tensor, rng: torch.Generator) -> list[int]:
        """Top-ranked architectures of the weights with the highest acquisition value, each once."""
        labelled, targets = self._labels(rng)
        if len(labelled):
            few = torch.randperm(len(labelled), generator=rng)[:_MOST_LABELLED]
            points = self._points / (2 * self._points.shape[1] / 3) ** 0.5  # mean squared distance 1
            sizes = (points.shape[1],)
            fitted = GaussianProcess().fit(points[labelled[few]], sizes, targets[few])
            order = self.acquisition(fitted.predict(points), float(targets.max()), rng).argsort(descending=True)
        else:
            order = torch.randperm(len(self._points), generator=rng)
        top_ranked = self._top_ranked[order]
        found = dict.fromkeys(top_ranked[fresh[top_ranked]].tolist())
        return list(found)[:n]

    def _follow(self, n: int, fresh: Tensor, rng: torch.Generator) -> list[int]:
        """The best weights' ranking of what is new."""
        labelled, targets = self._labels(rng)
        weights = self._points[labelled[targets == targets.max()]].mean(0) if len(labelled) else self._points[0]
        order = (self._scores @ weights).argsort(descending=True, stable=True)
        return order[fresh[order]][:n].tolist()

    def _labels(self, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Weights whose top-ranked architecture was evaluated, and its value: (l,) int64 and (l,) float64."""
        if not len(self.history):
            return torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.float64)
        codes = self.problem.space.function_codes(self.history.dags).tolist()
        values = dict(zip(codes, targets_of(self.history, rng).tolist(), strict=True))
        found = [values.get(self._codes[row]) for row in self._top_ranked.tolist()]
        rows = [i for i, value in enumerate(found) if value is not None]
        return torch.tensor(rows, dtype=torch.int64), torch.tensor([found[i] for i in rows], dtype=torch.float64)

    def _known(self) -> DagBatch:
        return DagBatch.cat([self.history.dags, self.problem.space.to_dags(list(self.pending.values()))])

    @cached_property
    def _dags(self) -> DagBatch:
        """The space, or what stands for it."""
        if self.pool and self.problem.pool is not None:
            return self.problem.pool
        space, rng = self.problem.space, torch.Generator().manual_seed(self.seed)
        drawn = space.to_dags(random_architectures(space, self.draws, rng))
        return unseen(space, drawn, drawn[:0])

    @cached_property
    def _codes(self) -> list[int]:
        return [int(code) for code in self.problem.space.function_codes(self._dags).tolist()]

    @cached_property
    def _scores(self) -> Tensor:
        """(C, p) float64, each column between 0 and 1."""
        space, dags = self.problem.space, self._dags
        if self.problem.proxies is not None:
            scores = self.problem.proxies(dags).double()
        else:
            counts = structure_counts(reduce(dags, space.semantics), space.semantics)
            scores = torch.cat([counts.ops, counts.shape[:, -2:]], 1)
            scores = scores[:, scores.std(0, correction=0) > 0]
        low, high = scores.amin(0), scores.amax(0)
        return (scores - low) / (high - low).clamp(min=1e-12)

    @cached_property
    def _points(self) -> Tensor:
        """(W, p) float64 weights."""
        rng = torch.Generator().manual_seed(self.seed)
        return 2 * torch.rand(self.weights, self._scores.shape[1], generator=rng, dtype=torch.float64) - 1

    @cached_property
    def _top_ranked(self) -> Tensor:
        """(W,) int64, the row that each weight vector ranks first."""
        return torch.cat([(self._scores @ some.T).argmax(0) for some in self._points.split(50)])
