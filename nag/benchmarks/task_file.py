"""A user's own task: a YAML file that names a search space, a CSV table and its metrics."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nag.benchmarks.csv_table import read_csv_table
from nag.benchmarks.table import BenchmarkTable
from nag.benchmarks.task import Task
from nag.errors import DamagedFile, MissingData, did_you_mean
from nag.spaces import load_space

__all__ = ["is_task_file", "read_task_file"]

_DEFAULTS: dict[str, Any] = {
    "name": "", "space": None, "table": None, "arch_column": "arch", "search_metric": None, "report_metric": "",
    "maximise": True, "side_metrics": [], "descriptor": {},
}  # fmt: skip


def is_task_file(name_or_path: str | Path) -> bool:
    """Whether a task's name is the path of a YAML file."""
    return Path(name_or_path).suffix in {".yaml", ".yml"}


def read_task_file(path: Path) -> Task:
    """Reads a task file; its paths are relative to the file itself.

    Keys: `space` (name or path), `table` (path of a CSV file), `search_metric`, and, if wanted, `name`, `arch_column`
    (`arch`), `report_metric` (the search metric), `maximise` (true), `side_metrics` (a list), `descriptor` (facts of
    the data, numbers).

    Raises:
        MissingData: The file or its table does not exist.
        DamagedFile: The file or its table is not what it should be.
        InvalidSpace: Its search space is none.
        InvalidRequest: The table lacks a metric that the file names.
    """
    path = path.expanduser()
    if not path.is_file():
        raise MissingData(f"task file '{path}' does not exist", "Check the path.")
    path = path.resolve()
    keys = _checked(path)
    table = _beside(path, keys["table"])
    space = _beside(path, keys["space"]) if is_task_file(keys["space"]) else keys["space"]
    return Task(
        name=keys["name"] or path.stem,
        table=_read_table(table, _stamp(table), space, _stamp(space), keys["arch_column"]),
        search_metric=keys["search_metric"],
        report_metric=keys["report_metric"] or keys["search_metric"],
        maximise=keys["maximise"],
        side_metrics=tuple(keys["side_metrics"]),
        note=f"table {table.name}",
        descriptor={fact: float(value) for fact, value in keys["descriptor"].items()},
    )


def _checked(path: Path) -> dict[str, Any]:
    """The file's keys with defaults filled in, each of the right type."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DamagedFile(f"'{path.name}' is not YAML", str(error).splitlines()[0]) from error
    if not isinstance(given, dict):
        raise DamagedFile(f"{path.name} holds no mapping", f"Its keys: {', '.join(_DEFAULTS)}.")
    for key, value in given.items():
        if key not in _DEFAULTS:
            raise DamagedFile(f"{path.name}: unknown key '{key}'", did_you_mean(str(key), _DEFAULTS))
        kind = type(_DEFAULTS[key]) if _DEFAULTS[key] is not None else str
        if not isinstance(value, kind) or (kind is list and not all(isinstance(item, str) for item in value)):
            wanted = {bool: "true or false", list: "a list of metrics", dict: "a mapping of numbers"}.get(kind, "text")
            raise DamagedFile(f"{path.name}: '{key}' must be {wanted}", "Put text in quotes if in doubt.")
        if isinstance(value, dict) and not all(isinstance(fact, int | float) for fact in value.values()):
            raise DamagedFile(f"{path.name}: '{key}' holds what is no number", "Facts are numbers, such as classes: 10.")
    for key in ("space", "table", "search_metric"):
        if not given.get(key):
            raise DamagedFile(f"{path.name}: key '{key}' is missing", "A task needs space, table and search_metric.")
    return {**_DEFAULTS, **given}


def _beside(task_file: Path, relative: str) -> Path:
    """A path as the task file means it."""
    return (task_file.parent / Path(relative).expanduser()).resolve()


def _stamp(path: str | Path) -> int:
    """Changes when the file does; 0 for what is no file."""
    return path.stat().st_mtime_ns if isinstance(path, Path) and path.is_file() else 0


@lru_cache(maxsize=8)
def _read_table(table: Path, _table_stamp: int, space: str | Path, _space_stamp: int, arch_column: str) -> BenchmarkTable:
    return read_csv_table(table, load_space(space), arch_column)
