"""The history of a search: one line a query, appended as queries are measured, and checked when it is read.

Each line holds the identity of its search, so that no line of one search can pass for one of another, whenever a process
is killed. A line that a kill left torn is dropped: the search asks for the query again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

from pydantic import Field

from nag.core.documents import Document, check, parse_json, read_bounded, shortened
from nag.core.errors import DamagedFile, InvalidRequest, NagError
from nag.core.numbers import Count, Finite, NonNegative, Size
from nag.core.secrets import masked
from nag.evaluation import Evaluation
from nag.graphs import Architecture
from nag.spaces import SearchSpace

__all__ = ["HistoryFile", "HistoryRow", "history_row", "read_history", "tracked_metrics", "tracked_table"]

_SYNC_SECONDS = 1.0
"""Least time between two synchronisations with the disk."""

_TRACKED = ("report_value", "percentile", "epochs", "cpu_seconds", "gpu_seconds")
_MOST_TRACKED = 10_000  # rows of a tracked table

_Text = Annotated[str, Field(max_length=200_000)]
_Edge = Annotated[list[Size], Field(min_length=2, max_length=2)]


class HistoryRow(Document):
    """One query.

    Args:
        query: Its number, from 1.
        arch: The architecture's native encoding.
        ops: Its operations.
        edges: Its edges.
        canonical_hash: Of its function.
        search_value: The search metric; None if there is none.
        report_value: The report metric; None if there is none.
        percentile: Of the report value in the task's table.
        side: Secondary metrics.
        epochs: Epochs trained.
        cpu_seconds: CPU seconds that the measurement cost.
        gpu_seconds: Seconds on an accelerator, likewise.
        error: Why there is no value; empty where there is one.
        identity: Of the search that asked; histories of other origin may lack it.
    """

    query: Count
    arch: _Text
    ops: Annotated[list[_Text], Field(max_length=100_000)]
    edges: Annotated[list[_Edge], Field(max_length=1_000_000)]
    canonical_hash: _Text
    search_value: Finite | None
    report_value: Finite | None
    percentile: Finite | None
    side: dict[str, Finite | None]
    epochs: Size
    cpu_seconds: NonNegative
    gpu_seconds: NonNegative
    error: _Text = ""
    identity: _Text = ""


def read_history(path: Path) -> list[HistoryRow]:
    """All queries of a history.

    Raises:
        MissingData: No such file.
        DamagedFile: A line is damaged, or a query is missing.
    """
    rows, _, torn = _read(path)
    if torn:
        raise _damaged(path, torn)
    return rows


class HistoryFile:
    """A history that grows.

    Args:
        path: The file.
        identity: Of the search.
        resume: Whether to go on with the queries in the file.
        overwrite: Whether to begin anew where there are queries and `resume` is not set; they stay until the first
            new one is appended.
        warn: Called with one line about a line that is dropped.
        differences: Identity of another search -> what is different from it, in words.
        clock: The time in seconds, by which the file is synchronised with the disk.

    Raises:
        InvalidRequest: The file holds queries of another search, or queries that would be lost.
        DamagedFile: It is damaged.
    """

    def __init__(
        self,
        path: Path,
        identity: str,
        resume: bool = False,
        overwrite: bool = False,
        warn: Callable[[str], None] = lambda text: None,
        differences: Callable[[str], str] = lambda identity: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.identity, self._clock = path, identity, clock
        self.rows: list[dict[str, Any]] = []
        self._file: int | None = None
        self._kept, self._synced = 0, clock()
        if not path.is_file() or (overwrite and not resume):
            return
        found, kept, torn = _read(path)
        if found and not resume:
            what = f"'{path.parent}' holds a search of {len(found)} queries"
            raise InvalidRequest(
                what, "Continue it with resume=true, discard it with overwrite=true, or choose another out_dir."
            )
        other = next((row for row in found if row.identity != identity), None)
        if other is not None:
            changed = differences(other.identity)
            what = f"'{path.parent}' holds another search" + (f": {changed}" if changed else "")
            raise InvalidRequest(what, "Use its options and inputs, or choose another out_dir.")
        if torn:
            warn(f"line {torn} of '{path}' was not written to its end; query {torn} is asked for again")
        self.rows, self._kept = [row.model_dump() for row in found], kept

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds queries; they survive a kill of this process at once, a power cut after a second.

        Raises:
            DamagedFile: A row is none.
        """
        new = [check(HistoryRow, {**row, "identity": self.identity}, str(self.path)).model_dump() for row in rows]
        if self._file is None:
            self._open()
        assert self._file is not None
        text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in new).encode()
        while text:
            text = text[os.write(self._file, text) :]
        self.rows += new
        if self._clock() - self._synced >= _SYNC_SECONDS:
            self._sync()

    def __enter__(self) -> HistoryFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Makes all durable and closes the file; a search that ended without a query leaves an empty one."""
        if kind is None and self._file is None:
            self._open()
        if self._file is not None:
            self._sync()
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(self._file, self._kept)

    def _sync(self) -> None:
        assert self._file is not None
        os.fsync(self._file)
        self._synced = self._clock()


def history_row(query: int, evaluation: Evaluation, space: SearchSpace) -> dict[str, Any]:
    """The line of a query, as `HistoryRow` describes it; numbers may be nan."""
    return {
        "query": query,
        "arch": space.encode(evaluation.architecture),
        "ops": list(evaluation.architecture.ops),
        "edges": [list(edge) for edge in evaluation.architecture.edges],
        "canonical_hash": evaluation.canonical_hash,
        "search_value": evaluation.search_value,
        "report_value": evaluation.report_value,
        "percentile": evaluation.percentile,
        "side": dict(evaluation.side),
        "epochs": evaluation.epochs,
        "cpu_seconds": evaluation.cpu_seconds,
        "gpu_seconds": evaluation.gpu_seconds,
        "error": masked(evaluation.error),
    }


def tracked_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """What a tracker logs of a query: all its numbers, secondary metrics as `search/side/NAME`."""
    found = {"search/value": row["search_value"], **{f"search/{name}": row[name] for name in _TRACKED}}
    found |= {f"search/side/{name}": value for name, value in row["side"].items()}
    known = {name: float(value) for name, value in found.items() if value is not None}
    return {**known, "search/failed": float(bool(row["error"]))}


def tracked_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the table of a search's queries, the first ten thousand of them."""
    shown = rows[:_MOST_TRACKED]
    side = sorted({name for row in shown for name in row["side"]})
    columns = ["query", "arch", "search_value", *_TRACKED, "error"]
    return [*columns, *side], [[*(row[name] for name in columns), *(row["side"].get(name) for name in side)] for row in shown]


