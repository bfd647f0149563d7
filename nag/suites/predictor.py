"""The suite `predictor`: rank correlation and cost of predictors of a whole table from few labels, with ablations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau

from nag.core.errors import InvalidRequest, did_you_mean
from nag.evaluation import Stopwatch, ranking_metrics
from nag.predictors import NormalScores, Predictor
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.page import PagedSuite
from nag.tasks import Task, load_task
from nag.workflows.sources.proxies import proxies_of
from nag.workflows.train_predictor import draw_labels

__all__ = ["PredictorMethod", "PredictorRun", "PredictorSuite", "noise_ceiling"]

_CHUNK = 16384


@dataclass(frozen=True)
class PredictorMethod:
    """One line of the tables.

    Args:
        make: (space=..., seed=...) -> the untrained predictor; also proxies=... where there are any.
        proxies: Training-free columns of the table that are added to the features.
    """

    make: Callable[..., Predictor]
    proxies: Sequence[str] = ()

    def measure(self, task_name: str, name: str, num_labels: int, context: CellContext) -> list[Measurement]:
        """Fits a predictor to random labels of a task and ranks its table, under the name of the method."""
        task, device = load_task(task_name), context.device
        table, values = task.table, task.search_values
        split = draw_labels(task, num_labels, context.seed)
        more = {"proxies": proxies_of(task, self.proxies)} if self.proxies else {}
        predictor = self.make(space=table.space, seed=context.seed, **more).to(device)
        watch = Stopwatch()
        predictor.fit(table.dags[torch.from_numpy(split.train)].to(device), torch.from_numpy(task.utility(values[split.train])))
        fitting, watch = watch.cpu, Stopwatch()
        others = np.setdiff1d(task.rows, split.train)
        parts = torch.from_numpy(others).split(_CHUNK)
        scores = torch.cat([predictor.predict_scores(table.dags[part].to(device)).mean.cpu() for part in parts]).numpy()
        scoring = watch.cpu
        alone = np.isin(others, split.test)
        found = ranking_metrics(scores, task.utility(values[others]))
        measured = {
            "kendall_tau": found["kendall_tau"],
            "kendall_tau_no_twins": ranking_metrics(scores[alone], task.utility(values[others][alone]))["kendall_tau"],
            "spearman": found["spearman"],
            "kendall_tau_report": ranking_metrics(scores, task.utility(task.report_values[others]))["kendall_tau"],
            "precision_at_10pct": found["precision_at_10pct"],
            "tau_ceiling": noise_ceiling(task),
            "fit_cpu_seconds": fitting,
            "score_cpu_seconds": scoring,
        }
        return measurements(table.space.name, task.name, name, f"labels={num_labels}", measured, num_labels)


@dataclass(frozen=True)
class PredictorRun:
    """A part of the comparison: every method on every task with each number of labels.

    Args:
        tasks: Names of the tasks.
        labels: Numbers of labels.
        methods: Names of the methods.
        seeds: Number of seeds.
    """

    tasks: Sequence[str]
    labels: Sequence[int]
    methods: Sequence[str]
    seeds: int = 5


@dataclass(frozen=True)
class PredictorSuite(PagedSuite):
    """Fits predictors to random labels of a task's search metric and ranks all other architectures of its table.

    Args:
        methods: Name -> the method.
        runs: Parts of the comparison.
        extra: Name -> (space=..., seed=...) -> an untrained predictor of the user, added to each run.
    """

    methods: Mapping[str, PredictorMethod]
    runs: Sequence[PredictorRun]
    extra: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    name = "predictor"

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each task, method, number of labels and seed."""
        methods = {**self.methods, **{name: PredictorMethod(make) for name, make in self.extra.items()}}
        cells: dict[str, Cell] = {}
        for run in self.runs:
            for task in run.tasks:
                load_task(task)
                for name, labels in product([*run.methods, *self.extra], run.labels):
                    if name not in methods:
                        raise InvalidRequest(f"the suite has no method '{name}'", did_you_mean(name, methods))
                    measure = partial(methods[name].measure, task, name, labels)
                    for cell in options.cells(run.seeds, measure, task, name, f"labels{labels}"):
                        cells[cell.key] = cell
        return list(cells.values())


def noise_ceiling(task: Task) -> float | None:
    """Kendall's tau of the search values with themselves plus noise of the standard deviation within canonical classes.

    None if no class has two members. On normal scores, with the variance pooled over all classes; because the values are
    already noisy, the true ceiling is slightly lower.
    """
    rows, classes = task.rows, task.table.canonical[task.rows]
    scores = NormalScores().fit(torch.from_numpy(task.search_values[rows])).numpy()
    _, where, counts = np.unique(classes, return_inverse=True, return_counts=True)
    means = np.bincount(where, scores) / counts
    freedom = len(rows) - len(counts)
    if freedom == 0:
        return None
    noise = np.sqrt(((scores - means[where]) ** 2).sum() / freedom)
    again = scores + noise * np.random.default_rng(0).standard_normal(len(scores))
    return float(kendalltau(scores, again).statistic)
