"""The suite `search`: queries that each strategy needs to find the best architectures of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, product
from typing import Any

from nag.core.errors import InvalidRequest, did_you_mean
from nag.predictors import RankedPredictor
from nag.suites import Cell, Column, SuiteOptions, Table, cell_key
from nag.suites.page import PagedSuite
from nag.suites.search_cells import Generation, Make, Search, Source, measure_best
from nag.suites.search_front import FrontRun
from nag.tasks import load_task

__all__ = ["SearchRun", "SearchSuite"]


@dataclass(frozen=True)
class SearchRun:
    """A part of the comparison: some strategies on some tasks.

    Args:
        tasks: Names of the tasks.
        strategies: Names of the strategies.
        seeds: Number of seeds.
        proxies: Training-free columns of the tasks' tables that strategies may use.
        sources: Task -> source task of a meta-predictor; tasks that are not named have none.
        source_labels: Number of labels of the source task; None for all.
        queries: Number of queries of a search.
        generator: Whether strategies get a generator of the space.
    """

    tasks: Sequence[str]
    strategies: Sequence[str]
    seeds: int = 5
    proxies: Sequence[str] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    source_labels: int | None = None
    queries: int = 150
    generator: bool = False


@dataclass(frozen=True)
class SearchSuite(PagedSuite):
    """Searches tables, one query at a time.

    Args:
        strategies: Name -> (problem=..., seed=...) -> a strategy.
        source: (space=..., seed=...) -> an untrained predictor of a source task.
        generation: Training of the generator for strategies that use one.
        runs: Parts of the comparison.
        regrets: Numbers of queries after which regret is measured.
        front: Searches for a Pareto front; None for none.
        extra: Name -> (problem=..., seed=...) -> a strategy of the user, added to each run.
    """

    strategies: Mapping[str, Make]
    source: Callable[..., RankedPredictor]
    generation: Generation
    runs: Sequence[SearchRun]
    regrets: Sequence[int] = (10, 20, 50, 100, 150)
    front: FrontRun | None = None
    extra: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    name = "search"
    medians = ("queries_to_optimum", "queries_to_top")  # unbounded if the target is not reached, so that no mean exists

    @property
    def tables(self) -> tuple[Table, ...]:
        """Tables of its page, with a column of each regret for each number of queries."""
        return tuple(
            replace(table, columns=tuple(chain.from_iterable(map(self._columns, table.columns)))) for table in super().tables
        )

    def _columns(self, column: Column) -> list[Column]:
        if "{n}" not in column.metric:
            return [column]
        return [Column(column.metric.format(n=n), column.title.format(n=n), column.format) for n in self.regrets]

    @property
    def protocol(self) -> str:
        """Measurement protocol, with the training-free columns of each task."""
        text = super().protocol
        for columns in dict.fromkeys(tuple(run.proxies) for run in self.runs if run.proxies):
            tasks = dict.fromkeys(task for run in self.runs if tuple(run.proxies) == columns for task in run.tasks)
            text += f" Training-free columns that strategies may use on {', '.join(tasks)}: {', '.join(columns)}."
        return text if self.front is None else f"{text} {self.front.protocol}"

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each task, strategy and seed."""
        cells: dict[str, Cell] = {}
        tasks = list(dict.fromkeys(task for run in self.runs for task in run.tasks))
        for task in tasks:
            load_task(task)
        for run in self.runs:
            for task, name in product(run.tasks, dict.fromkeys([*run.strategies, *self.extra])):
                for cell in self._cells(run, task, name, options):
                    cells.setdefault(cell.key, cell)
        best = [Cell(cell_key(task, "best"), 0, partial(measure_best, task, tuple(self.regrets))) for task in tasks]
        return [*cells.values(), *best, *self._front_cells(options)]

    def _cells(self, run: SearchRun, task: str, name: str, options: SuiteOptions) -> list[Cell]:
        """A cell for each seed of one strategy on one task."""
        source = Source(run.sources[task], run.source_labels, self.source) if task in run.sources else None
        generation = self.generation if run.generator else None
        own = (run.queries, tuple(self.regrets), tuple(run.proxies), source, generation)
        search = Search(task, name, self._strategy(name), *own)
        transfer = [f"after_{source.labels or 'all'}"] if source else []
        return options.cells(run.seeds, search.measure, task, name, *transfer)

    def _front_cells(self, options: SuiteOptions) -> list[Cell]:
        if self.front is None:
            return []
        load_task(self.front.task)
        names = dict.fromkeys([*self.front.strategies, *self.extra])
        makers = {**{name: self._strategy(name) for name in names}, "NSGA-II": None}
        each = (
            options.cells(self.front.seeds, partial(self.front.measure, name, make), "front", name)
            for name, make in makers.items()
        )
        return list(chain.from_iterable(each))

    def _strategy(self, name: str) -> Make:
        known = {**self.strategies, **self.extra}
        if name not in known:
            raise InvalidRequest(f"the suite has no strategy '{name}'", did_you_mean(name, known))
        return known[name]
