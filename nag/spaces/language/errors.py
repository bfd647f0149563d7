"""Errors of the space language: a fault at a place of a description, and a space that cannot be counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, InvalidSpace

__all__ = ["Fault", "NotCountable", "Place", "at", "fault_at"]

Place = tuple[Any, ...]
"""Keys and indices that lead to a value of a description."""


class Fault(InvalidSpace):
    """A fault of a description whose place is known.

    Args:
        place: The place.
        what: The fault.
        hint: What was expected.
    """

    def __init__(self, place: Place, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.place = place


def fault_at(place: Place, what: str, hint: str) -> Fault:
    """A fault whose message begins with the key.

    Args:
        place: The place.
        what: What is said of the key.
        hint: What was expected.
    """
    return Fault(place, f"'{'.'.join(shortened(str(key), 60) for key in place)}' {what}", hint)


@contextmanager
def at(*place: Any) -> Iterator[None]:
    """Gives faults raised within a place, unless they have one."""
    try:
        yield
    except Fault:
        raise
    except InvalidSpace as error:
        raise Fault(place, error.what, error.hint) from error


class NotCountable(InvalidRequest):
    """A part of a space whose distinct results cannot be counted within the bounds; the message names it.

    Example:
        >>> from nag.spaces.language import NotCountable
        >>> str(NotCountable("'stage' shares the choices of more than 20000 sequences"))
        "'stage' shares the choices of more than 20000 sequences. Give it fewer choices."
    """

    def __init__(self, what: str, hint: str = "Give it fewer choices.") -> None:
        super().__init__(what, hint)
