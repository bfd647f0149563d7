"""Parsed conditions: comparisons of decisions and attributes, joined by not, and, or, ->."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Comparison", "Condition", "Connective", "Reference", "references"]

_COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda left, right: left in right,
}


@dataclass(frozen=True)
class Reference:
    """The value of a decision or an attribute.

    Args:
        name: Its name.
        at: Position in the text, for messages.
    """

    name: str
    at: int


@dataclass(frozen=True)
class Comparison:
    """A comparison of two operands, each a value or a reference."""

    left: Any
    sign: str
    right: Any

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true; numbers and texts are never less than each other."""
        left, right = (values[side.name] if isinstance(side, Reference) else side for side in (self.left, self.right))
        try:
            return bool(_COMPARE[self.sign](left, right))
        except TypeError:
            return False


@dataclass(frozen=True)
class Connective:
    """Conditions joined: `not` one, all of them (`and`), one of them (`or`), the second if the first (`->`)."""

    kind: str
    parts: tuple[Condition, ...]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true.

        Args:
            values: Reference -> value, of all references.
        """
        if self.kind == "not":
            return not self.parts[0].holds(values)
        if self.kind == "->":
            return not self.parts[0].holds(values) or self.parts[1].holds(values)
        return (all if self.kind == "and" else any)(part.holds(values) for part in self.parts)


Condition = Comparison | Connective
"""A parsed condition."""


def references(condition: Condition) -> Iterator[Reference]:
    """All references of a condition, from left to right."""
    if isinstance(condition, Connective):
        for part in condition.parts:
            yield from references(part)
    else:
        yield from (side for side in (condition.left, condition.right) if isinstance(side, Reference))
