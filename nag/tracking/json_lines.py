"""Records a run as a file of JSON objects, one a line, which survives a kill and is continued on resume."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from nag.core.errors import InvalidRequest
from nag.core.secrets import masked_config
from nag.tracking.image import Image
from nag.tracking.null import hidden_progress
from nag.tracking.protocol import Progress

__all__ = ["JsonLinesTracker"]

_BLOCK = 1 << 16


class JsonLinesTracker:
    """Appends one JSON object a line and flushes it.

    Each has an `event`: `start` (`name`, `config`), `log` (`step`, `metrics`), `table` (`name`, `columns`, `rows`),
    `artifact` (`name`, `kind`, `files`), `summary` (`metrics`) or `finish`, and a `time` in seconds since the epoch. Numbers
    that are not finite become null; passwords and keys are masked; pictures go to the folder `<stem>.media` beside the file,
    and their cells hold `{"image": relative path}`.

    Args:
        path: The file. If it exists it is continued, less a last line that an interrupted run left torn. Where a
            resumed run repeats steps, the later line of a step counts.

    Example:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> from nag.tracking import JsonLinesTracker
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tracker = JsonLinesTracker(f"{folder}/log.jsonl")
        ...     tracker.start({"seed": 0}, "my run")
        ...     tracker.log({"loss": 0.5}, step=1)
        ...     tracker.finish()
        ...     lines = Path(folder, "log.jsonl").read_text().splitlines()
        >>> [json.loads(line)["event"] for line in lines]
        ['start', 'log', 'finish']
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: IO[str] | None = None

    def start(self, config: Mapping[str, Any], name: str) -> None:
        """Opens the file and records name and configuration.

        Raises:
            InvalidRequest: The file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _drop_torn_line(self.path)
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise InvalidRequest(f"cannot write '{self.path}' ({error.strerror})", "Choose another folder.") from error
        self._write("start", name=name, config=config)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Records metrics at a step."""
        self._write("log", step=step, metrics=metrics)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Records a table; its pictures become files."""
        self._write("table", name=name, columns=columns, rows=rows)

    def progress(
        self, total: int | None, description: str, unit: str = "steps", initial: int = 0
    ) -> AbstractContextManager[Progress]:
        """A progress that shows nothing."""
        return hidden_progress()

    def artifact(self, name: str, kind: str, paths: Sequence[Path]) -> None:
        """Records the names of files that the run has written."""
        self._write("artifact", name=name, kind=kind, files=[path.name for path in paths])

    def summary(self, metrics: Mapping[str, Any]) -> None:
        """Records final values."""
        self._write("summary", metrics=metrics)

    def finish(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._write("finish")
            self._file.close()
            self._file = None

    def _write(self, event: str, **content: Any) -> None:
        if self._file is None:
            raise InvalidRequest(f"'{event}' was tracked outside a run", "Call start first, and finish last.")
        line = {"event": event, "time": round(time.time(), 3), **self._plain(masked_config(content))}
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()

    def _plain(self, value: Any) -> Any:
        """The value in JSON's types."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, Mapping):
            return {str(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, Sequence | set | frozenset):
            return [self._plain(item) for item in value]
        if isinstance(value, Image):
            return {"image": self._store(value)}
        if hasattr(value, "tolist"):  # arrays and tensors, of any library
            return self._plain(value.tolist())
        if hasattr(value, "__float__"):
            return float(value) if math.isfinite(value) else None
        return str(value)

    def _store(self, image: Image) -> str:
        """Writes a picture under the hash of its content; returns its path relative to the file's folder."""
        folder = self.path.with_name(f"{self.path.stem}.media")
        folder.mkdir(exist_ok=True)
        target = folder / f"{hashlib.sha256(image.data).hexdigest()[:20]}{image.suffix}"
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        temporary.write_bytes(image.data)
        os.replace(temporary, target)
        return f"{folder.name}/{target.name}"


def _drop_torn_line(path: Path) -> None:
    """Cuts off what follows the last line break."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(end - _BLOCK, 0)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)
