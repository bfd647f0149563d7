"""Error of a space that cannot be counted."""

from __future__ import annotations

from nag.core.errors import InvalidRequest

__all__ = ["NotCountable"]


class NotCountable(InvalidRequest):
    """A part of a space whose distinct results cannot be counted within the bounds; the message names it.

    Example:
        >>> from nag.spaces.language import NotCountable
        >>> str(NotCountable("'stage' shares the choices of more than 20000 sequences"))
        "'stage' shares the choices of more than 20000 sequences. Give it fewer choices."
    """

    def __init__(self, what: str, hint: str = "Give it fewer choices.") -> None:
        super().__init__(what, hint)
