"""Domains of attributes: a fixed value, choices, an integer or a float range; every domain is a finite list of values."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from nag.core.errors import InvalidSpace

__all__ = ["Choices", "Domain", "FloatRange", "IntegerRange", "Value", "is_ordered", "written"]

Value = bool | int | float | str
"""The value of an attribute."""

MAX_VALUES = 100_000
"""Values of the largest domain."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.+-]*")
_TAKEN = ("true", "false", "nan", "inf")


@dataclass(frozen=True)
class Choices:
    """Values, one of which is chosen; a single one is fixed.

    Args:
        values: Distinct values, in the order of the file.

    Raises:
        InvalidSpace: There is none, or two are equal.

    Example:
        >>> from nag.spaces.language import Choices
        >>> Choices((3, 5, 7)).values
        (3, 5, 7)
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise InvalidSpace("an attribute has no values", "List at least one.")
        if len(set(self.values)) < len(self.values):
            raise InvalidSpace("an attribute lists a value twice (true equals 1)", "List each value once.")


@dataclass(frozen=True)
class IntegerRange:
    """The integers from `min` to `max`, both included, in steps.

    Args:
        min: Least value.
        max: Greatest value.
        step: Difference of neighbouring values, at least 1.

    Raises:
        InvalidSpace: The range is empty or has more than 100,000 values.

    Example:
        >>> from nag.spaces.language import IntegerRange
        >>> IntegerRange(128, 224, step=32).values
        (128, 160, 192, 224)
    """

    min: int
    max: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.step < 1 or self.max < self.min:
            raise InvalidSpace(
                f"the range {self.min}..{self.max} in steps of {self.step} is empty", "Write min <= max, step >= 1."
            )
        _check_size((self.max - self.min) // self.step + 1)

    @property
    def values(self) -> tuple[int, ...]:
        """All values, in order."""
        return tuple(range(self.min, self.max + 1, self.step))


@dataclass(frozen=True)
class FloatRange:
    """Numbers from `min` to `max`, both included, at equal differences or, with `log`, equal ratios.

    Args:
        min: Least value; above 0 with `log`.
        max: Greatest value.
        levels: Number of values, at least 2: a space is finite, so that it can be counted.
        log: Whether the values have equal ratios.

    Raises:
        InvalidSpace: The range is empty or has more than 100,000 values.

    Example:
        >>> from nag.spaces.language import FloatRange
        >>> FloatRange(1e-3, 1e-1, levels=3, log=True).values
        (0.001, 0.01, 0.1)
    """

    min: float
    max: float
    levels: int = 10
    log: bool = False

    def __post_init__(self) -> None:
        if not self.min < self.max or (self.log and self.min <= 0):
            raise InvalidSpace(f"the range {self.min}..{self.max} is empty", "Write min < max; 'log: true' needs min > 0.")
        if self.levels < 2:
            raise InvalidSpace(f"a float range has {self.levels} levels", "Write at least 2.")
        _check_size(self.levels)

    @property
    def values(self) -> tuple[float, ...]:
        """All values, in order, rounded to 10 significant digits."""
        parts = [i / (self.levels - 1) for i in range(self.levels)]
        if self.log:
            raw = [self.min * (self.max / self.min) ** part for part in parts]
        else:
            raw = [self.min + (self.max - self.min) * part for part in parts]
        return tuple(float(f"{value:.10g}") for value in raw)


Domain = Choices | IntegerRange | FloatRange
"""The values that an attribute may take: `domain.values`."""


def _check_size(number: int) -> None:
    if number > MAX_VALUES:
        raise InvalidSpace(f"a range has {number} values", f"At most {MAX_VALUES} are possible: write a greater step.")


def is_ordered(domain: Domain) -> bool:
    """Whether the values of a domain are numbers, so that neighbours are alike.

    Example:
        >>> from nag.spaces.language import Choices, is_ordered
        >>> is_ordered(Choices((3, 5))), is_ordered(Choices(("relu", "swish")))
        (True, False)
    """
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in domain.values)


def written(value: Value) -> str:
    """A value as it stands in a native string: a text that is no plain word is quoted.

    Example:
        >>> from nag.spaces.language import written
        >>> [written(value) for value in (3, 0.5, True, "relu", "3")]
        ['3', '0.5', 'true', 'relu', '"3"']
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) and value not in _TAKEN else json.dumps(value)
    return repr(value)
