"""The suite `search`: how few queries lead to the best architecture, strategy by strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, product
from typing import Any

from nag.core.errors import InvalidRequest, did_you_mean
from nag.predictors import RankedPredictor
from nag.suites.running.cells import Cell, cell_key
from nag.suites.search_cells import FAVOURITES, Generation, Make, Search, Source, measure_favourites
from nag.suites.search_front import FrontRun
from nag.suites.suite import Column, Suite, SuiteOptions, Table
from nag.tasks import load_task

__all__ = ["SearchRun", "SearchSuite"]


@dataclass(frozen=True)
class SearchRun:
    """A part of the comparison: strategies that search for tasks.

    Args:
        tasks: Names of the tasks.
        strategies: Names of the strategies.
        seeds: Number of seeds.
        proxies: Training-free columns of the tasks' tables that strategies may see.
        sources: Task -> another task that a meta-predictor has learned; none where it is not named.
        source_labels: How many of its labels; None for all.
        queries: Length of a search.
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


_FRONT = (
    Column("hypervolume_ratio", "hypervolume over the true front's"),
    Column("hypervolume_ratio_nadir", "above the front's worst corner"),
    Column("front_found", "points of the true front", ".1f"),
    Column("search_cpu_seconds", "search, CPU s", ".1f"),
)


@dataclass(frozen=True)
class SearchSuite(Suite):
    """Searches tables, one query at a time.

    Args:
        strategies: Name -> (problem=..., seed=...) -> a strategy.
        source: (space=..., seed=...) -> an untrained predictor of a task that another one learns from.
        generation: How a generator is trained for strategies that take one.
        runs: What is computed.
        regrets: Numbers of queries after which regret is measured.
        front: Searches for a Pareto front; None for none.
        extra: Name -> (problem=..., seed=...) -> a strategy of one's own, which joins each run.
    """

    strategies: Mapping[str, Make]
    source: Callable[..., RankedPredictor]
    generation: Generation
    runs: Sequence[SearchRun]
    regrets: Sequence[int] = (10, 20, 50, 100, 150)
    front: FrontRun | None = None
    extra: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    name = "search"
    title = "Search"
    medians = ("queries_to_optimum", "queries_to_top")  # have no end where the goal is not reached: a mean would not do

    @property
    def tables(self) -> tuple[Table, ...]:
        """Queries, regret and cost; strategies that score the whole space apart from those that never do."""
        columns = (
            Column("queries_to_optimum_median", "median queries to the optimum", "g"),
            Column("reached_optimum", "reached", ".2f"),
            Column("queries_to_top_median", "to the top 0.1 %", "g"),
            *(Column(f"regret_{number}", f"regret at {number}", ".3g") for number in self.regrets),
            *(Column(f"search_regret_{number}", f"by the search metric, at {number}", ".3g") for number in self.regrets),
            Column("best_value", "report metric at the end", ".4g"),
            Column("labels_of_other_tasks", "labels of other tasks", ".0f"),
            Column("network_train_cpu_seconds", "training networks, CPU s", ".0f"),
            Column("search_cpu_seconds", "search, CPU s", ".1f"),
        )
        return (
            Table("strategies that may score every architecture", columns, ("whole space",)),
            Table("strategies that never enumerate the space", columns, ("scalable",)),
            Table("the best by the search metric", columns, ("whole table",)),
            Table("two objectives", _FRONT, ("front*",)),
        )

    @property
    def protocol(self) -> str:
        """How the numbers come about."""
        text = (
            "Each query is one function (canonical hash) that was not asked before; strategies see its search metric alone and "
            "are asked for one at a time. *Optimum*: the first query whose report metric is the table's best; *top 0.1 %*: "
            "whose report metric has percentile 99.9; a search that ends before counts as never, so that a median may be "
            "none. *Regret*: the table's best report metric less that of the best query by the search metric; where the two "
            f"differ, even the table's best by the search metric and the mean of its {FAVOURITES} best, which stand by "
            "themselves, have some, and regret *by the search metric* stands beside. Hyper-parameters are the defaults "
            "everywhere, chosen on seeds from 1000 on. Labels are those of the task; *labels of other tasks* were bought "
            "before, for a meta-predictor (`trees_large` for the source task), and stand in the method's name."
        )
        for columns in dict.fromkeys(tuple(run.proxies) for run in self.runs if run.proxies):
            tasks = dict.fromkeys(task for run in self.runs if tuple(run.proxies) == columns for task in run.tasks)
            text += f" Training-free columns that strategies may see on {', '.join(tasks)}: {', '.join(columns)}."
        if self.front is not None:
            text += f" {self.front.protocol}"
        return text

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
        favourites = [
            Cell(cell_key(task, "favourites"), 0, partial(measure_favourites, task, tuple(self.regrets))) for task in tasks
        ]
        return [*cells.values(), *favourites, *self._front_cells(options)]

    def _cells(self, run: SearchRun, task: str, name: str, options: SuiteOptions) -> list[Cell]:
        """A cell for each seed of one strategy on one task."""
        source = Source(run.sources[task], run.source_labels, self.source) if task in run.sources else None
        generation = self.generation if run.generator else None
        own = (run.queries, tuple(self.regrets), tuple(run.proxies), source, generation)
        search = Search(task, name, self._strategy(name), *own)
        taught = [f"after_{source.labels or 'all'}"] if source else []
        return options.cells(run.seeds, search.measure, task, name, *taught)

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
