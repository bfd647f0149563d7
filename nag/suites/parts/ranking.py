"""Rank correlation of predictions with the true values of a task, and the quality of the top predictions."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau, rankdata

from nag.tasks import Task

__all__ = ["measure_ranking"]


def measure_ranking(task: Task, predicted: np.ndarray, others: np.ndarray, proposed: int) -> dict[str, float]:
    """Rank correlations, and percentiles and regret of the top predictions, by the search metric.

    Args:
        task: The task.
        predicted: (R,) predictions of all rows of its table, greater is better.
        others: Rows to evaluate on: those without a label.
        proposed: Number of top predictions.
    """
    values = task.search_values
    good = task.utility(values)
    chosen_rows = others[np.argsort(-predicted[others], kind="stable")[:proposed]]
    percentiles = task.percentile(values[chosen_rows], task.search_metric)
    best = good[chosen_rows].max()
    both = rankdata(predicted[others]), rankdata(good[others])
    return {
        "kendall_tau": float(kendalltau(predicted[others], good[others]).statistic),
        "spearman": float(np.corrcoef(*both)[0, 1]),
        "proposed_percentile": float(percentiles.mean()),
        "best_percentile": float(percentiles.max()),
        "regret": float(good[task.rows].max() - best),
    }
