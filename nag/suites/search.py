"""The suite `search`: how few queries lead to the best architecture, strategy by strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from nag.core.errors import InvalidRequest, did_you_mean
from nag.predictors import RankedPredictor
from nag.suites.cells import Cell, cell_key
from nag.suites.search_cells import (
    FAVOURITES,
    Generation,
    Make,
    SearchJob,
    Source,
    measure_favourites,
    measure_search,
)
from nag.suites.search_front import FrontJob, FrontRun, measure_front
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.tasks import load_task

__all__ = ["SearchPreset", "SearchRun", "SearchSuite"]


@dataclass(frozen=True)
class SearchRun:
    """Part of a preset: strategies that search for tasks.

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


@dataclass(frozen=True)
class SearchPreset:
    """How much the suite computes.

    Args:
        runs: Its parts.
        regrets: Numbers of queries after which regret is measured.
        front: Searches for a Pareto front; None for none.
    """

    runs: Sequence[SearchRun]
    regrets: Sequence[int] = (10, 20, 50, 100, 150)
    front: FrontRun | None = None


class SearchSuite(Suite):
    """Searches tables, one query at a time.

    Args:
        strategies: Name -> (problem=..., seed=...) -> a strategy.
        source: (space=..., seed=...) -> an untrained predictor of a task that another one learns from.
        presets: Name -> how much is computed.
        generation: How a generator is trained for strategies that take one.
    """

    def __init__(
        self,
        strategies: Mapping[str, Make],
        source: Callable[..., RankedPredictor],
        presets: Mapping[str, SearchPreset],
        generation: Generation,
    ) -> None:
        self.strategies, self.source, self.presets, self.generation = strategies, source, presets, generation

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "search"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Search"

    @property
    def medians(self) -> tuple[str, ...]:
        """Counts that have no end where the goal is not reached, so that a mean would not do."""
        return ("queries_to_optimum", "queries_to_top")

    @property
    def tables(self) -> tuple[Table, ...]:
        """Queries, regret and cost; strategies that score the whole space apart from those that never do."""
        regrets = sorted({number for preset in self.presets.values() for number in preset.regrets})
        columns = (
            Column("queries_to_optimum_median", "median queries to the optimum", "g"),
            Column("reached_optimum", "reached", ".2f"),
            Column("queries_to_top_median", "to the top 0.1 %", "g"),
            *(Column(f"regret_{number}", f"regret at {number}", ".3g") for number in regrets),
            *(Column(f"search_regret_{number}", f"by the search metric, at {number}", ".3g") for number in regrets),
            Column("best_value", "report metric at the end", ".4g"),
            Column("labels_of_other_tasks", "labels of other tasks", ".0f"),
            Column("network_train_cpu_seconds", "training networks, CPU s", ".0f"),
            Column("search_cpu_seconds", "search, CPU s", ".1f"),
        )
        front = (
            Column("hypervolume_ratio", "hypervolume over the true front's"),
            Column("hypervolume_ratio_nadir", "above the front's worst corner"),
            Column("front_found", "points of the true front", ".1f"),
            Column("search_cpu_seconds", "search, CPU s", ".1f"),
        )
        return (
            Table("strategies that may score every architecture", columns, ("whole space",)),
            Table("strategies that never enumerate the space", columns, ("scalable",)),
            Table("the best by the search metric", columns, ("whole table",)),
            Table("two objectives", front, ("front*",)),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
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
        for columns in dict.fromkeys(tuple(run.proxies) for run in preset.runs if run.proxies):
            tasks = dict.fromkeys(task for run in preset.runs if tuple(run.proxies) == columns for task in run.tasks)
            text += f" Training-free columns that strategies may see on {', '.join(tasks)}: {', '.join(columns)}."
        if preset.front is not None:
            text += f" {preset.front.protocol}"
        return text

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each task, strategy and seed.

        Raises:
            InvalidRequest: An unknown preset or strategy.
            MissingData: A task's table is not there.
        """
        preset, cells = chosen(self.presets, options), []
        tasks = list(dict.fromkeys(task for run in preset.runs for task in run.tasks))
        for task in tasks:
            load_task(task)
        for run in preset.runs:
            for task in run.tasks:
                for name in run.strategies:
                    cells += [self._cell(preset, run, task, name, seed, options) for seed in options.seeds_from(run.seeds)]
        for task in tasks:
            favourites = partial(measure_favourites, task, tuple(preset.regrets))
            cells.append(Cell(cell_key(task, "favourites"), 0, favourites))
        if preset.front is not None:
            load_task(preset.front.task)
            makers = {**{name: self._strategy(name) for name in preset.front.strategies}, "NSGA-II": None}
            for name, make in makers.items():
                for seed in options.seeds_from(preset.front.seeds):
                    job = FrontJob(preset.front, name, make, seed)
                    cells.append(Cell(cell_key("front", name, f"seed{seed}"), seed, partial(measure_front, job)))
        return cells

    def _strategy(self, name: str) -> Make:
        if name not in self.strategies:
            raise InvalidRequest(f"the suite has no strategy '{name}'", did_you_mean(name, self.strategies))
        return self.strategies[name]

    def _cell(self, preset: SearchPreset, run: SearchRun, task: str, name: str, seed: int, options: SuiteOptions) -> Cell:
        source = Source(run.sources[task], run.source_labels, self.source) if task in run.sources else None
        job = SearchJob(
            *(task, name, self._strategy(name), run.queries, tuple(preset.regrets), seed, options.device),
            *(tuple(run.proxies), source, self.generation if run.generator else None),
        )
        taught = [f"after_{source.labels or 'all'}"] if source else []
        return Cell(cell_key(task, name, *taught, f"seed{seed}"), seed, partial(measure_search, job))
