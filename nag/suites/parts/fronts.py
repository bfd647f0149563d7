"""Quality of a Pareto front relative to the true front of a table, for one metric to maximise and one to minimise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from nag.evaluation import front, hypervolume

__all__ = ["FrontValues", "points_of"]


@dataclass(frozen=True)
class FrontValues:
    """Quality of points relative to the true front of a table.

    Args:
        hypervolume_ratio: Hypervolume relative to the true front, with the worst values of the table as reference point.
        hypervolume_ratio_nadir: The same with the nadir of the true front as reference point.
        on_front: Number of points that are on the true front.
        found: Number of points of the true front that are among them.
    """

    hypervolume_ratio: float
    hypervolume_ratio_nadir: float
    on_front: float
    found: float

    @classmethod
    def of(cls, points: torch.Tensor, table: torch.Tensor) -> FrontValues:
        """Compares points (P, 2) with all points of a table (T, 2); greater is better."""
        true = table[front(table)]
        worst, corner = table.amin(0), true.amin(0)
        same = (points[:, None] == true[None]).all(2)
        return cls(
            hypervolume(points, worst) / hypervolume(true, worst),
            hypervolume(points, corner) / max(hypervolume(true, corner), 1e-12),
            float(same.any(1).sum()),
            float(same.any(0).sum()),
        )


def points_of(up: np.ndarray, down: np.ndarray) -> torch.Tensor:
    """(P, 2) float64, greater is better, without points that lack one of the metrics."""
    points = np.stack([up, -down], 1)
    return torch.from_numpy(points[np.isfinite(points).all(1)])
