"""One tracker that passes everything on to several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nag.tracking.protocol import Progress, RunTracker

__all__ = ["CompositeTracker"]


@dataclass(frozen=True)
class _Progresses:
    parts: Sequence[Progress]

    def advance(self, n: int = 1) -> None:
        for part in self.parts:
            part.advance(n)

    def update(self, n: int) -> None:
        for part in self.parts:
            part.update(n)

    def note(self, text: str) -> None:
        for part in self.parts:
            part.note(text)


class CompositeTracker:
    """Passes everything on to each of several trackers, in order.

    Args:
        trackers: The trackers.

    Example:
        >>> from nag.tracking import CompositeTracker, ConsoleTracker, NullTracker
        >>> tracker = CompositeTracker([ConsoleTracker(), NullTracker()])
        >>> tracker.start({"seed": 0}, "my run")
        >>> tracker.log({"loss": 0.5}, step=1)
        >>> tracker.finish()
    """

    def __init__(self, trackers: Sequence[RunTracker]) -> None:
        self.trackers = tuple(trackers)

    def start(self, config: Mapping[str, Any], name: str) -> None:
        """Starts all trackers; if one fails, those started before it are finished and the error is passed on."""
        with ExitStack() as undo:
            for tracker in self.trackers:
                tracker.start(config, name)
                undo.callback(tracker.finish)
            undo.pop_all()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Logs to all trackers."""
        for tracker in self.trackers:
            tracker.log(metrics, step)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Records the table in all trackers."""
        for tracker in self.trackers:
            tracker.table(name, columns, rows)

    def progress(
        self, total: int | None, description: str, unit: str = "steps", initial: int = 0
    ) -> AbstractContextManager[Progress]:
        """The progress of all trackers as one."""
        return self._progress(total, description, unit, initial)

    @contextmanager
    def _progress(self, total: int | None, description: str, unit: str, initial: int) -> Iterator[Progress]:
        with ExitStack() as stack:
            contexts = [tracker.progress(total, description, unit, initial) for tracker in self.trackers]
            yield _Progresses([stack.enter_context(context) for context in contexts])

    def artifact(self, name: str, kind: str, paths: Sequence[Path]) -> None:
        """Records the files in all trackers."""
        for tracker in self.trackers:
            tracker.artifact(name, kind, paths)

    def summary(self, metrics: Mapping[str, Any]) -> None:
        """Records the final values in all trackers."""
        for tracker in self.trackers:
            tracker.summary(metrics)

    def finish(self) -> None:
        """Finishes all trackers, even if one of them fails."""
        with ExitStack() as stack:
            for tracker in reversed(self.trackers):
                stack.callback(tracker.finish)
