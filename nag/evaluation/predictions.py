"""How well a predictor ranks held-out architectures."""

from __future__ import annotations

import numpy as np
from scipy import stats

__all__ = ["ranking_metrics"]


def ranking_metrics(predicted: np.ndarray, true: np.ndarray, maximise: bool = True) -> dict[str, float]:
    """Rank correlations and errors of predictions.

    Args:
        predicted: (R,) predictions in the unit of the target.
        true: (R,) measured values.
        maximise: Whether high values are good (for `precision_at_10pct`).

    Returns:
        `kendall_tau` (tau-b), `spearman`, `mae` (unit of the target), `precision_at_10pct` (share of the predicted
        best tenth that belongs to the true best tenth).
    """
    count = max(1, len(true) // 10)
    sign = -1 if maximise else 1
    chosen = np.argsort(sign * predicted, kind="stable")[:count]
    best = set(np.argsort(sign * true, kind="stable")[:count].tolist())
    return {
        "kendall_tau": float(stats.kendalltau(predicted, true).statistic),
        "spearman": float(stats.spearmanr(predicted, true).statistic),
        "mae": float(np.abs(predicted - true).mean()),
        "precision_at_10pct": sum(int(i) in best for i in chosen) / count,
    }
