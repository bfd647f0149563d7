"""Observations of a search, and their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.pareto import ranks
from nag.graphs import Architecture, DagBatch
from nag.search.problem import ForbiddenMetric
from nag.spaces import SearchSpace
from nag.tasks import Objective, Observation

__all__ = ["History"]


@dataclass(frozen=True, eq=False)
class History:
    """Observations in the order in which they were reported, n in number; no canonical hash appears twice.

    Args:
        space: Search space.
        objective: What is searched for.
        observations: n observations.

    Example:
        >>> from nag.search import History
        >>> from nag.spaces import load_space
        >>> from nag.tasks import Objective, Observation
        >>> space = load_space("nas_bench_graph")
        >>> seen = [Observation.of(space, arch, {"edges": len(arch.edges)}) for arch in space.sample(3, seed=0)]
        >>> history = History(space, Objective.single("edges")).extended(seen)
        >>> len(history.functions), history.best.values
        (3, {'edges': 7})
    """

    space: SearchSpace
    objective: Objective
    observations: tuple[Observation, ...] = ()

    def __len__(self) -> int:
        return len(self.observations)

    def first(self, number: int) -> History:
        """The first observations alone."""
        return History(self.space, self.objective, self.observations[:number])

    def extended(self, new: Sequence[Observation], known: Mapping[str, Architecture] | None = None) -> History:
        """This history and further observations.

        Args:
            new: The observations.
            known: Function -> architecture, of architectures that need not be checked.

        Raises:
            InvalidRequest: A canonical hash was reported before or is not that of its architecture, or a metric is missing.
            ForbiddenMetric: An observation has a metric that the objective does not name.
            InvalidArchitecture: An architecture is not of the space.
        """
        seen = set(self.functions)
        for observation in new:
            _check(observation, self.objective)
            if observation.canonical_hash in seen:
                what = f"an architecture of canonical hash {observation.canonical_hash[:8]} was reported before"
                raise InvalidRequest(what, "Report each canonical hash once; equivalent architectures share one evaluation.")
            seen.add(observation.canonical_hash)
        known = known or {}
        self._check_functions(
            [observation for observation in new if known.get(observation.canonical_hash) != observation.architecture]
        )
        longer = History(self.space, self.objective, (*self.observations, *new))
        longer.__dict__["functions"] = frozenset(seen)
        if "dags" in self.__dict__ and new:
            longer.__dict__["dags"] = DagBatch.cat(
                [self.dags, self.space.to_dags([observation.architecture for observation in new])]
            )
        return longer

    def _check_functions(self, strangers: Sequence[Observation]) -> None:
        """Raises unless architectures are of the space and have the functions that they are said to have."""
        if not strangers:
            return
        dags = self.space.to_dags([observation.architecture for observation in strangers])
        for row in (~self.space.is_valid(dags)).nonzero().flatten().tolist():
            self.space.validate(strangers[row].architecture)
        for observation, function in zip(strangers, self.space.canonical_hashes(dags), strict=True):
            if observation.canonical_hash != function:
                what = f"{observation.canonical_hash[:8]} is not the canonical hash of the architecture reported with it"
                raise InvalidRequest(what, "Report its canonical hash.")

    @cached_property
    def functions(self) -> frozenset[str]:
        """Canonical hashes of all that was observed."""
        return frozenset(observation.canonical_hash for observation in self.observations)

    @cached_property
    def dags(self) -> DagBatch:
        """The n architectures."""
        return self.space.to_dags([observation.architecture for observation in self.observations])

    def metric(self, name: str) -> Tensor:
        """One metric of the objective: (n,) float64, in its own units, nan where the evaluation failed.

        Raises:
            ForbiddenMetric: The objective does not name it.
        """
        if name not in self.objective.names:
            raise ForbiddenMetric(f"the objective of the search does not name the metric '{name}'", _known(self.objective))
        return self.objective.column(self.observations, name)

    @cached_property
    def values(self) -> Tensor:
        """The D objectives, signed so that higher is better: (n, D) float64, nan where the evaluation failed."""
        return self.objective.utilities(self.observations)

    @cached_property
    def violation(self) -> Tensor:
        """By what share each limit is broken, summed over the limits: (n,) float64; 0 is feasible, inf failed."""
        return self.objective.violation(self.observations)

    @cached_property
    def ranks(self) -> Tensor:
        """Place of each observation, 0 for the best; equals share one: (n,) int64 (see `nag.core.pareto.ranks`)."""
        return ranks(self.values, self.violation)

    @property
    def best(self) -> Observation | None:
        """The best feasible observation (see `Objective.best`); None as long as nothing feasible was observed."""
        return self.objective.best(self.observations)


def _check(observation: Observation, objective: Objective) -> None:
    """Raises unless an observation has just the metrics of the objective."""
    beyond = sorted(set(observation.values) - set(objective.names))
    if beyond:
        raise ForbiddenMetric(f"a strategy must not see the metric '{beyond[0]}'", _known(objective))
    for metric in objective.names:
        if metric not in observation.values:
            raise InvalidRequest(f"an observation lacks the metric '{metric}'", "Report nan where an evaluation failed.")


def _known(objective: Objective) -> str:
    return f"The objective names: {', '.join(objective.names)}."