def _read(path: Path) -> tuple[list[HistoryRow], int, int]:
    """The queries, the number of bytes that they take, and the number of a torn last line (0 for none)."""
    lines = read_bounded(path).split(b"\n")
    ended, rest = lines[:-1], lines[-1]
    rows: list[HistoryRow] = []
    kept = 0
    for number, line in enumerate(ended, start=1):
        try:
            row = _row(line, number, path)
        except NagError as error:
            if number == len(ended) and not rest and not _is_object(line):
                return rows, kept, number
            raise _damaged(path, number, error) from error
        rows.append(row)
        kept += len(line) + 1
    return rows, kept, len(ended) + 1 if rest else 0


def _row(line: bytes, number: int, path: Path) -> HistoryRow:
    where = f"line {number} of '{shortened(str(path))}'"
    row = check(HistoryRow, parse_json(line.decode("utf-8", "replace"), where), where)
    if row.query != number:
        raise DamagedFile(f"{where} holds query {row.query}", f"Query {number} is missing.")
    try:
        Architecture(tuple(row.ops), tuple((edge[0], edge[1]) for edge in row.edges))
    except NagError as error:
        raise DamagedFile(f"{where} holds no architecture: {error.what}", error.hint) from error
    return row


def _is_object(line: bytes) -> bool:
    """Whether a line was written to its end, whatever it holds."""
    try:
        return isinstance(parse_json(line.decode("utf-8"), "a line"), dict)
    except (NagError, UnicodeDecodeError):
        return False


def _damaged(path: Path, number: int, error: NagError | None = None) -> DamagedFile:
    what = f"line {number} of '{shortened(str(path))}' is torn" if error is None else error.what
    why = "" if error is None or not error.hint else f"{error.hint.rstrip('.')}. "
    return DamagedFile(what, f"{why}Delete the lines from {number} on: resume=true continues from there to the same result.")
