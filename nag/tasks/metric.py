"""The metric: name, direction, unit and bounds of a measured number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor

from nag.core.errors import InvalidRequest

__all__ = ["Metric"]

Values = TypeVar("Values", float, np.ndarray, Tensor)


@dataclass(frozen=True)
class Metric:
    """A number measured of architectures, and which direction is better.

    Args:
        name: Name, such as `test_accuracy`.
        maximise: Whether greater values are better.
        unit: Unit, such as `percent` or `ms`; empty where it is not known.
        bounds: Least and greatest possible value.

    Raises:
        InvalidRequest: The name is empty, or the least value is above the greatest.

    Example:
        >>> latency = Metric("latency_ms", maximise=False, unit="ms", bounds=(0.0, float("inf")))
        >>> latency.utility(2.5)
        -2.5
    """

    name: str
    maximise: bool = True
    unit: str = ""
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidRequest("a metric has no name", "Name it, such as 'accuracy'.")
        least, greatest = self.bounds
        if not least <= greatest:
            raise InvalidRequest(f"metric '{self.name}' has the bounds {self.bounds}", "Give the least value first.")

    def __str__(self) -> str:
        return f"{self.name} ({self.direction})"

    @property
    def direction(self) -> str:
        """`higher is better` or `lower is better`."""
        return "higher is better" if self.maximise else "lower is better"

    def utility(self, values: Values) -> Values:
        """Values with the sign changed where lower is better, so that greater is better; same shape and type.

        Applied twice, it gives the values themselves.
        """
        return values if self.maximise else -values

    def best(self, values: np.ndarray | Sequence[float]) -> float:
        """The best of at least one value, none of which is nan."""
        return float(np.max(values) if self.maximise else np.min(values))
