"""The study: what a search found, as a table, a front and a picture."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from nag.core.pareto import front
from nag.evaluation import Evaluation
from nag.graphs import Architecture, draw_svg
from nag.search.study.results import values_of
from nag.search.study.study_file import read_study, write_study
from nag.spaces import SearchSpace
from nag.tasks import Objective

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Query", "Study"]

_SHOWN = 5


@dataclass(frozen=True)
class Query:
    """One evaluated architecture of a study.

    Args:
        number: Its place in the search, from 1.
        evaluation: What came out.
        values: Metric of the objective -> value; nan where it was not measured.

    Example:
        >>> import nag
        >>> space = nag.load_space("nas_bench_graph")
        >>> study = nag.search(lambda arch: len(arch.edges), space, budget=2, strategy=nag.search.RandomSearch)
        >>> study[0].number, study[0].values, study[0].architecture == study.evaluations[0].architecture
        (1, {'value': 6.0}, True)
    """

    number: int
    evaluation: Evaluation
    values: Mapping[str, float]

    @property
    def architecture(self) -> Architecture:
        """What was evaluated."""
        return self.evaluation.architecture

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {value:.6g}" for name, value in self.values.items())
        return f"Query({self.number}: {values})"

    def _repr_svg_(self) -> str:
        return draw_svg(self.architecture, repr(self))


@dataclass(frozen=True, eq=False)
class Study(Sequence[Query]):
    """All queries of a search, in the order in which they were made.

    Args:
        space: The search space.
        objective: What was searched for.
        evaluations: What came out, query by query.

    Example:
        >>> import nag
        >>> space = nag.load_space("nas_bench_graph")
        >>> study = nag.search(lambda arch: len(arch.edges), space, budget=5, strategy=nag.search.RandomSearch)
        >>> len(study), study.best in study.front
        (5, True)
    """

    space: SearchSpace
    objective: Objective
    evaluations: tuple[Evaluation, ...]

    @cached_property
    def queries(self) -> tuple[Query, ...]:
        """The queries."""
        numbered = enumerate(self.evaluations, start=1)
        return tuple(Query(i, each, values_of(self.objective, each.search_value, each.side)) for i, each in numbered)

    @property
    def best(self) -> Query | None:
        """The best query that keeps all limits; None where none does."""
        return self.objective.best(self.queries)

    @property
    def front(self) -> list[Query]:
        """The feasible queries that no other one dominates, in the order of the search."""
        feasible = [query for query in self.queries if self._keeps(query)]
        if not feasible:
            return []
        marks = front(self.objective.utilities(feasible)).tolist()
        return [query for query, undominated in zip(feasible, marks, strict=True) if undominated]

    def __len__(self) -> int:
        return len(self.evaluations)

    @overload
    def __getitem__(self, where: int) -> Query: ...
    @overload
    def __getitem__(self, where: slice) -> tuple[Query, ...]: ...
    def __getitem__(self, where: int | slice) -> Query | tuple[Query, ...]:
        return self.queries[where]

    def to_pandas(self) -> pd.DataFrame:
        """A data frame with a row a query: its architecture, all metrics, whether it is feasible, cost and error."""
        import pandas as pd

        return pd.DataFrame([self._row(query) for query in self.queries])

    def save(self, path: str | Path) -> Path:
        """Writes the study as a JSON file, which `nag.load` reads."""
        write_study(Path(path), self.space, self.objective, self.evaluations)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Study:
        """Reads a study that `save` wrote.

        Raises:
            MissingData: There is no such file.
            DamagedFile: It is no study.
        """
        return cls(*read_study(Path(path)))

    def _keeps(self, query: Query) -> bool:
        return bool(self.objective.feasible([query]).all())

    def _row(self, query: Query) -> dict[str, Any]:
        each = query.evaluation
        return {
            "query": query.number,
            "arch": self.space.encode(each.architecture),
            "canonical_hash": each.canonical_hash,
            **query.values,
            **{name: value for name, value in each.side.items() if name not in query.values},
            "report_value": math.nan if each.report_value is None else each.report_value,
            "feasible": self._keeps(query),
            "cpu_seconds": each.cpu_seconds,
            "error": each.error,
        }

    def __repr__(self) -> str:
        best = self.best
        found = "nothing feasible" if best is None else ", ".join(f"{name} {value:.6g}" for name, value in best.values.items())
        return f"Study({len(self)} queries of {self.space.name}, best: {found})"

    def _repr_html_(self) -> str:
        head = f"<p>{html.escape(repr(self))}</p>"
        shown = self.front[:_SHOWN] if self.objective.pareto else [self.best] if self.best else []
        drawings = "".join(f"<div>{self._drawn(query)}</div>" for query in shown)
        return f"{head}<div style='display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start'>{drawings}</div>"

    def _drawn(self, query: Query) -> str:
        values = ", ".join(f"{name} {value:.6g}" for name, value in query.values.items())
        return draw_svg(query.architecture, f"query {query.number}: {values}", self.space.vocabulary)
