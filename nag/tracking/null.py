"""The tracker that records nothing, and the progress that shows nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from nag.tracking.protocol import Progress

__all__ = ["NullTracker", "hidden_progress"]


class _HiddenProgress:
    def advance(self, n: int = 1) -> None:
        pass

    def update(self, n: int) -> None:
        pass

    def note(self, text: str) -> None:
        pass


def hidden_progress() -> AbstractContextManager[Progress]:
    """A progress that shows nothing."""
    return nullcontext(_HiddenProgress())


class NullTracker:
    """Records nothing.

    Example:
        >>> from nag.tracking import NullTracker
        >>> tracker = NullTracker()
        >>> with tracker.progress(10, "searching", "queries") as progress:
        ...     progress.advance()
    """

    def start(self, config: Mapping[str, Any], name: str) -> None:
        """Does nothing."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Does nothing."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Does nothing."""

    def progress(
        self, total: int | None, description: str, unit: str = "steps", initial: int = 0
    ) -> AbstractContextManager[Progress]:
        """A progress that shows nothing."""
        return hidden_progress()

    def artifact(self, name: str, kind: str, paths: Sequence[Path]) -> None:
        """Does nothing."""

    def summary(self, metrics: Mapping[str, Any]) -> None:
        """Does nothing."""

    def finish(self) -> None:
        """Does nothing."""
