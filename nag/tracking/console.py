"""Shows progress on stderr: bars on a terminal, an occasional line elsewhere. Records nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TextIO

from nag.core.documents import printable
from nag.core.secrets import masked
from nag.tracking.bars import Bars
from nag.tracking.lines import LineProgress, Pace
from nag.tracking.protocol import Progress

__all__ = ["ConsoleTracker"]


class ConsoleTracker:
    """Shows progress with the time that is left; short work stays unseen. A broken console never stops the work.

    Args:
        stream: Where to write; None means the stderr of the moment.
        delay: Seconds after which a piece of work becomes visible.
        interval: Least number of seconds between two lines where the stream is no terminal.

    Example:
        >>> import io
        >>> from nag.tracking import ConsoleTracker
        >>> tracker = ConsoleTracker(stream=io.StringIO(), delay=0.0)
        >>> with tracker.progress(3, "training", "steps") as progress:
        ...     progress.advance(2)
    """

    def __init__(self, stream: TextIO | None = None, delay: float = 2.0, interval: float = 10.0) -> None:
        self.stream = stream
        self.delay = delay
        self._pace = Pace(interval)
        self._bars: Bars | None = None

    def start(self, config: Mapping[str, Any], name: str) -> None:
        """Does nothing."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Does nothing; `Progress.note` shows what should be seen."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Does nothing."""

    def progress(
        self, total: int | None, description: str, unit: str = "steps", initial: int = 0
    ) -> AbstractContextManager[Progress]:
        """A bar under those that are open, or lines of text where the stream is no terminal."""
        return self._progress(total, description, unit, initial)

    @contextmanager
    def _progress(self, total: int | None, description: str, unit: str, initial: int) -> Iterator[Progress]:
        stream, description = self.stream or sys.stderr, printable(masked(description))
        if _is_terminal(stream):
            if self._bars is None or self._bars.stream is not stream:
                self._bars = Bars(stream, self.delay)
            with self._bars.bar(total, description, unit, initial) as bar:
                yield bar
        else:
            lines = LineProgress(stream, self._pace, self.delay, total, description, unit, initial)
            try:
                yield lines
            finally:
                lines.close()

    def artifact(self, name: str, kind: str, paths: Sequence[Path]) -> None:
        """Does nothing."""

    def summary(self, metrics: Mapping[str, Any]) -> None:
        """Does nothing."""

    def finish(self) -> None:
        """Does nothing."""


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
