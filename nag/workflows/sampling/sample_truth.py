"""Benchmark metrics of the samples and of an equally large uniform sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nag.evaluation import Evaluation
from nag.tasks import Limit, Objective, Task

__all__ = ["benchmark_metrics"]


@dataclass(frozen=True)
class _Truth:
    """What a table holds of one architecture: metric -> value."""

    values: Mapping[str, float]

    @classmethod
    def of(cls, task: Task, evaluation: Evaluation) -> _Truth:
        known = {task.search_metric: evaluation.search_value, task.report_metric: evaluation.report_value, **evaluation.side}
        return cls({name: math.nan if value is None else value for name, value in known.items()})


def benchmark_metrics(
    task: Task, found: Sequence[Evaluation], uniform: Sequence[Evaluation], limits: Mapping[str, Limit]
) -> dict[str, Any]:
    """Benchmark metrics of the samples and of an equally large uniform sample; `true_known` samples are in the table.

    The best of either truly keeps those limits whose metrics the table holds; null where none does.
    """
    held = {name: limit for name, limit in limits.items() if name in (task.search_metric, *task.secondary_metrics)}
    objective = Objective.single(task.report_metric, task.maximise, held)

    def known(evaluations: Sequence[Evaluation]) -> np.ndarray:
        return np.array([e.report_value for e in evaluations if e.report_value is not None], dtype=np.float64)

    values, draws = known(found), known(uniform)
    searched = np.array([e.search_value for e in found if e.search_value is not None], dtype=np.float64)
    result: dict[str, Any] = {
        "task": task.name,
        "report_metric": task.report_metric,
        "protocol": task.protocol,
        "maximise": task.maximise,
        "true_optimum": task.best,
        "num_looked_up": len(values),
        "true_known": len(values),
    }
    for prefix, numbers, evaluations in (("", values, found), ("uniform_", draws, uniform)):
        if not len(numbers):
            continue
        truths = [_Truth.of(task, evaluation) for evaluation in evaluations]
        chosen = objective.best(truths)
        best = None if chosen is None else chosen.values[task.report_metric]
        result |= {
            f"{prefix}true_mean": float(numbers.mean()),
            f"{prefix}true_best": best,
            f"{prefix}true_percentile_mean": float(task.percentile(numbers).mean()),
            f"{prefix}true_percentile_best": None if best is None else float(task.percentile(best)),
        }
        if held:
            result[f"{prefix}true_feasible"] = int(objective.feasible(truths).sum())
    if len(searched):
        result["search_percentile_mean"] = float(task.percentile(searched, task.search_metric).mean())
    return result
