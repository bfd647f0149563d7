"""The suite `search`: how few queries lead to the best architecture, strategy by strategy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nag.benchmarks import Task, load_task
from nag.errors import InvalidRequest, did_you_mean
from nag.evaluation import Evaluation, TableEvaluator, cpu_seconds
from nag.files import read_json
from nag.predictors import Episodes, MetaPredictor, Predictor, RankedPredictor, TransferPredictor
from nag.search import Goal, Problem, Strategy
from nag.training import FitOptions, make_fabric
from nag.workflows.proxies import proxies_of
from nag.workflows.run import RunFolder
from nag.workflows.search import queries
from nag.workflows.suites.cells import Cell, Measurement, cell_key
from nag.workflows.suites.generators import trained_generator
from nag.workflows.suites.search_front import FrontJob, FrontRun, measure_front
from nag.workflows.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.workflows.suites.workshop import Workshop
from nag.workflows.train_generator import load_generator
from nag.workflows.train_meta_predictor import load_meta_predictor, train_meta_predictor

__all__ = [
    "Generation",
    "SearchJob",
    "SearchPreset",
    "SearchRun",
    "SearchSuite",
    "Source",
    "measure_favourites",
    "measure_search",
]

_TOP = 99.9  # percentile
_FAVOURITES = 20

Make = Callable[..., Strategy]


@dataclass(frozen=True)
class Source:
    """What other tasks teach before the first query.

    Args:
        task: Name of the other task, of the same space.
        labels: How many of its labels, at random; None for all.
        make: (space=..., seed=...) -> an untrained predictor of it.
    """

    task: str
    labels: int | None
    make: Callable[..., RankedPredictor]

    def __str__(self) -> str:
        return f"{self.labels or 'all'} labels of {self.task}"


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
class Generation:
    """How a generator is trained, without labels.

    Args:
        make: (space=..., data=...) -> the untrained generator.
        training: Length and speed of its training.
    """

    make: Callable[..., Any]
    training: FitOptions


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


@dataclass(frozen=True)
class SearchJob:
    """One search.

    Args:
        task: Name of the task.
        name: Name of the strategy.
        make: (problem=..., seed=...) -> the strategy.
        queries: Its length.
        regrets: Numbers of queries after which regret is measured.
        seed: Seed of the strategy, and of the labels that a source has sold.
        device: Kind of accelerator.
        proxies: Training-free columns that the strategy may see.
        source: What teaches the task before the first query.
        generation: How the strategy's generator is trained; None for none.
        data_dir: Folder of tables that are not packaged.
    """

    task: str
    name: str
    make: Make
    queries: int
    regrets: tuple[int, ...]
    seed: int
    device: str
    proxies: tuple[str, ...] = ()
    source: Source | None = None
    generation: Generation | None = None
    data_dir: str | None = field(default=None, metadata={"result": False})


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
            Table(f"the {_FAVOURITES} best by the search metric", columns, ("whole table",)),
            Table("two objectives", front, ("front*",)),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        columns = sorted({name for run in preset.runs for name in run.proxies})
        text = (
            "Each query is one function (canonical hash) that was not asked before; strategies see its search metric alone and "
            "are asked for one at a time. *Optimum*: the first query whose report metric is the table's best; *top 0.1 %*: "
            "whose report metric has percentile 99.9; a search that ends before counts as never, so that a median may be "
            "none. *Regret*: the table's best report metric less that of the best query by the search metric; where the two "
            f"differ, even the table's {_FAVOURITES} best by the search metric, whose mean stands by itself, have some. "
            "Hyper-parameters are the defaults everywhere, chosen on seeds from 1000 on. Labels are those of the task; "
            "*labels of other tasks* were bought before, for a meta-predictor (`trees_large` for the source task), and stand "
            "in the method's name."
        )
        if columns:
            text += f" Training-free columns of the table that {_spoken(preset)} see: {', '.join(columns)}."
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
            load_task(task, options.data_dir)
        for run in preset.runs:
            for task in run.tasks:
                for name in run.strategies:
                    cells += [self._cell(preset, run, task, name, seed, options) for seed in options.seeds_from(run.seeds)]
        for task in tasks:
            favourites = partial(measure_favourites, task, tuple(preset.regrets), options.data_dir)
            cells.append(Cell(cell_key(task, "favourites"), 0, favourites))
        if preset.front is not None:
            load_task(preset.front.task, options.data_dir)
            makers = {**{name: self._strategy(name) for name in preset.front.strategies}, "NSGA-II": None}
            for name, make in makers.items():
                for seed in options.seeds_from(preset.front.seeds):
                    job = FrontJob(preset.front, name, make, seed, options.data_dir)
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
            *(tuple(run.proxies), source, self.generation if run.generator else None, options.data_dir),
        )
        taught = [f"after_{source.labels or 'all'}"] if source else []
        return Cell(cell_key(task, name, *taught, f"seed{seed}"), seed, partial(measure_search, job))


def measure_search(job: SearchJob, workshop: Workshop) -> list[Measurement]:
    """Searches once."""
    task = load_task(job.task, job.data_dir)
    prior, others, trained = _prior(job, task, workshop)
    generator, networks = _generator(job, task, workshop)
    strategy = job.make(problem=_problem(job.task, job.data_dir, job.proxies, prior, generator), seed=job.seed)
    before = cpu_seconds()
    found = list(chain.from_iterable(queries(task, TableEvaluator(task), strategy, job.queries)))
    cost = cpu_seconds() - before
    sign = 1.0 if task.maximise else -1.0
    best, incumbents = -math.inf, list[Evaluation]()
    for evaluation in found:
        worth = -math.inf if evaluation.search_value is None else sign * evaluation.search_value
        if worth > best or not incumbents:
            best, incumbent = worth, evaluation
        incumbents.append(incumbent)
    optimal = [e.report_value is not None and sign * (e.report_value - task.best) >= -1e-9 for e in found]
    top = [e.percentile is not None and e.percentile >= _TOP for e in found]
    values: dict[str, float | None] = {
        "queries_to_optimum": _first(optimal),
        "reached_optimum": float(any(optimal)),
        "queries_to_top": _first(top),
        **{f"regret_{n}": _regret(task, incumbents[:n][-1]) for n in job.regrets if n <= job.queries},
        "best_value": incumbents[-1].report_value,
        "labels_of_other_tasks": others,
        "network_train_cpu_seconds": networks,  # of the generator; tables cost none
        "search_cpu_seconds": cost,
        "meta_predictor_cpu_seconds": trained,
    }
    method = f"{job.name}, {job.source}" if job.source else job.name
    setting = "scalable" if strategy.scalable else "whole space"
    return [
        Measurement(task.space.name, task.name, method, setting, metric, value, len(found)) for metric, value in values.items()
    ]


def measure_favourites(name: str, regrets: Sequence[int], data_dir: str | None, workshop: Workshop) -> list[Measurement]:
    """What the best architectures by the search metric are worth: where a search that finds them at once would stand."""
    task = load_task(name, data_dir)
    sign = 1.0 if task.maximise else -1.0
    searched, reported = task.search_values[task.rows], task.report_values[task.rows]
    worth = float(reported[np.argsort(-sign * searched, kind="stable")[:_FAVOURITES]].mean())
    values = {**{f"regret_{n}": sign * (task.best - worth) for n in regrets}, "best_value": worth}
    method = f"the {_FAVOURITES} best by {task.search_metric}"
    return [
        Measurement(task.space.name, task.name, method, "whole table", metric, value, len(task.rows))
        for metric, value in values.items()
    ]


@lru_cache(maxsize=1)
def _problem(
    task: str, data_dir: str | None, proxies: tuple[str, ...], prior: Predictor | None, generator: Path | None
) -> Problem:
    """The problem, the same for all seeds, so that what is known of the space is worked out once."""
    loaded = load_task(task, data_dir)
    goal = Goal.single(loaded.search_metric, loaded.maximise)
    trained = None if generator is None else load_generator(generator, torch.device("cpu")).generator
    return Problem(loaded.space, goal, proxies_of(loaded, proxies) if proxies else None, prior, trained)


def _generator(job: SearchJob, task: Task, workshop: Workshop) -> tuple[Path | None, float]:
    """The generator that the strategy gets, and CPU seconds of training it."""
    if job.generation is None:
        return None, 0.0
    path = trained_generator(workshop, task.space, job.generation.make, job.generation.training, job.device)
    return path, _cost(path)


def _prior(job: SearchJob, task: Task, workshop: Workshop) -> tuple[Predictor | None, float, float]:
    """What the source task makes one believe, how many labels it had, and CPU seconds of learning it."""
    source = job.source
    if source is None:
        return None, 0.0, 0.0
    device = make_fabric(job.device).device
    seed = 0 if source.labels is None else job.seed

    def build(run: RunFolder) -> None:
        train_meta_predictor(run, [load_task(source.task, job.data_dir)], source.make, source.labels, Episodes(), device)

    config = {"source": source.task, "num_train": source.labels, "make_source": source.make}
    folder = workshop.product(cell_key("meta", source.task), "train-meta-predictor", seed, job.device, config, build)
    path = folder / "meta_predictor.safetensors"
    trained = load_meta_predictor(path, device)
    assert isinstance(trained.meta, MetaPredictor)
    predictor = TransferPredictor(trained.meta, task.descriptor)
    return predictor, float(trained.facts["labels_used"]), _cost(path)


def _cost(product: Path) -> float:
    """CPU seconds that a product took, whichever cell built it."""
    return float(read_json(product.with_name("metrics.json"))["cpu_seconds"])


def _first(reached: Sequence[bool]) -> float | None:
    return float(reached.index(True) + 1) if any(reached) else None


def _regret(task: Task, evaluation: Evaluation) -> float | None:
    sign = 1.0 if task.maximise else -1.0
    return None if evaluation.report_value is None else sign * (task.best - evaluation.report_value)


def _spoken(preset: SearchPreset) -> str:
    tasks = dict.fromkeys(task for run in preset.runs if run.proxies for task in run.tasks)
    return f"strategies which use such scores on {', '.join(tasks)}"
