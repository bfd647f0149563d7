"""A user's own task: a YAML file that names a search space, a table and its metrics."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from nag.core.documents import Document, check, read_yaml, shortened
from nag.core.errors import DamagedFile, MissingData
from nag.core.numbers import Finite

if TYPE_CHECKING:
    from nag.tasks.tables.table import BenchmarkTable
    from nag.tasks.task import Task

__all__ = ["Text", "beside", "is_task_file", "keys_of", "read_task_file", "space_beside"]

Text = Annotated[str, Field(min_length=1, max_length=1_000)]
"""A name or a path."""


class _TaskFile(Document):
    """The keys of a task file that names a table."""

    space: Text
    table: Text
    search_metric: Text
    report_metric: str = ""
    name: str = ""
    arch_column: Text = "arch"
    maximise: bool = True
    side_metrics: list[Text] = Field(default_factory=list)
    descriptor: dict[Text, Finite] = Field(default_factory=dict)


def is_task_file(name_or_path: str | Path) -> bool:
    """Whether a task's name is the path of a YAML file."""
    return Path(name_or_path).suffix in {".yaml", ".yml"}


def keys_of(name_or_path: str | Path) -> set[str]:
    """The keys of a task file; none where there is no such file, or it is no mapping."""
    path = Path(name_or_path).expanduser()
    if not is_task_file(path) or not path.is_file():
        return set()
    try:
        given: Any = read_yaml(path)
    except DamagedFile:
        return set()
    return set(map(str, given)) if isinstance(given, dict) else set()


def read_task_file(path: Path) -> Task:
    """Reads a task file; its paths are relative to the file itself.

    Keys: `space` (name or path), `table` (path of a CSV or Parquet file), `search_metric`, and, if wanted, `name`,
    `arch_column` (`arch`), `report_metric` (the search metric), `maximise` (true), `side_metrics` (a list), `descriptor`
    (facts of the data, numbers).

    Raises:
        MissingData: The file or its table does not exist.
        DamagedFile: The file or its table is not what it should be.
        InvalidSpace: Its search space is none.
        InvalidRequest: The table lacks a metric that the file names.
    """
    from nag.tasks.task import Task

    path = path.expanduser()
    if not path.is_file():
        raise MissingData(f"task file '{shortened(str(path))}' does not exist", "Check the path.")
    path = path.resolve()
    keys = check(_TaskFile, read_yaml(path), path.name)
    table, space = beside(path, keys.table), space_beside(path, keys.space)
    report_metric = keys.report_metric or keys.search_metric
    metrics = tuple(dict.fromkeys((keys.search_metric, report_metric, *keys.side_metrics)))
    read = _read_table(table, _stamp(table), space, _stamp(space), keys.arch_column, metrics)
    return Task(
        name=keys.name or path.stem,
        table=read,
        search_metric=keys.search_metric,
        report_metric=report_metric,
        maximise=keys.maximise,
        side_metrics=tuple(keys.side_metrics),
        note="; ".join([f"table {table.name}", *read.notes]),
        descriptor=dict(keys.descriptor),
    )


def beside(task_file: Path, relative: str) -> Path:
    """A path as the task file means it."""
    return (task_file.parent / Path(relative).expanduser()).resolve()


def space_beside(task_file: Path, space: str) -> str | Path:
    """A search space as the task file means it: a name, or a path."""
    return beside(task_file, space) if is_task_file(space) else space


def _stamp(path: str | Path) -> int:
    """Changes when the file does; 0 for what is no file."""
    return path.stat().st_mtime_ns if isinstance(path, Path) and path.is_file() else 0


@lru_cache(maxsize=8)
def _read_table(
    table: Path, _table_stamp: int, space: str | Path, _space_stamp: int, arch_column: str, metrics: tuple[str, ...]
) -> BenchmarkTable:
    from nag.spaces import load_space
    from nag.tasks.tables import read_csv_table

    return read_csv_table(table, load_space(space), arch_column, metrics=metrics)
