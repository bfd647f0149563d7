"""Errors that a user can cause and fix; the command line prints each as one line and exits with code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DamagedFile",
    "InvalidArchitecture",
    "InvalidRequest",
    "InvalidSpace",
    "MissingData",
    "NagError",
    "did_you_mean",
]

_LISTED = 20  # known words in a hint


class NagError(ValueError):
    """A user's mistake: what is wrong, and a hint how to fix it.

    Args:
        what: The fault, one clause.
        hint: What to do about it, one clause; may be empty.

    Example:
        >>> import nag
        >>> try:
        ...     nag.load_space("nasbnch201")
        ... except nag.NagError as error:
        ...     print(error.what, "|", error.hint)
        unknown search space 'nasbnch201' | Did you mean 'nasbench201'?
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
