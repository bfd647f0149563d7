"""CPU and wall seconds."""

from __future__ import annotations

import resource
import time

__all__ = ["Stopwatch", "cpu_seconds"]


def cpu_seconds() -> float:
    """CPU seconds of this process and of its finished children, all threads together.

    Example:
        >>> from nag.core.stopwatch import cpu_seconds
        >>> cpu_seconds() > 0
        True
    """
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


class Stopwatch:
    """Measures CPU and wall seconds from its making on.

    Example:
        >>> from nag.core.stopwatch import Stopwatch
        >>> watch = Stopwatch()
        >>> watch.cpu >= 0, watch.wall > 0
        (True, True)
    """

    def __init__(self) -> None:
        self._cpu, self._wall = cpu_seconds(), time.monotonic()

    @property
    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds() - self._cpu

    @property
    def wall(self) -> float:
        """Wall seconds so far."""
        return time.monotonic() - self._wall
