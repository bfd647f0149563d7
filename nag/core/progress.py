"""Progress of long work: the share that is done."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["OnCount", "OnProgress", "ignore_count", "ignore_progress"]

OnProgress = Callable[[float], None]
"""Takes the share that is done, 0 to 1. `nag.tracking.Progress` shows it; a heartbeat stores it."""


def ignore_progress(share: float) -> None:
    """Progress without an observer."""


OnCount = Callable[[float, int], None]
"""Takes how many pieces of work are done, shares of the running ones included, and how many there are."""


def ignore_count(done: float, total: int) -> None:
    """Progress that counts nothing."""
