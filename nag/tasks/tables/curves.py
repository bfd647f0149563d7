"""Learning curves: what was measured of each training run while it lasted, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nag.core.errors import InvalidRequest

__all__ = ["CurveTable"]


@dataclass(frozen=True, eq=False)
class CurveTable:
    """R training runs seen at the same E budgets; loaded tables are shared, so never write into them.

    Args:
        name: Short name.
        budgets: (E,) float64, epochs after which a run was measured, ascending.
        values: (R, E) float64, the metric of the curve, such as the validation loss.
        final: (R,) float64, the value to be predicted, such as the test loss after the last epoch.
        maximise: Whether more is better, in the curve and in the final value.
        groups: (R,) int64; runs of one architecture share a number, so that a split (`split_by_class`) keeps them together.
        features: (R, F) float64, features of the architecture that are known before the run.
        feature_names: F names.
        perfect: Value that no run can beat, such as 0 for a loss or 1 for an accuracy; None where there is none.
        separate: Whether each budget is a training of its own, with its own schedule, rather than a point on one curve.

    Raises:
        InvalidRequest: Shapes do not fit together, a number is not finite, or budgets do not ascend.

    Example:
        >>> import numpy as np
        >>> from nag.tasks import CurveTable
        >>> losses = np.array([[1.0, 0.6], [1.2, 0.9], [0.9, 0.7]])
        >>> budgets, no_features = np.array([1.0, 4.0]), np.zeros((3, 0))
        >>> table = CurveTable("mine", budgets, losses, losses[:, -1], False, np.arange(3), no_features, ())
        >>> table.take(np.array([0, 2])).final
        array([0.6, 0.7])
    """

    name: str
    budgets: np.ndarray
    values: np.ndarray
    final: np.ndarray
    maximise: bool
    groups: np.ndarray
    features: np.ndarray
    feature_names: tuple[str, ...]
    perfect: float | None = None
    separate: bool = False

    def __post_init__(self) -> None:
        rows, points = len(self.final), len(self.budgets)
        shapes = {
            "budgets": (points,),
            "values": (rows, points),
            "final": (rows,),
            "groups": (rows,),
            "features": (rows, len(self.feature_names)),
        }
        for part, shape in shapes.items():
            array = getattr(self, part)
            if array.shape != shape or array.dtype != (np.int64 if part == "groups" else np.float64):
                raise InvalidRequest(
                    f"the {part} of curves {self.name} are {array.dtype} of shape {array.shape}", f"They must be {shape}."
                )
            if not np.isfinite(array).all():
                raise InvalidRequest(f"some {part} of curves {self.name} are not finite", "Drop the runs that diverged.")
        if rows == 0 or points == 0 or self.budgets[0] <= 0 or (np.diff(self.budgets) <= 0).any():
            raise InvalidRequest(
                f"curves {self.name} have no runs, or budgets that do not ascend", "Budgets are epochs above 0."
            )

    def __len__(self) -> int:
        return len(self.final)

    def take(self, rows: np.ndarray) -> CurveTable:
        """Some of the runs.

        Args:
            rows: (S,) integer or (R,) bool.
        """
        parts = {part: getattr(self, part)[rows] for part in ("values", "final", "groups", "features")}
        return replace(self, **parts)
