"""Sources of measurements: where the values of a task come from, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from nag.spaces import SearchSpace
from nag.tasks.tables.table import BenchmarkTable

__all__ = ["Source", "TrainedNetworks", "UserEvaluator"]


@dataclass(frozen=True, eq=False)
class TrainedNetworks:
    """Networks that are trained on a data set (see `nag.evaluation.TrainingTrial`).

    Args:
        space: The search space.
        data_set: Name of a data set, or the path of an `.npz` file or of an image folder.
        image_size: Height and width that the images of a folder are scaled to; None where all have one size.
        layout: Which axis of the images of an `.npz` file is which; None to tell by their shape.
    """

    space: SearchSpace
    data_set: str
    image_size: int | None = None
    layout: str | None = None


@dataclass(frozen=True, eq=False)
class UserEvaluator:
    """A function or a program of the user's, which the evaluator names (see `nag.evaluation.user_trials`).

    Args:
        space: The search space.
    """

    space: SearchSpace


Source = BenchmarkTable | TrainedNetworks | UserEvaluator
"""A table of measurements, networks to train, or the user's own evaluator."""
