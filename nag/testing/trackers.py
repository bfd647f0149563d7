"""The laws of every tracker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from nag.tracking import RunTracker

__all__ = ["TrackerContract"]


class TrackerContract(ABC):
    """Contract of `nag.tracking.RunTracker`.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nag.tracking import JsonLinesTracker
        >>> from nag.testing import TrackerContract
        >>> class TestMine(TrackerContract):
        ...     def make(self, folder):
        ...         return JsonLinesTracker(folder / "log.jsonl")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     TestMine().test_a_run_is_recorded(Path(folder))  # pytest runs all tests of the contract
    """

    @abstractmethod
    def make(self, folder: Path) -> RunTracker:
        """A tracker that writes to a folder, if anywhere."""

    def test_a_run_is_recorded(self, tmp_path: Path) -> None:
        """Everything between `start` and `finish`, in any order, with nested progress; a second `finish` does nothing."""
        tracker = self.make(tmp_path)
        assert isinstance(tracker, RunTracker)
        file = tmp_path / "file.txt"
        file.write_text("text")
        tracker.start({"seed": 0, "nested": {"key": "value", "none": None}}, "run")
        with tracker.progress(3, "work") as outer, tracker.progress(None, "part", "pieces") as inner:
            inner.advance()
            outer.update(3)
            outer.note("remark")
        tracker.log({"loss": 1.0}, step=0)
        tracker.log({"loss": 0.5, "accuracy": float("nan")}, step=1)
        tracker.table("rows", ["name", "value"], [["a", 1.0], ["b", None]])
        tracker.artifact("files", "command", [file])
        tracker.summary({"best": 0.5, "name": "a"})
        tracker.finish()
        tracker.finish()
