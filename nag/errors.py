"""Errors that a user can cause and mend; the command line prints each as one line and exits with code 2."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable

__all__ = [
    "DamagedFile",
    "InvalidArchitecture",
    "InvalidRequest",
    "InvalidSpace",
    "MissingData",
    "NagError",
    "check_flags",
    "check_numbers",
    "did_you_mean",
]

_LISTED = 20  # known words in a hint


class NagError(ValueError):
    """A user's mistake: what is wrong, and a hint how to mend it.

    Args:
        what: The fault, one clause.
        hint: What to do about it, one clause; may be empty.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        self.what = what
        self.hint = hint
        super().__init__(f"{what}. {hint}".strip() if hint else what)


class InvalidArchitecture(NagError):
    """A graph that is no architecture, or none of the search space at hand."""


class InvalidSpace(NagError):
    """A search-space file that does not describe a search space."""


class InvalidRequest(NagError):
    """An unknown name, an impossible number, a combination that cannot work."""


class MissingData(NagError):
    """A file or a package that is needed and absent."""


class DamagedFile(NagError):
    """A file that is there but is not what it should be."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or lists known ones, twenty at most, when none is close."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{close[0]}'?"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"Known: {', '.join(known[:_LISTED])}{more}." if known else ""


def check_numbers(where: str, options: object, **least: float) -> None:
    """Raises `InvalidRequest` unless each named attribute is a number of at least so much, and whole where it has to be.

    Args:
        where: What the options belong to, for the message.
        options: Holds the attributes; those that its constructor annotates as `int` have to be whole.
        **least: Attribute -> least value.
    """
    said = inspect.signature(type(options)).parameters
    for name, bound in least.items():
        value = getattr(options, name)
        whole = name in said and said[name].annotation in (int, "int")
        if not isinstance(value, int if whole else int | float) or isinstance(value, bool) or not value >= bound:
            raise InvalidRequest(f"{where} {name} is {value}", f"It must be a {'whole ' * whole}number of at least {bound:g}.")


def check_flags(where: str, options: object, *names: str) -> None:
    """Raises `InvalidRequest` unless each named attribute is true or false.

    Args:
        where: What the options belong to, for the message.
        options: Holds the attributes.
        *names: Attributes.
    """
    for name in names:
        if not isinstance(getattr(options, name), bool):
            raise InvalidRequest(f"{where} {name} is {getattr(options, name)}", "It must be true or false.")
