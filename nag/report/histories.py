"""Searches as a report reads them: queries with their metrics, and whether each keeps the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nag.core.errors import DamagedFile, InvalidRequest
from nag.graphs import Architecture
from nag.report.runs import Run
from nag.search.study.results import Query, objective_of_metrics, values_of
from nag.tasks import Objective
from nag.tasks.metric import Values
from nag.workflows.run_folder.history import HistoryRow, read_history

__all__ = ["Search", "SearchQuery", "read_search", "search_of"]


@dataclass(frozen=True)
class SearchQuery:
    """One query of a search.

    Args:
        row: Its line in the history.
        side: Metric -> value of the metrics beside the search metric.
        feasible: Whether it was measured and keeps the limits.
        cost: Seconds that this and all earlier queries took.
    """

    row: HistoryRow
    side: Mapping[str, float]
    feasible: bool
    cost: float

    @property
    def architecture(self) -> Architecture:
        """The graph."""
        return Architecture(tuple(self.row.ops), tuple((edge[0], edge[1]) for edge in self.row.edges))

    @property
    def value(self) -> float:
        """The search metric of a query that was measured."""
        assert self.row.search_value is not None
        return self.row.search_value


@dataclass(frozen=True)
class Search:
    """One search.

    Args:
        run: Its run.
        name: How the report calls it: its strategy, with the run's name where several have it.
        objective: What was searched for.
        queries: All queries, in their order.
    """

    run: Run
    name: str
    objective: Objective
    queries: Sequence[SearchQuery]

    def utility(self, values: Values) -> Values:
        """Values of the search metric, sign-adjusted so that greater is better."""
        return self.objective.metrics[0].utility(values)

    @property
    def metric(self) -> str:
        """The search metric."""
        return self.objective.metrics[0].name

    @property
    def measured(self) -> list[SearchQuery]:
        """Queries that have a value."""
        return [query for query in self.queries if query.row.search_value is not None]

    @property
    def ranked(self) -> list[SearchQuery]:
        """The feasible queries, the best first."""
        return sorted((query for query in self.queries if query.feasible), key=lambda query: -self.utility(query.value))

    @property
    def improvements(self) -> list[SearchQuery]:
        """The feasible queries that were better than all before them."""
        found: list[SearchQuery] = []
        for query in self.queries:
            if query.feasible and (not found or self.utility(query.value - found[-1].value) > 0):
                found.append(query)
        return found


def read_search(run: Run, runs: Sequence[Run]) -> Search:
    """The search of a run.

    Raises:
        MissingData: It has no history.
        DamagedFile: A file is not what it should be.
    """
    try:
        objective = objective_of_metrics(run.metrics)
    except InvalidRequest as error:
        raise DamagedFile(f"'{run.path / 'metrics.json'}' is damaged: {error.what}", "Run the search again.") from error
    return search_of(run, runs, objective, read_history(run.file("history.jsonl")))


def search_of(run: Run, runs: Sequence[Run], objective: Objective, rows: Sequence[HistoryRow]) -> Search:
    """The search of a run and the lines of its history."""
    sides = [{name: value for name, value in row.side.items() if value is not None} for row in rows]
    values = [Query({}, values_of(objective, row.search_value, side)) for row, side in zip(rows, sides, strict=True)]
    keeps = objective.feasible(values).tolist()
    queries, cost = [], 0.0
    for row, side, feasible in zip(rows, sides, keeps, strict=True):
        cost += row.cpu_seconds + row.gpu_seconds
        queries.append(SearchQuery(row, side, feasible, cost))
    return Search(run, _name(run, runs), objective, queries)


def _name(run: Run, runs: Sequence[Run]) -> str:
    strategy = run.text("strategy") or "search"
    same = sum(other.command == "search" and other.text("strategy") == run.text("strategy") for other in runs)
    return strategy if same == 1 else f"{strategy} ({run.name})"
