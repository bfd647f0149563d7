"""What a tracker does: record a run's configuration, metrics and tables, and show how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

__all__ = ["Progress", "RunContext", "RunTracker"]


@dataclass(frozen=True)
class RunContext:
    """The run that a tracker records; the first argument of every tracker that a configuration names.

    Args:
        directory: The run folder; a tracker writes nothing outside it.
        command: What kind of run it is, such as `search`; empty if it is of no kind.
        resume: Whether to go on with the run that the folder holds, if it holds one.

    Example:
        >>> from pathlib import Path
        >>> RunContext(Path("runs/a"), "search").resume
        False
    """

    directory: Path
    command: str = ""
    resume: bool = False


class Progress(Protocol):
    """How far one piece of work is.

    Example:
        >>> from nag.tracking import NullTracker
        >>> with NullTracker().progress(100, "training") as progress:
        ...     progress.update(40)
        ...     progress.note("loss 0.5")
    """

    def advance(self, n: int = 1) -> None:
        """Counts `n` more units as done."""
        ...

    def update(self, n: int) -> None:
        """Sets the number of units done to `n`."""
        ...

    def note(self, text: str) -> None:
        """Shows a short remark beside the count, in place of the one before."""
        ...


@runtime_checkable
class RunTracker(Protocol):
    """Records one run: `start`, then anything in any order, then `finish`.

    Example:
        >>> from nag.tracking import NullTracker
        >>> class Printing(NullTracker):
        ...     def log(self, metrics, step):
        ...         print(step, dict(metrics))
        >>> Printing().log({"loss": 0.5}, step=3)
        3 {'loss': 0.5}
    """

    def start(self, config: Mapping[str, Any], name: str) -> None:
        """Begins a run.

        Args:
            config: The resolved configuration, as plain nested values.
            name: The run's name.

        Raises:
            InvalidRequest: The records cannot be written where they should go.
        """
        ...

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Records metrics at a step; a later record of one step and metric replaces the earlier one."""
        ...

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Records a table.

        Args:
            name: Its name.
            columns: C column names.
            rows: Rows of C cells: numbers, strings, None or `Image`.
        """
        ...

    def progress(
        self, total: int | None, description: str, unit: str = "steps", initial: int = 0
    ) -> AbstractContextManager[Progress]:
        """Shows how far a piece of work is, as long as the context lasts; contexts may be nested.

        Args:
            total: Units of work in all, or None if unknown.
            description: What is being done.
            unit: What is counted, in the plural.
            initial: Units done before (by an earlier run that is resumed); they do not count for the speed.
        """
        ...

    def artifact(self, name: str, kind: str, paths: Sequence[Path]) -> None:
        """Records files that the run has written.

        Args:
            name: What they are together.
            kind: Kind of artifact, such as the command that wrote it.
            paths: The files.
        """
        ...

    def summary(self, metrics: Mapping[str, Any]) -> None:
        """Records the final values of the run."""
        ...

    def finish(self) -> None:
        """Ends the run and writes out all that is pending; a second call does nothing."""
        ...
