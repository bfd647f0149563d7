"""Rank correlation of predictions with the true values of a task, and the quality of the top predictions."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau, rankdata

from nag.suites import Measurement, measurements
from nag.tasks import Task

__all__ = ["measure_ranking"]


def measure_ranking(
    task: Task, method: str, predicted: np.ndarray, seen: np.ndarray, proposed: int, labels_of_other_tasks: float
) -> list[Measurement]:
    """Rank correlations, and percentiles and regret of the top predictions, by the search metric.

    Args:
        task: The task.
        method: Name of the method.
        predicted: (R,) predictions of all rows of its table, greater is better.
        seen: Labelled rows; all others are ranked.
        proposed: Number of top predictions.
        labels_of_other_tasks: Labels of source tasks that the method used.
    """
    values, others = task.search_values, np.setdiff1d(task.rows, seen)
    good = task.utility(values)
    chosen_rows = others[np.argsort(-predicted[others], kind="stable")[:proposed]]
    percentiles = task.percentile(values[chosen_rows], task.search_metric)
    best = good[chosen_rows].max()
    both = rankdata(predicted[others]), rankdata(good[others])
    found = {
        "kendall_tau": float(kendalltau(predicted[others], good[others]).statistic),
        "spearman": float(np.corrcoef(*both)[0, 1]),
        "proposed_percentile": float(percentiles.mean()),
        "best_percentile": float(percentiles.max()),
        "regret": float(good[task.rows].max() - best),
        "labels_of_other_tasks": labels_of_other_tasks,
    }
    return measurements(task.space.name, task.name, method, f"k={len(seen)}", found, len(seen))
