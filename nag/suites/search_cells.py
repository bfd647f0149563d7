"""Cells of the suite `search`: one search of a table, and the regret of the table's best by the search metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nag.diffusion.generation import load_generator
from nag.evaluation import Evaluation, TableEvaluator, cpu_seconds
from nag.predictors import Episodes, MetaPredictor, Predictor, RankedPredictor, TransferPredictor
from nag.search import Problem, Strategy
from nag.search.study.loop import queries
from nag.search.study.measurable import measurable
from nag.suites import CellContext, Measurement, measurements
from nag.suites.parts.products import metric_of, trained_generator, trained_meta_predictor
from nag.tasks import Objective, Task, load_task
from nag.training import FitOptions
from nag.workflows.proxies import proxies_of

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


@dataclass(frozen=True)
class Generation:
    """Training of a generator without labels.

    Args:
        make: (space=..., data=...) -> the untrained generator.
        training: Options of its training.
    """

    make: Callable[..., Any]
    training: FitOptions


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
        prior, prior_cost = self._prior(task, context)
        generator, trained = self._generator(task, context)
        strategy = self.make(problem=_problem(self.task, self.proxies, prior, generator), seed=context.seed)
        before = cpu_seconds()
        found = list(chain.from_iterable(queries(TableEvaluator(task), strategy, self.queries)))
        cost = cpu_seconds() - before
        values = {
            **_outcome(task, found, [n for n in self.regrets if n <= self.queries]),
            "labels_of_other_tasks": prior_cost.labels,
            "network_train_cpu_seconds": trained,  # of the generator; look-ups in tables train no networks
            "search_cpu_seconds": cost,
            "meta_predictor_cpu_seconds": prior_cost.cpu_seconds,
        }
        method = f"{self.name}, {self.source}" if self.source else self.name
        setting = "scalable" if strategy.scalable else "whole space"
        return measurements(task.space.name, task.name, method, setting, values, len(found))

    def _generator(self, task: Task, context: CellContext) -> tuple[Path | None, float]:
        """The strategy's generator, and the CPU seconds of its training."""
        if self.generation is None:
            return None, 0.0
        path = trained_generator(context, task.space, self.generation.make, self.generation.training)
        return path, metric_of(path, "cpu_seconds")

    def _prior(self, task: Task, context: CellContext) -> tuple[Predictor | None, _PriorCost]:
        """The prior from the source task, and its cost."""
        source = self.source
        if source is None:
            return None, _PriorCost(0.0, 0.0)
        seed = 0 if source.labels is None else context.seed
        sources = ([source.task], source.make, source.labels)
        trained, path = trained_meta_predictor(context, source.task, *sources, Episodes(), seed)
        assert isinstance(trained.meta, MetaPredictor)
        cost = _PriorCost(float(trained.metadata["labels_used"]), metric_of(path, "cpu_seconds"))
        return TransferPredictor(trained.meta, task.task_features), cost


@dataclass(frozen=True)
class _PriorCost:
    """Labels of other tasks and CPU seconds that a prior was trained with."""

    labels: float
    cpu_seconds: float


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
    """Queries to the optimum, and the regret of the incumbents."""
    best = _incumbents(task, found)
    optimal = [e.report_value is not None and task.utility(e.report_value - task.best) >= -1e-9 for e in found]
    top = [e.percentile is not None and e.percentile >= _TOP for e in found]
    missed = {} if task.searches_reported_metric else {f"search_regret_{n}": _missed(task, best[:n][-1]) for n in regrets}
    return {
        "queries_to_optimum": _first(optimal),
        "reached_optimum": float(any(optimal)),
        "queries_to_top": _first(top),
        **{f"regret_{n}": _regret(task, best[:n][-1]) for n in regrets},
        **missed,
        "best_value": best[-1].report_value,
    }


def _incumbents(task: Task, found: Sequence[Evaluation]) -> list[Evaluation]:
    """The best query by the search metric after each query."""
    best, incumbents = -math.inf, list[Evaluation]()
    for evaluation in found:
        value = -math.inf if evaluation.search_value is None else task.utility(evaluation.search_value)
        if value > best or not incumbents:
            best, incumbent = value, evaluation
        incumbents.append(incumbent)
    return incumbents


def _first(reached: Sequence[bool]) -> float | None:
    return float(reached.index(True) + 1) if any(reached) else None


def _regret(task: Task, evaluation: Evaluation) -> float | None:
    return None if evaluation.report_value is None else task.utility(task.best - evaluation.report_value)


def _missed(task: Task, evaluation: Evaluation) -> float | None:
    """Regret in the search metric."""
    best = float(task.utility(task.search_values[task.rows]).max())
    return None if evaluation.search_value is None else best - task.utility(evaluation.search_value)
