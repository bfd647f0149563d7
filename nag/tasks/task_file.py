"""A user's own task: a YAML file that names a search space, metrics, and a table or data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from nag.core.documents import Document, check, read_yaml, shortened
from nag.core.errors import DamagedFile, MissingData
from nag.core.numbers import Finite

if TYPE_CHECKING:
    from nag.spaces import SearchSpace
    from nag.tasks.sources import UserEvaluator
    from nag.tasks.tables.table import BenchmarkTable
    from nag.tasks.task import Task

__all__ = ["is_task_file", "keys_of", "metrics_of_file", "read_task_file", "space_of_file"]

Text = Annotated[str, Field(min_length=1, max_length=1_000)]
"""A name or a path."""

Pixels = Annotated[int, Field(ge=1, le=4_096)]
"""Height and width of an image."""

_EARLIER_KEYS = {"side_metrics": "secondary_metrics", "descriptor": "task_features"}
_DIRECTIONS = {"maximise": True, "minimise": False}


class _TaskFile(Document):
    """The keys that every task file may have."""

    space: Text
    name: str = ""
    task_features: dict[Text, Finite] | None = None


class _WithMetrics(_TaskFile):
    """Keys of a task whose metrics the user names."""

    search_metric: Text = "value"
    report_metric: str = ""
    maximise: bool = True
    secondary_metrics: list[Text] = Field(default_factory=list)


class _TableFile(_WithMetrics):
    table: Text
    search_metric: Text
    arch_column: Text = "arch"


class _DataFile(_TaskFile):
    data: Text
    size: Pixels | None = None
    layout: Text | None = None


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

    Keys of every task: `space` (name or path) and, if wanted, `name` and `task_features` (numbers that describe the data;
    earlier name `descriptor`).

    - A table: `table` (path of a CSV or Parquet file), `search_metric` and, if wanted, `report_metric` (the search metric),
      `maximise` (true), `arch_column` (`arch`) and `secondary_metrics` (a list, of which less is better, or a mapping to
      `maximise` or `minimise`; earlier name `side_metrics`).
    - Networks to train: `data` (name of a data set, or path of an `.npz` file or of an image folder) and, if wanted, `size` (of
      the images of a folder, in pixels) and `layout` (which axis of the images of an `.npz` file is which, such as `NWC` for
      signals of several channels).
    - The user's own evaluator: neither; metrics as for a table, the search metric being `value` unless it is named.

    Raises:
        MissingData: The file or its table does not exist.
        DamagedFile: The file or its table is not what it should be.
        InvalidSpace: Its search space is none.
        InvalidRequest: The table lacks a metric that the file names.
    """
    path = path.expanduser()
    if not path.is_file():
        raise MissingData(f"task file '{shortened(str(path))}' does not exist", "Check the path.")
    path = path.resolve()
    keys, directions = _checked(path)
    if isinstance(keys, _DataFile):
        return _networks(path, keys)
    return _looked_up(path, keys, directions) if isinstance(keys, _TableFile) else _measured(path, keys, directions)


def space_of_file(path: Path) -> str | Path:
    """Name or path of the search space of a task file.

    Raises:
        DamagedFile: The file is not what it should be.
    """
    path = path.expanduser().resolve()
    return _space_beside(path, _checked(path)[0].space)


def metrics_of_file(path: Path) -> tuple[str, ...]:
    """Search metric and secondary metrics of a task file that names a table, or the user's own evaluator.

    Raises:
        DamagedFile: The file is not what it should be.
    """
    keys, _ = _checked(path.expanduser())
    assert isinstance(keys, _WithMetrics)
    return (keys.search_metric, *keys.secondary_metrics)


def _checked(path: Path) -> tuple[_DataFile | _WithMetrics, dict[str, bool]]:
    """The keys of a file, and the directions of its secondary metrics."""
    given, directions = _normal(read_yaml(path), path)
    keys = set(given) if isinstance(given, Mapping) else set()
    if "data" in keys and "table" not in keys:
        return check(_DataFile, given, path.name), directions
    if "table" in keys or not isinstance(given, Mapping):
        return check(_TableFile, given, path.name), directions
    return check(_WithMetrics, given, path.name, hint="A table is named by 'table', data by 'data'."), directions


def _normal(given: Any, path: Path) -> tuple[Any, dict[str, bool]]:
    """Keys under their present names, secondary metrics as a list, and their directions where a mapping names them.

    Raises:
        DamagedFile: A key is given under both names, or a direction is none.
    """
    if not isinstance(given, Mapping):
        return given, {}
    for earlier, name in _EARLIER_KEYS.items():
        if earlier in given and name in given:
            raise DamagedFile(f"{path.name}: '{earlier}' is an earlier name of '{name}'", f"Give '{name}' alone.")
    found = {_EARLIER_KEYS.get(key, key): value for key, value in given.items()}
    secondary = found.get("secondary_metrics")
    if not isinstance(secondary, Mapping):
        return found, {}
    for name, direction in secondary.items():
        if direction not in _DIRECTIONS:
            what = f"{path.name}: the direction of '{shortened(str(name))}' is {shortened(repr(direction))}"
            raise DamagedFile(what, "It is maximise or minimise.")
    found["secondary_metrics"] = list(secondary)
    return found, {str(name): _DIRECTIONS[direction] for name, direction in secondary.items()}


def _looked_up(path: Path, keys: _TableFile, directions: Mapping[str, bool]) -> Task:
    table, space = _beside(path, keys.table), _space_beside(path, keys.space)
    report_metric = keys.report_metric or keys.search_metric
    metrics = tuple(dict.fromkeys((keys.search_metric, report_metric, *keys.secondary_metrics)))
    read = _read_table(table, _stamp(table), space, _stamp(space), keys.arch_column, metrics)
    return _task(path, keys, read.space, read, directions, "; ".join([f"table {table.name}", *read.notes]))


def _measured(path: Path, keys: _WithMetrics, directions: Mapping[str, bool]) -> Task:
    from nag.spaces import load_space
    from nag.tasks.sources import UserEvaluator

    return _task(path, keys, load_space(_space_beside(path, keys.space)), UserEvaluator(), directions)


def _task(
    path: Path,
    keys: _WithMetrics,
    space: SearchSpace,
    source: BenchmarkTable | UserEvaluator,
    directions: Mapping[str, bool],
    note: str = "",
) -> Task:
    from nag.tasks.metric import Metric
    from nag.tasks.task import Task

    return Task(
        space,
        source,
        keys.search_metric,
        keys.report_metric,
        keys.maximise,
        tuple(Metric(name, directions.get(name, False)) for name in keys.secondary_metrics),
        keys.name or path.stem,
        note,
        dict(keys.task_features or {}),
    )


def _networks(path: Path, keys: _DataFile) -> Task:
    from nag.spaces import load_space
    from nag.tasks.sources import TrainedNetworks
    from nag.tasks.task import Task

    data = _beside(path, keys.data)
    space = load_space(_space_beside(path, keys.space))
    source = TrainedNetworks(str(data) if data.exists() else keys.data, keys.size, keys.layout)
    return Task(space, source, name=keys.name or path.stem, task_features=keys.task_features or {})


def _beside(task_file: Path, relative: str) -> Path:
    """A path as the task file means it."""
    return (task_file.parent / Path(relative).expanduser()).resolve()


def _space_beside(task_file: Path, space: str) -> str | Path:
    """A search space as the task file means it: a name, or a path."""
    return _beside(task_file, space) if is_task_file(space) else space


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
