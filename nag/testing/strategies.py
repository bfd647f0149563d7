"""The laws of every search strategy."""

from __future__ import annotations

from abc import ABC, abstractmethod

from nag.core.errors import InvalidRequest
from nag.graphs import Architecture
from nag.search import ForbiddenMetric, Problem, SpaceExhausted, Strategy
from nag.spaces import SearchSpace, space_from_mapping
from nag.tasks import Objective, Observation
from nag.testing.laws import refused

__all__ = ["StrategyContract"]

_TINY = {"name": "tiny", "operations": {"a": "parametric", "skip": "identity"}, "nodes": 4, "edges": "free"}


class StrategyContract(ABC):
    """Contract of `nag.search.Strategy`.

    Example:
        >>> from nag.search import RandomSearch
        >>> from nag.spaces import load_space
        >>> from nag.testing import StrategyContract
        >>> class TestMine(StrategyContract):
        ...     space = load_space("nas_bench_graph")
        ...     def make(self, problem, seed):
        ...         return RandomSearch(problem, seed)
        >>> TestMine().test_a_strategy_cannot_see_the_report_metric()  # pytest runs all tests of the contract
    """

    space: SearchSpace
    """A space that it searches."""

    @abstractmethod
    def make(self, problem: Problem, seed: int) -> Strategy:
        """The strategy."""

    def search(self, strategy: Strategy, rounds: int, batch: int) -> list[Architecture]:
        """Asks and tells; the score is the number of edges."""
        asked = []
        for _ in range(rounds):
            archs = strategy.ask(batch)
            strategy.tell([self.observed(strategy.problem.space, arch) for arch in archs])
            asked += archs
        return asked

    def observed(self, space: SearchSpace, arch: Architecture) -> Observation:
        """The observation of an architecture."""
        return Observation.of(space, arch, {"score": float(len(arch.edges)) + arch.ops.count(arch.ops[1])})

    def problem(self) -> Problem:
        """The problem of the contract's space."""
        return Problem(self.space, Objective.single("score"))

    def test_asks_valid_architectures_of_functions_that_are_new(self) -> None:
        """No canonical hash twice."""
        asked = self.search(self.make(self.problem(), 0), rounds=2, batch=6)
        dags = self.space.to_dags(asked)
        assert len(asked) == len(set(self.space.canonical_hashes(dags))) == 12
        assert bool(self.space.is_valid(dags).all())

    def test_a_search_is_a_function_of_its_seed(self) -> None:
        """The same seed asks the same."""
        first, again = (self.search(self.make(self.problem(), 1), rounds=2, batch=5) for _ in range(2))
        assert first == again

    def test_a_stored_history_is_gone_on_with(self) -> None:
        """A resumed search equals an uninterrupted one."""
        undisturbed, resumed = self.make(self.problem(), 3), self.make(self.problem(), 3)
        self.search(undisturbed, rounds=2, batch=4)
        resumed.tell(undisturbed.history.observations[:5])
        resumed.tell(undisturbed.history.observations[5:])
        assert self.search(resumed, rounds=2, batch=2) == self.search(undisturbed, rounds=2, batch=2)

    def test_a_finite_space_is_asked_out_and_then_exhausted(self) -> None:
        """Every function once, then `SpaceExhausted`."""
        problem = Problem(space_from_mapping(_TINY), Objective.single("score"))
        strategy = self.make(problem, 0)
        while len(strategy.history) < len(problem.pool_functions):
            self.search(strategy, rounds=1, batch=3)
        with refused(SpaceExhausted):
            strategy.ask(3)

    def test_a_strategy_cannot_see_the_report_metric(self) -> None:
        """Observations with metrics that the goal does not name are refused."""
        strategy = self.make(self.problem(), 0)
        (arch,) = strategy.ask(1)
        with refused(ForbiddenMetric):
            strategy.tell([Observation.of(self.space, arch, {"score": 1.0, "test_acc": 2.0})])
        with refused(InvalidRequest):
            strategy.ask(0)

    def test_failed_evaluations_do_not_stop_a_search(self) -> None:
        """A value of nan is a failure."""
        strategy = self.make(self.problem(), 0)
        for _ in range(3):
            strategy.tell([Observation.of(self.space, arch, {"score": float("nan")}) for arch in strategy.ask(3)])
        assert strategy.history.best is None
        assert len(strategy.ask(3)) == 3
