"""The problem of a search: all that a strategy may see, and no way to what it must not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import torch

from nag.core.errors import NagError
from nag.diffusion import Generator
from nag.graphs import DagBatch
from nag.predictors import Predictor, ProxyColumns
from nag.spaces import SearchSpace, enumerate_space, is_enumerable
from nag.tasks import Objective

__all__ = ["ForbiddenMetric", "Measurable", "Problem"]


class ForbiddenMetric(NagError):
    """A strategy was shown, or asked for, a metric that the search must not see.

    Example:
        >>> import nag
        >>> from nag.search import ForbiddenMetric
        >>> try:
        ...     nag.Problem(nag.load_space("nasbench201"), nag.Objective.single("accuracy")).report_metric
        ... except ForbiddenMetric as error:
        ...     print(error.what)
        a strategy cannot see the report metric
    """


@dataclass(frozen=True, eq=False)
class Measurable:
    """The functions that can be evaluated.

    Args:
        functions: C canonical hashes.
        dags: An architecture of each.

    Example:
        >>> import nag
        >>> from nag.search import Measurable
        >>> space = nag.load_space("nas_bench_graph")
        >>> dags = space.to_dags(space.sample(3, seed=0))
        >>> measurable = Measurable(tuple(space.canonical_hashes(dags)), dags)
        >>> problem = nag.Problem(space, nag.Objective.single("accuracy"), measurable=measurable)
        >>> problem.can_evaluate(measurable.functions[0]), problem.can_evaluate("another one")
        (True, False)
    """

    functions: tuple[str, ...]
    dags: DagBatch

    @cached_property
    def known(self) -> frozenset[str]:
        """The functions."""
        return frozenset(self.functions)


@dataclass(frozen=True, eq=False)
class Problem:
    """All that a strategy may see beside its history.

    Args:
        space: Where to search.
        objective: What for.
        proxies: Training-free scores, cheap enough to know of every architecture.
        prior: Predictor of this task before any label, from other tasks, such as a `TransferPredictor`.
        generator: A trained generator of the space.
        measurable: What can be evaluated, where that may be a part of the space, such as the rows of a table.

    Example:
        >>> import nag
        >>> space = nag.load_space("nas_bench_graph")
        >>> problem = nag.Problem(space, nag.Objective.single("accuracy"))
        >>> strategy = nag.search.RandomSearch(problem, seed=0)
        >>> len(strategy.ask(3)), len(problem.pool)
        (3, 25998)
    """

    space: SearchSpace
    objective: Objective
    proxies: ProxyColumns | None = None
    prior: Predictor | None = None
    generator: Generator | None = None
    measurable: Measurable | None = None

    def can_evaluate(self, function: str) -> bool:
        """Whether a function (canonical hash) of the space can be evaluated."""
        return self.measurable is None or function in self.measurable.known

    @cached_property
    def pool(self) -> DagBatch | None:
        """One architecture of each function that can be evaluated, in a fixed order; None where they cannot be listed."""
        return self._pool[0]

    @cached_property
    def pool_functions(self) -> tuple[str, ...]:
        """Canonical hashes of the architectures in the pool, none where there is no pool."""
        return self._pool[1]

    @cached_property
    def _pool(self) -> tuple[DagBatch | None, tuple[str, ...]]:
        if not is_enumerable(self.space):
            return (None, ()) if self.measurable is None else (self.measurable.dags, self.measurable.functions)
        every = enumerate_space(self.space)
        first: dict[str, int] = {}
        for row, function in enumerate(self.space.canonical_hashes(every)):
            if self.can_evaluate(function):
                first.setdefault(function, row)
        return every[torch.tensor(list(first.values()), dtype=torch.int64)], tuple(first)

    @property
    def report_metric(self) -> NoReturn:
        """There is none here, on purpose.

        Raises:
            ForbiddenMetric: Always.
        """
        raise ForbiddenMetric(
            "a strategy cannot see the report metric", "It is kept for the results: search on the metrics of the objective."
        )
