"""Progress as an occasional line of text, for logs and pipes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TextIO

from nag.core.documents import printable
from nag.core.secrets import masked

__all__ = ["LineProgress", "Pace", "clock", "told_left"]


@dataclass
class Pace:
    """Spaces the lines of all progresses of one console.

    Args:
        interval: Least number of seconds between two lines.
        last: When the last line was written, on the monotonic clock.
    """

    interval: float
    last: float = float("-inf")

    def allows(self, now: float) -> bool:
        """Whether a line may be written now; if so, it counts as written."""
        if now - self.last < self.interval:
            return False
        self.last = now
        return True


class LineProgress:
    """Writes `description: 120/1000 steps (12 %), 3.4 steps/s, elapsed 0:36, 4:19 left, note` when the pace allows it.

    Args:
        stream: Where to write; None writes nothing.
        pace: Shared with the other progresses of the console.
        delay: Seconds before the first line.
        total: Units of work in all, or None if unknown.
        description: What is being done.
        unit: What is counted.
        initial: Units done before.
    """

    def __init__(
        self, stream: TextIO | None, pace: Pace, delay: float, total: int | None, description: str, unit: str, initial: int
    ) -> None:
        self._stream, self._pace, self._delay = stream, pace, delay
        self._total, self._description, self._unit = total, description, unit
        self._initial = self._done = initial
        self._note = ""
        self._started = time.monotonic()

    def advance(self, n: int = 1) -> None:
        """Counts `n` more units as done."""
        self.update(self._done + n)

    def update(self, n: int) -> None:
        """Sets the number of units done to `n`."""
        self._done = n
        self._show()

    def note(self, text: str) -> None:
        """Adds a remark to the lines to come."""
        self._note = printable(masked(text))
        self._show()

    def close(self) -> None:
        """Writes how far the work came, if it is long enough and the pace allows it."""
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        elapsed = now - self._started
        if self._stream is None or elapsed < self._delay or not self._pace.allows(now):
            return
        try:
            self._stream.write(self._line(elapsed) + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # closed, broken, or unable to encode: progress is no reason to stop the work
            self._stream = None

    def _line(self, elapsed: float) -> str:
        speed = (self._done - self._initial) / elapsed if elapsed > 0 else 0.0
        parts = [f"{self._description}: {self._done}"]
        if self._total is not None:
            parts[0] += f"/{self._total} {self._unit} ({100 * self._done / max(self._total, 1):.0f} %)"
        else:
            parts[0] += f" {self._unit}"
        if speed > 0:
            parts.append(f"{speed:.3g} {self._unit}/s")
        more = self._total is not None and self._total > self._done and speed > 0
        left = ((self._total or 0) - self._done) / speed if more else None
        parts.append(f"elapsed {clock(elapsed)}{told_left(left)}")
        return ", ".join([*parts, self._note] if self._note else parts)


def clock(seconds: float) -> str:
    """Minutes and seconds, as `2:03`, and hours where there are any, as `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def told_left(seconds: float | None) -> str:
    """The remaining time, to stand after the elapsed one; nothing where it is unknown."""
    return "" if seconds is None else f", {clock(seconds)} left"
