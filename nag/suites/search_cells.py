"""Cells of the suite `search`: one search of a table, and the regret of the table's best by the search metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nag.diffusion.generation import load_generator
from nag.evaluation import Evaluation, Stopwatch, TableEvaluator
from nag.predictors import Episodes, MetaPredictor, Predictor, RankedPredictor, TransferPredictor
from nag.search import Problem, Strategy
from nag.search.study.loop import queries
from nag.search.study.measurable import measurable
from nag.suites import CellContext, Measurement, measurements
from nag.suites.parts.products import metric_of, trained_generator, trained_meta_predictor
from nag.tasks import Objective, Task, load_task
from nag.training import FitOptions
from nag.workflows.sources.proxies import proxies_of

__all__ = ["BEST", "Generation", "Make", "Search", "Source", "measure_best"]

BEST = 20
"""Number of architectures, best by the search metric, whose report metric is averaged."""

_TOP = 99.9  # percentile

Make = Callable[..., Strategy]
"""(problem=..., seed=...) -> a strategy."""


@dataclass(frozen=True)
class Source:
    """A source task of the meta-predictor that is trained before the first query.

    Args:
        task: Name of the source task, of the same space.
        labels: Number of random labels; None for all.
        make: (space=..., seed=...) -> an untrained predictor of it.
    """

    task: str
    labels: int | None
    make: Callable[..., RankedPredictor]

    def __str__(self) -> str:
        return f"{self.labels or 'all'} labels of {self.task}"

    def prior(self, task: Task, context: CellContext) -> tuple[Predictor, dict[str, float]]:
        """The prior for a task, and its cost."""
        seed = 0 if self.labels is None else context.seed
        sources = ([self.task], self.make, self.labels)
        trained, path = trained_meta_predictor(context, self.task, *sources, Episodes(), seed)
        assert isinstance(trained.meta, MetaPredictor)
        labels, cpu = float(trained.metadata["labels_used"]), metric_of(path, "cpu_seconds")
        cost = {"labels_of_other_tasks": labels, "meta_predictor_cpu_seconds": cpu}
        return TransferPredictor(trained.meta, task.task_features), cost


@dataclass(frozen=True)
class Generation:
    """Training of a generator without labels.

    Args:
        make: (space=..., data=...) -> the untrained generator.
        training: Options of its training.
    """

    make: Callable[..., Any]
    training: FitOptions

    def trained(self, task: Task, context: CellContext) -> tuple[Path, dict[str, float]]:
        """The generator, trained with seed 0, and its cost."""
        path = trained_generator(context, task.space, self.make, self.training)
        return path, {"network_train_cpu_seconds": metric_of(path, "cpu_seconds")}


@dataclass(frozen=True)
class Search:
    """One search of a table.

    Args:
        task: Name of the task.
        name: Name of the strategy.
        make: (problem=..., seed=...) -> the strategy.
        queries: Number of queries.
        regrets: Numbers of queries after which regret is measured.
        proxies: Training-free columns that the strategy may use.
        source: Source task of a meta-predictor; None for none.
        generation: Training of the strategy's generator, with seed 0; None for none.
    """

    task: str
    name: str
    make: Make
    queries: int
    regrets: tuple[int, ...]
    proxies: tuple[str, ...] = ()
    source: Source | None = None
    generation: Generation | None = None

    def measure(self, context: CellContext) -> list[Measurement]:
        """Searches once, with the seed for the strategy and for the labels of the source task."""
        task = load_task(self.task)
        prior, prior_cost = self.source.prior(task, context) if self.source else (None, {})
        generator, generator_cost = self.generation.trained(task, context) if self.generation else (None, {})
        strategy = self.make(problem=_problem(self.task, self.proxies, prior, generator), seed=context.seed)
        watch = Stopwatch()
        found = list(chain.from_iterable(queries(TableEvaluator(task), strategy, self.queries)))
        values = {
            **_outcome(task, found, [n for n in self.regrets if n <= self.queries]),
            **dict.fromkeys(("labels_of_other_tasks", "network_train_cpu_seconds"), 0.0),  # look-ups train no networks
            "search_cpu_seconds": watch.cpu,
            "meta_predictor_cpu_seconds": 0.0,
            **prior_cost,
            **generator_cost,
        }
        method = f"{self.name}, {self.source}" if self.source else self.name
        setting = "scalable" if strategy.scalable else "whole space"
        return measurements(task.space.name, task.name, method, setting, values, len(found))


def measure_best(name: str, regrets: Sequence[int], context: CellContext) -> list[Measurement]:
    """Report metric and regret of the best architectures by the search metric: the limit of a perfect search."""
    task = load_task(name)
    rows = task.distinct_rows  # a search queries each function once
    order = np.argsort(-task.utility(task.search_values[rows]), kind="stable")
    found = []
    for number in (1, BEST):
        value = float(task.report_values[rows][order[:number]].mean())
        values = {**{f"regret_{n}": task.utility(task.best - value) for n in regrets}, "best_value": value}
        method = f"the {number} best by {task.search_metric}" if number > 1 else f"the best by {task.search_metric}"
        found += measurements(task.space.name, task.name, method, "whole table", values, len(rows))
    return found


@lru_cache(maxsize=1)
def _problem(task: str, proxies: tuple[str, ...], prior: Predictor | None, generator: Path | None) -> Problem:
    """The problem, cached over seeds, so that properties of the space are computed once."""
    loaded = load_task(task)
    objective = Objective.single(loaded.search_metric, loaded.maximise)
    trained = None if generator is None else load_generator(generator, torch.device("cpu")).generator
    columns = proxies_of(loaded, proxies) if proxies else None
    return Problem(loaded.space, objective, columns, prior, trained, measurable(loaded))


def _outcome(task: Task, found: Sequence[Evaluation], regrets: Sequence[int]) -> dict[str, float | None]:
    """Queries to the optimum, and the regret of the best query by the search metric; nan where a value is missing."""
    searched, reported, percentile = (
        np.array([getattr(e, name) for e in found], dtype=np.float64) for name in ("search_value", "report_value", "percentile")
    )
    utility, regret = task.utility(searched), task.utility(task.best - reported)
    search_regret = task.utility(task.search_values[task.rows]).max() - utility
    known = np.where(np.isnan(utility), -np.inf, utility)
    best = {n: int(known[:n].argmax()) for n in (*regrets, len(found))}
    optimal, top = task.utility(reported - task.best) >= -1e-9, percentile >= _TOP
    missed = {} if task.searches_reported_metric else {f"search_regret_{n}": float(search_regret[best[n]]) for n in regrets}
    return {
        "queries_to_optimum": _first(optimal),
        "reached_optimum": float(optimal.any()),
        "queries_to_top": _first(top),
        **{f"regret_{n}": float(regret[best[n]]) for n in regrets},
        **missed,
        "best_value": float(reported[best[len(found)]]),
    }


def _first(reached: np.ndarray) -> float | None:
    """Number of the first query that reached a target; None if there is none."""
    return float(reached.argmax() + 1) if reached.any() else None
