"""Results of a search: the best feasible query, and how many were feasible or failed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nag.core.errors import InvalidRequest
from nag.tasks import Metric, Objective, Task, parse_limits

__all__ = ["Query", "SearchResults", "check_limits", "feasible_optimum", "objective_of_metrics", "values_of"]

_TOLERANCE = 1e-9


def values_of(objective: Objective, search_value: float | None, side: Mapping[str, float | None]) -> dict[str, float]:
    """The metrics of an objective: the first is the search metric, all others are secondary metrics; nan where not measured.

    Example:
        >>> from nag.search.study import values_of
        >>> from nag.tasks import Metric, Objective
        >>> objective = Objective((Metric("accuracy"), Metric("latency", maximise=False)), pareto=True)
        >>> values_of(objective, 0.9, {"latency": 3.0, "params": 100.0})
        {'accuracy': 0.9, 'latency': 3.0}
    """
    known = {**side, objective.metrics[0].name: search_value}
    return {name: math.nan if (value := known.get(name)) is None else float(value) for name in objective.names}


@dataclass(frozen=True)
class Query:
    """One line of a search's history.

    Args:
        row: The line.
        values: Metric of the objective -> value; nan where it was not measured.
    """

    row: Mapping[str, Any]
    values: Mapping[str, float]

    @classmethod
    def of(cls, row: Mapping[str, Any], objective: Objective) -> Query:
        """The query of a line."""
        return cls(row, values_of(objective, row["search_value"], row["side"]))


class SearchResults:
    """Results of the queries so far; each query is added once.

    Args:
        objective: What is searched for.

    Example:
        >>> from nag.search.study import SearchResults
        >>> from nag.tasks import Objective
        >>> results = SearchResults(Objective.single("accuracy", limits={"latency": {"max": 5}}))
        >>> results.add([{"search_value": 0.9, "side": {"latency": 7.0}, "error": ""}])
        >>> results.add([{"search_value": 0.8, "side": {"latency": 4.0}, "error": ""}])
        >>> results.best.values, results.feasible
        ({'accuracy': 0.8, 'latency': 4.0}, 1)
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.best: Query | None = None
        self.nearest: Query | None = None
        self.queries = self.feasible = self.measured = 0
        self.first_error = ""

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds lines of the history, in their order."""
        for row in rows:
            query = Query.of(row, self.objective)
            self.best = self.objective.best([query] if self.best is None else [self.best, query])
            self.nearest = self.objective.nearest([query] if self.nearest is None else [self.nearest, query])
            self.queries += 1
            self.feasible += bool(self.objective.feasible([query]).all())
            self.measured += row["search_value"] is not None
            self.first_error = self.first_error or str(row["error"])

    @property
    def weighted(self) -> bool:
        """Whether a sum of several metrics is optimised, of which a table's optimum of one metric says nothing."""
        return not self.objective.pareto and len(self.objective.metrics) > 1

    @property
    def note(self) -> str:
        """The state of the search in a few words."""
        metric = self.objective.metrics[0].name
        if self.best is not None:
            return f"best {metric} {self.best.values[metric]:.6g}"
        return "nothing feasible yet" if self.measured else "nothing measured yet"

    def logged(self, row: Mapping[str, Any]) -> dict[str, float]:
        """What trackers log after a query: its value, the best feasible one, and how many queries were feasible."""
        best = None if self.best is None else self.best.row["search_value"]
        values = {"search/value": row["search_value"], "search/best": best, "search/feasible": self.feasible}
        return {name: float(value) for name, value in values.items() if value is not None}

    def infeasible(self) -> str:
        """Why there is no best although there are measurements, in words; empty where it is otherwise."""
        if self.best is not None or not self.measured:
            return ""
        limits = ", ".join(f"{metric} {limit}" for metric, limit in self.objective.limits.items())
        if self.nearest is None:
            return f"none of {self.queries} queries has all metrics of the objective: {', '.join(self.objective.names)}"
        near = ", ".join(f"{metric} {self.nearest.values[metric]:.6g}" for metric in self.objective.limits)
        return f"no query kept the limits ({limits}); the nearest: {self.nearest.row['arch']} with {near}"

    def metrics(self, task: Task, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The entries of `metrics.json`.

        Args:
            task: What was searched for.
            rows: All lines of the history.
        """
        best = {} if self.best is None else self.best.row
        nearest = None if self.best is not None or self.nearest is None else self.nearest.row["arch"]
        report, optimum = best.get("report_value"), None if self.weighted else feasible_optimum(task, self.objective)
        first, *further = self.objective.metrics
        reached = [row["query"] for row in rows if self._reaches(row, optimum)]
        return {
            "task": task.name,
            "search_space": task.space.name,
            "protocol": task.protocol,
            "search_metric": task.search_metric,
            "report_metric": task.report_metric,
            "maximise": task.maximise,
            "best_arch": best.get("arch"),
            "best_search_metric": best.get("search_value"),
            "best_report_metric": report,
            "regret": None if optimum is None or report is None else max(first.utility(optimum) - first.utility(report), 0.0),
            "true_optimum": optimum,
            "queries": self.queries,
            "queries_feasible": self.feasible,
            "nearest_arch": nearest,
            "queries_to_optimum": reached[0] if reached else None,
            "failed": self.queries - self.measured,
            "labels_used": self.measured,
            "train_seconds": round(sum(row["cpu_seconds"] + row["gpu_seconds"] for row in rows), 3),
            "minimised": [each.name for each in further if not each.maximise],
            "maximised": [each.name for each in further if each.maximise],
            **({"weights": self._weights()} if self.weighted else {}),
            "limits": {metric: limit.bounds for metric, limit in self.objective.limits.items()},
        }

    def _weights(self) -> dict[str, float]:
        return {each.name: self.objective.weight(each) for each in self.objective.metrics}

    def _reaches(self, row: Mapping[str, Any], optimum: float | None) -> bool:
        if optimum is None or row["report_value"] is None:
            return False
        away = self.objective.metrics[0].utility(row["report_value"] - optimum)
        return away >= -_TOLERANCE and bool(self.objective.feasible([Query.of(row, self.objective)]).all())


def feasible_optimum(task: Task, objective: Objective) -> float | None:
    """The best report value of a task's table among the rows that keep the limits; None where there is none, or no table.

    Example:
        >>> from nag.search.study import feasible_optimum
        >>> from nag.tasks import Objective, load_task
        >>> task = load_task("nas_bench_graph/cora")
        >>> limited = feasible_optimum(task, Objective.single("valid_perf", limits={"latency": {"max": 0.003}}))
        >>> limited is None or limited <= task.best
        True
    """
    if not task.has_table:
        return None
    if not objective.limits:
        return task.best
    keeps = np.ones(len(task.rows), dtype=bool)
    for metric, limit in objective.limits.items():
        values = torch.from_numpy(np.array(task.table.metric(metric)[task.rows]))
        keeps &= (limit.violation(values) == 0).numpy()
    found = task.report_values[task.rows[keeps]]
    return None if not len(found) else task.metrics[0].best(found)


def check_limits(task: Task, objective: Objective) -> None:
    """Raises `InvalidRequest` where a task has a table and none of its architectures keeps the limits of an objective.

    Example:
        >>> from nag.search.study import check_limits
        >>> from nag.tasks import Objective, load_task
        >>> task = load_task("nas_bench_graph/cora")
        >>> check_limits(task, Objective.single("valid_perf", limits={"latency": {"max": 0.001}}))
    """
    if not task.has_table or not objective.limits or feasible_optimum(task, objective) is not None:
        return
    known = {metric: task.table.metric(metric)[task.rows] for metric in objective.limits}
    ranges = ", ".join(f"{metric} is {np.nanmin(values):.6g} to {np.nanmax(values):.6g}" for metric, values in known.items())
    limits = ", ".join(f"{metric} {limit}" for metric, limit in objective.limits.items())
    raise InvalidRequest(f"no architecture of {task.name} keeps the limits ({limits})", f"In its table, {ranges}.")


def objective_of_metrics(metrics: Mapping[str, Any]) -> Objective:
    """The objective of a search that has ended, from its `metrics.json`.

    Raises:
        InvalidRequest: The entries are none of a search.

    Example:
        >>> from nag.search.study import objective_of_metrics
        >>> objective_of_metrics({"search_metric": "accuracy", "maximise": True, "limits": {"latency": {"max": 5}}}).limits
        {'latency': Limit(max=5.0, min=None)}
    """
    first = Metric(str(metrics.get("search_metric")), metrics.get("maximise") is not False)
    further = [
        Metric(str(name), key == "maximised")
        for key in ("minimised", "maximised")
        if isinstance(names := metrics.get(key), list)
        for name in names
    ]
    limits = parse_limits(metrics.get("limits"), {each.name: each.maximise for each in (first, *further)})
    weights = metrics.get("weights")
    if isinstance(weights, Mapping):
        return Objective((first, *further), limits, {str(name): weight for name, weight in weights.items()})
    return Objective((first, *further), limits, pareto=bool(further))
