"""The laws of every evaluator."""

from __future__ import annotations

from abc import ABC, abstractmethod

from nag.evaluation import Evaluator
from nag.spaces import SearchSpace
from nag.testing.laws import draws

__all__ = ["EvaluatorContract"]


class EvaluatorContract(ABC):
    """Contract of `nag.evaluation.Evaluator`.

    Example:
        >>> from nag.evaluation import CallableTrial, TrialEvaluator
        >>> from nag.spaces import load_space
        >>> from nag.testing import EvaluatorContract
        >>> class TestMine(EvaluatorContract):
        ...     space = load_space("nas_bench_graph")
        ...     def make(self):
        ...         return TrialEvaluator(self.space, CallableTrial(lambda arch: len(arch.edges)))
        >>> TestMine().test_progress_ends_with_all()  # pytest runs all tests of the contract
    """

    space: SearchSpace
    """A space with uniform draws that it measures."""

    @abstractmethod
    def make(self) -> Evaluator:
        """The evaluator."""

    def test_one_evaluation_for_each_architecture_in_order(self) -> None:
        """The same architecture gets the same value, wherever it stands."""
        archs = self.space.to_architectures(draws(self.space, 4))
        found = self.make().evaluate(archs)
        again = self.make().evaluate(archs[::-1])
        assert [each.architecture for each in found] == archs
        assert [each.search_value for each in found] == [each.search_value for each in again[::-1]]

    def test_progress_ends_with_all(self) -> None:
        """Progress is reported as the number of finished measurements and their total."""
        reported: list[tuple[float, int]] = []
        self.make().evaluate(self.space.to_architectures(draws(self.space, 3)), lambda *done: reported.append(done))
        assert all(0 <= done <= total for done, total in reported)
        assert self.make().evaluate([]) == []
