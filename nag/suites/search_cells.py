"""Cells of the suite `search`: one search of a table, and what its favourites are worth."""

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

from nag.core.documents import read_json
from nag.diffusion.generation import load_generator
from nag.evaluation import Evaluation, TableEvaluator, cpu_seconds
from nag.evaluation.predicted import load_meta_predictor
from nag.predictors import Episodes, MetaPredictor, Predictor, RankedPredictor, TransferPredictor
from nag.search import Problem, Strategy
from nag.search.study.loop import queries
from nag.search.study.measurable import measurable
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Measurement, cell_key
from nag.suites.generators import trained_generator
from nag.tasks import Objective, Task, load_task
from nag.training import FitOptions, make_fabric
from nag.workflows.proxies import proxies_of
from nag.workflows.run import RunFolder
from nag.workflows.train_meta_predictor import train_meta_predictor

__all__ = ["FAVOURITES", "Generation", "Make", "SearchJob", "Source", "measure_favourites", "measure_search"]

FAVOURITES = 20
"""How many of the best by the search metric are measured by the report metric."""

_TOP = 99.9  # percentile

Make = Callable[..., Strategy]
"""(problem=..., seed=...) -> a strategy."""


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
class Generation:
    """How a generator is trained, without labels.

    Args:
        make: (space=..., data=...) -> the untrained generator.
        training: Length and speed of its training.
    """

    make: Callable[..., Any]
    training: FitOptions


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


def measure_search(job: SearchJob, workshop: ArtifactCache) -> list[Measurement]:
    """Searches once."""
    task = load_task(job.task)
    prior, others, trained = _prior(job, task, workshop)
    generator, networks = _generator(job, task, workshop)
    strategy = job.make(problem=_problem(job.task, job.proxies, prior, generator), seed=job.seed)
    before = cpu_seconds()
    found = list(chain.from_iterable(queries(TableEvaluator(task), strategy, job.queries)))
    cost = cpu_seconds() - before
    best, incumbents = -math.inf, list[Evaluation]()
    for evaluation in found:
        worth = -math.inf if evaluation.search_value is None else task.utility(evaluation.search_value)
        if worth > best or not incumbents:
            best, incumbent = worth, evaluation
        incumbents.append(incumbent)
    optimal = [e.report_value is not None and task.utility(e.report_value - task.best) >= -1e-9 for e in found]
    top = [e.percentile is not None and e.percentile >= _TOP for e in found]
    regrets = [n for n in job.regrets if n <= job.queries]
    values: dict[str, float | None] = {
        "queries_to_optimum": _first(optimal),
        "reached_optimum": float(any(optimal)),
        "queries_to_top": _first(top),
        **{f"regret_{n}": _regret(task, incumbents[:n][-1]) for n in regrets},
        **({} if task.searches_reported_metric else {f"search_regret_{n}": _missed(task, incumbents[:n][-1]) for n in regrets}),
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


def measure_favourites(name: str, regrets: Sequence[int], workshop: ArtifactCache) -> list[Measurement]:
    """What the best architectures by the search metric are worth: where a search that finds them at once would stand."""
    task = load_task(name)
    rows = task.distinct_rows  # a search is given each function once
    order = np.argsort(-task.utility(task.search_values[rows]), kind="stable")
    found = []
    for number in (1, FAVOURITES):
        worth = float(task.report_values[rows][order[:number]].mean())
        values = {**{f"regret_{n}": task.utility(task.best - worth) for n in regrets}, "best_value": worth}
        method = f"the {number} best by {task.search_metric}" if number > 1 else f"the best by {task.search_metric}"
        found += [
            Measurement(task.space.name, task.name, method, "whole table", metric, value, len(rows))
            for metric, value in values.items()
        ]
    return found


@lru_cache(maxsize=1)
def _problem(task: str, proxies: tuple[str, ...], prior: Predictor | None, generator: Path | None) -> Problem:
    """The problem, the same for all seeds, so that what is known of the space is worked out once."""
    loaded = load_task(task)
    objective = Objective.single(loaded.search_metric, loaded.maximise)
    trained = None if generator is None else load_generator(generator, torch.device("cpu")).generator
    return Problem(
        loaded.space, objective, proxies_of(loaded, proxies) if proxies else None, prior, trained, measurable(loaded)
    )


def _generator(job: SearchJob, task: Task, workshop: ArtifactCache) -> tuple[Path | None, float]:
    """The generator that the strategy gets, and CPU seconds of training it."""
    if job.generation is None:
        return None, 0.0
    path = trained_generator(workshop, task.space, job.generation.make, job.generation.training, job.device)
    return path, _cost(path)


def _prior(job: SearchJob, task: Task, workshop: ArtifactCache) -> tuple[Predictor | None, float, float]:
    """The prior from the source task, its number of labels, and CPU seconds of fitting it."""
    source = job.source
    if source is None:
        return None, 0.0, 0.0
    device = make_fabric(job.device).device
    seed = 0 if source.labels is None else job.seed

    def build(run: RunFolder) -> None:
        train_meta_predictor(run, [load_task(source.task)], source.make, source.labels, Episodes(), device)

    config = {"source": source.task, "num_train": source.labels, "make_source": source.make}
    folder = workshop.product(cell_key("meta", source.task), "train-meta-predictor", seed, job.device, config, build)
    path = folder / "meta_predictor.safetensors"
    trained = load_meta_predictor(path, device)
    assert isinstance(trained.meta, MetaPredictor)
    predictor = TransferPredictor(trained.meta, task.task_features)
    return predictor, float(trained.facts["labels_used"]), _cost(path)


def _cost(product: Path) -> float:
    """CPU seconds that a product took, whichever cell built it."""
    return float(read_json(product.with_name("metrics.json"))["cpu_seconds"])


def _first(reached: Sequence[bool]) -> float | None:
    return float(reached.index(True) + 1) if any(reached) else None


def _regret(task: Task, evaluation: Evaluation) -> float | None:
    return None if evaluation.report_value is None else task.utility(task.best - evaluation.report_value)


def _missed(task: Task, evaluation: Evaluation) -> float | None:
    """By how much the search metric is below the best of the table."""
    best = float(task.utility(task.search_values[task.rows]).max())
    return None if evaluation.search_value is None else best - task.utility(evaluation.search_value)
