"""What a strategy is: a function of problem, seed and history that says what to evaluate next."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch

from nag.core.errors import NagError
from nag.core.numbers import Count
from nag.core.signatures import conform_value
from nag.graphs import Architecture
from nag.search.draws import random_architectures
from nag.search.history import History
from nag.search.problem import Problem
from nag.tasks import Observation

__all__ = ["SpaceExhausted", "Strategy"]


_DRAWS = (1, 8, 64)


class SpaceExhausted(NagError):
    """Every function of the search space was evaluated, or is about to be.

    Example:
        >>> import nag
        >>> from nag.search import RandomSearch, SpaceExhausted
        >>> from nag.spaces import layered_space
        >>> strategy = RandomSearch(nag.Problem(layered_space(3, 3), nag.Objective.single("value")), seed=0)
        >>> try:
        ...     _ = [strategy.ask() for _ in range(10)]
        ... except SpaceExhausted as error:
        ...     print(error.what)
        all 2 functions of layered_3 were asked for
    """


class Strategy(ABC):
    """Proposes architectures to evaluate, and receives the observations.

    What it asks is a function of the problem, the seed, the history and what is pending: randomness comes from
    a generator made anew for each `ask`, so that a fresh strategy that receives a stored history goes on exactly as the one
    that was killed would have. Whatever a subclass keeps beside the history must follow from it.

    No canonical hash is asked twice, and none that was observed or cannot be evaluated is asked at all. Where
    `propose` gives too few new ones, random draws fill up.

    Args:
        problem: All that it may see.
        seed: Seed of its randomness.

    Example:
        >>> import nag
        >>> from nag.search import Strategy
        >>> class FewestEdges(Strategy):
        ...     def propose(self, n, rng):
        ...         seed = len(self.history.observations)
        ...         return sorted(self.problem.space.sample(8 * n, seed=seed), key=lambda arch: len(arch.edges))
        >>> study = nag.search(lambda arch: len(arch.ops), nag.load_space("nas_bench_graph"), budget=3, strategy=FewestEdges)
        >>> len(study)
        3
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        self.problem, self.seed = problem, seed
        self._history = History(problem.space, problem.objective)
        self._pending: dict[str, Architecture] = {}

    @abstractmethod
    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Proposes architectures, best first, as a function of `problem`, `history`, `pending` and `rng`.

        Args:
            n: How many are wanted; more may come, and fewer. What is not new is dropped.
            rng: All randomness.
        """

    @property
    def scalable(self) -> bool:
        """Whether it never looks at all architectures of the problem's space, so that it would work in one of 10^18 too."""
        return True

    @property
    def uses(self) -> frozenset[str]:
        """Parts of the problem that it looks at beside space and objective: of `generator`, `prior` and `proxies`."""
        return frozenset({"generator", "prior", "proxies"})

    @property
    def history(self) -> History:
        """All observations."""
        return self._history

    @property
    def pending(self) -> Mapping[str, Architecture]:
        """Function -> architecture of what was asked and not observed yet, in the order of asking."""
        return self._pending

    def ask(self, n: int = 1) -> list[Architecture]:
        """The next architectures to evaluate, which are pending from now on.

        Args:
            n: How many.

        Returns:
            `n` architectures of distinct functions, all new; fewer where the space has no more.

        Raises:
            InvalidRequest: `n` is below 1.
            SpaceExhausted: The space has none left.
        """
        conform_value("the number of architectures", n, Count)
        rng = self.generator(len(self._history), len(self._pending))
        found = self.new(self.propose(n, rng))
        for factor in _DRAWS:
            if len(found) >= n:
                break
            draws = random_architectures(self.problem.space, factor * n + factor, rng)
            found = {**found, **self.new(draws)}
        if len(found) < n:
            found = {**found, **self._rest(rng)}
        if not found:
            raise SpaceExhausted(
                f"all {len(self.history) + len(self.pending)} functions of {self.problem.space.name} were asked for",
                "Stop the search: there is nothing left to evaluate.",
            )
        asked = dict(list(found.items())[:n])
        self._pending.update(asked)
        return list(asked.values())

    def tell(self, observations: Sequence[Observation]) -> None:
        """Adds to the history, also what was never asked, such as a stored history; the order counts.

        Raises:
            InvalidRequest: A canonical hash was reported before or is not that of its architecture, or a metric is missing.
            ForbiddenMetric: An observation has a metric that the goal does not name.
            InvalidArchitecture: An architecture is not of the space.
        """
        self._history = self._history.extended(observations, self._pending)
        for observation in observations:
            self._pending.pop(observation.canonical_hash, None)

    def new(self, architectures: Sequence[Architecture]) -> dict[str, Architecture]:
        """Function -> first architecture, in the given order, without what was observed or is pending."""
        found: dict[str, Architecture] = {}
        if not architectures:
            return found
        functions = self.problem.space.canonical_hashes(self.problem.space.to_dags(architectures))
        for function, architecture in zip(functions, architectures, strict=True):
            if self.is_new(function):
                found.setdefault(function, architecture)
        return found

    def is_new(self, function: str) -> bool:
        """Whether a function can be evaluated, and was neither observed nor asked."""
        known = function in self._history.functions or function in self._pending
        return not known and self.problem.can_evaluate(function)

    def generator(self, *place: int) -> torch.Generator:
        """A source of randomness that follows from the seed and from some numbers, such as the length of the history."""
        key = "/".join(map(str, (self.seed, *place))).encode()
        seed = int.from_bytes(hashlib.blake2b(key, digest_size=7).digest(), "big")
        return torch.Generator().manual_seed(seed)

    def _rest(self, rng: torch.Generator) -> dict[str, Architecture]:
        """All that is new in a space that was searched through, in random order; nothing where it cannot be enumerated."""
        pool = self.problem.pool
        if pool is None:
            return {}
        left = [row for row, function in enumerate(self.problem.pool_functions) if self.is_new(function)]
        rows = torch.tensor(left, dtype=torch.int64)[torch.randperm(len(left), generator=rng)]
        names = [self.problem.pool_functions[row] for row in rows.tolist()]
        return dict(zip(names, self.problem.space.to_architectures(pool[rows]), strict=True))
