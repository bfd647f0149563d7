"""How well a predictor ranks held-out architectures."""

from __future__ import annotations

import numpy as np
from scipy import stats

from nag.tasks import Metric

__all__ = ["ranking_metrics"]


def ranking_metrics(predicted: np.ndarray, true: np.ndarray, maximise: bool = True) -> dict[str, float]:
    """Rank correlations and errors of predictions.

    Args:
        predicted: (R,) predictions in the unit of the target.
        true: (R,) measured values.
        maximise: Whether high values are good (for `precision_at_10pct`).

    Returns:
        `kendall_tau` (tau-b) and `spearman`, both nan where either side is constant, `mae` (unit of the target), and
        `precision_at_10pct`, the share of the predicted top 10 % that is in the true top 10 %; where ties make
        these ambiguous, its expectation if they are broken at random. All are nan where there are no predictions.

    Example:
        >>> import numpy as np
        >>> from nag.evaluation import ranking_metrics
        >>> ranking_metrics(np.array([0.1, 0.3, 0.2]), np.array([1.0, 3.0, 2.0]))["kendall_tau"]
        1.0
    """
    if not len(true):
        return dict.fromkeys(("kendall_tau", "spearman", "mae", "precision_at_10pct"), float("nan"))
    count = max(1, len(true) // 10)
    metric = Metric("target", maximise)
    chosen, best = (_chances(metric.utility(values), count) for values in (predicted, true))
    varied = bool(np.ptp(predicted) and np.ptp(true))
    return {
        "kendall_tau": float(stats.kendalltau(predicted, true).statistic) if varied else float("nan"),
        "spearman": float(stats.spearmanr(predicted, true).statistic) if varied else float("nan"),
        "mae": float(np.abs(predicted - true).mean()),
        "precision_at_10pct": float(chosen @ best) / count,
    }


def _chances(values: np.ndarray, count: int) -> np.ndarray:
    """Probability of each of R values to be among the `count` greatest when ties are broken at random: (R,) float64."""
    last = np.sort(values)[-count]
    above, tied = values > last, values == last
    return above + tied * ((count - above.sum()) / tied.sum())
