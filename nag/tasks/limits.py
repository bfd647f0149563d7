"""Limits on metrics: bounds that an architecture has to keep, and the one syntax in which they are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest, did_you_mean

__all__ = ["Limit", "parse_limits"]

_BOUNDS = ("max", "min")
_HINT = "Write it as {latency: 3}, {latency: {max: 3}} or {accuracy: {min: 90}}."


@dataclass(frozen=True)
class Limit:
    """Bounds of one metric in its own units, both inclusive.

    Args:
        max: Greatest value that is feasible; None for no such bound.
        min: Least value that is feasible; None for no such bound.

    Raises:
        InvalidRequest: No bound, one that is not finite, or a least value above the greatest.

    Example:
        >>> import torch
        >>> from nag.tasks import Limit
        >>> limit = Limit(max=5.0)
        >>> limit.violation(torch.tensor([4.0, 7.0])), str(limit)
        (tensor([0.0000, 0.4000], dtype=torch.float64), 'at most 5')
    """

    max: float | None = None
    min: float | None = None

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.max, self.min) if bound is not None]
        if not bounds or not all(math.isfinite(bound) for bound in bounds):
            raise InvalidRequest("a limit has no finite bound", "Give max or min, such as {max: 5}.")
        if self.max is not None and self.min is not None and self.min > self.max:
            raise InvalidRequest(f"a limit has min {self.min} above max {self.max}", "No architecture can keep it.")

    def __str__(self) -> str:
        words = (("at most", self.max), ("at least", self.min))
        return " and ".join(f"{word} {bound:g}" for word, bound in words if bound is not None)

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds that there are, as `parse_limits` reads them."""
        return {name: bound for name in _BOUNDS if (bound := getattr(self, name)) is not None}

    def excess(self, values: Tensor) -> Tensor:
        """How far values lie beyond the bounds, 0 where they keep them; same shape, same unit."""
        result = torch.zeros_like(values)
        if self.max is not None:
            result = torch.maximum(result, values - self.max)
        if self.min is not None:
            result = torch.maximum(result, self.min - values)
        return result

    def violation(self, values: Tensor) -> Tensor:
        """By what share of the bound it is broken, in absolute terms where the bound is 0; same shape, float64."""
        values, total = values.double(), torch.zeros_like(values, dtype=torch.float64)
        for name, bound in self.bounds.items():
            beyond = values - bound if name == "max" else bound - values
            total = total + beyond.clamp(min=0) / (abs(bound) or 1.0)
        return total


def parse_limits(limits: Any, maximised: Mapping[str, bool] | None = None) -> dict[str, Limit]:
    """Reads limits as they are written on the command line and in files.

    Args:
        limits: Metric -> `{max: 5}`, `{min: 2}`, both, a `Limit`, or a number. A number is the bound on the metric's bad
            side: the least value of a metric of which more is better, the greatest value of all others.
        maximised: Metric -> whether more is better; of metrics that are not in it, less is better.

    Raises:
        InvalidRequest: Not a mapping, an unknown bound, or a bound that is not a finite number.

    Example:
        >>> from nag.tasks import parse_limits
        >>> parse_limits({"latency_ms": 5, "accuracy": {"min": 0.9}}, maximised={"accuracy": True})
        {'latency_ms': Limit(max=5.0, min=None), 'accuracy': Limit(max=None, min=0.9)}
    """
    if limits is None:
        return {}
    if not isinstance(limits, Mapping):
        raise InvalidRequest(f"limits is {limits!r}, not a mapping", f"Write 'limits={{latency: 3}}'. {_HINT}")
    return {str(name): _limit(str(name), value, (maximised or {}).get(str(name), False)) for name, value in limits.items()}


def _limit(name: str, value: Any, more_is_better: bool) -> Limit:
    if isinstance(value, Limit):
        return value
    bounds = value if isinstance(value, Mapping) else {"min" if more_is_better else "max": value}
    for key, bound in bounds.items():
        if key not in _BOUNDS:
            raise InvalidRequest(f"the limit of '{name}' has no '{key}'", did_you_mean(str(key), _BOUNDS))
        if isinstance(bound, bool) or not (bound is None or (isinstance(bound, int | float) and math.isfinite(bound))):
            what = f"the limit of '{name}' is {bound!r}"
            raise InvalidRequest(what, f"It must be a number; bounds are finite numbers. {_HINT}")
    try:
        return Limit(*(None if bounds.get(key) is None else float(bounds[key]) for key in _BOUNDS))
    except InvalidRequest as error:
        raise InvalidRequest(error.what.replace("a limit", f"the limit of '{name}'"), error.hint) from error
