"""Makes a task of a user's table: checks it against its search space and writes a folder that holds all of it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from nag.core.errors import InvalidRequest
from nag.core.files import write_text
from nag.spaces import load_space
from nag.tasks.metric import Metric
from nag.tasks.tables.csv_table import read_csv_table
from nag.tasks.tables.table import BenchmarkTable
from nag.tasks.task import Task
from nag.tasks.task_file import is_task_file

__all__ = ["TableColumns", "import_table", "require_outside", "task_of_table", "write_task"]


@dataclass(frozen=True)
class TableColumns:
    """What the columns of a table hold.

    Args:
        search_metric: What a strategy may see.
        report_metric: What results show; the search metric if None.
        maximise: Whether more is better.
        secondary_metrics: Hardware costs and the like, of which less is better.
        arch: Native strings.

    Example:
        >>> from nag.tasks import TableColumns
        >>> TableColumns("validation", report_metric="test", secondary_metrics=["latency_ms"]).metrics
        ('validation', 'test', 'latency_ms')
    """

    search_metric: str
    report_metric: str | None = None
    maximise: bool = True
    secondary_metrics: Sequence[str] = ()
    arch: str = "arch"

    @property
    def reported(self) -> str:
        """What results show."""
        return self.report_metric or self.search_metric

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics."""
        return (self.search_metric, self.reported, *self.secondary_metrics)


def import_table(
    csv_path: str | Path,
    space: str | Path,
    out_dir: str | Path,
    columns: TableColumns,
    name: str | None = None,
    task_features: Mapping[str, float] | None = None,
    tell: Callable[[str], None] = lambda note: None,
) -> Path:
    r"""Checks a table and writes `table.csv`, `task.yaml` and, for a user's own space, `space.yaml`.

    Nothing is written before everything is checked, and each file appears whole or not at all. The folder can be
    moved: its files name each other by relative paths.

    Args:
        csv_path: The table: native strings and metrics (see `read_csv_table`).
        space: Name of a shipped search space, or the path of a YAML file.
        out_dir: Folder to write to; made if it is not there.
        columns: What its columns hold.
        name: Name of the task; the table's file name if None.
        task_features: Numbers that describe the task's data, such as `{"classes": 10}`, by which a
            meta-predictor tells how alike tasks are.
        tell: Called with one line about each thing that was ignored, missing or repeated.

    Returns:
        Path of the task file, for `load_task`.

    Raises:
        MissingData: There is no such table.
        DamagedFile: The table is not what it should be.
        InvalidSpace: There is no such search space.
        InvalidRequest: The table lacks a metric, or the folder cannot be written to.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nag.spaces import load_space
        >>> from nag.tasks import TableColumns, import_table, load_task
        >>> space = load_space("nasbench201")
        >>> rows = [f"{space.encode(arch)},{len(arch.edges)}" for arch in space.sample(5, seed=0)]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "mine.csv").write_text("\n".join(["arch,score", *rows]))
        ...     path = import_table(f"{folder}/mine.csv", "nasbench201", f"{folder}/task", TableColumns("score"))
        ...     print(load_task(path))
        Task(mine: searched on the reported metric score (higher is better))
    """
    folder = Path(out_dir).expanduser()
    require_outside(csv_path, folder)
    write_task(folder, task_of_table(csv_path, space, columns, name, task_features, tell), space)
    return (folder / "task.yaml").resolve()


def require_outside(csv_path: str | Path, folder: Path) -> None:
    """Raises `InvalidRequest` where a table is itself what an import into a folder would write."""
    if Path(csv_path).expanduser().resolve() == (folder / "table.csv").resolve():
        raise InvalidRequest(f"importing '{csv_path}' into its own folder would replace it", "Choose another out_dir.")


def task_of_table(
    csv_path: str | Path,
    space: str | Path,
    columns: TableColumns,
    name: str | None = None,
    task_features: Mapping[str, float] | None = None,
    tell: Callable[[str], None] = lambda note: None,
) -> Task:
    """The task of a table, which is checked; nothing is written. Arguments and errors are those of `import_table`."""
    table = read_csv_table(Path(csv_path).expanduser(), load_space(space), columns.arch, metrics=columns.metrics)
    for note in table.notes:
        tell(note)
    return _task_of(table, columns, name or table.name, dict(task_features or {}))


def write_task(folder: Path, task: Task, space: str | Path) -> None:
    """Writes the files of a task.

    Args:
        folder: Where to.
        task: A task with a table.
        space: Name or path of its search space.

    Raises:
        InvalidRequest: The folder cannot be written to.
    """
    own_space = Path(space).expanduser() if is_task_file(space) else None
    description = _describe(task, "space.yaml" if own_space else str(space))
    try:
        write_text(folder / "table.csv", _to_csv(task.table))
        if own_space:
            write_text(folder / "space.yaml", own_space.read_text(encoding="utf-8"))
        write_text(folder / "task.yaml", yaml.safe_dump(description, sort_keys=False, allow_unicode=True))
    except OSError as error:
        raise InvalidRequest(f"cannot write to '{folder}' ({error.strerror})", "Choose another out_dir.") from error


def _task_of(table: BenchmarkTable, columns: TableColumns, name: str, features: Mapping[str, float]) -> Task:
    """The task, which checks that its metrics are in the table."""
    secondary = tuple(Metric(metric, maximise=False) for metric in columns.secondary_metrics)
    searched = (columns.search_metric, columns.reported, columns.maximise)
    return Task(table.space, table, *searched, secondary, name=name, task_features=features)


def _describe(task: Task, space: str) -> dict[str, Any]:
    """The content of the task file."""
    return {
        "name": task.name,
        "space": space,
        "table": "table.csv",
        "search_metric": task.search_metric,
        "report_metric": task.report_metric,
        "maximise": task.maximise,
        "secondary_metrics": list(task.secondary_metrics),
        **({"task_features": dict(task.task_features)} if task.task_features else {}),
    }


def _to_csv(table: BenchmarkTable) -> str:
    """The table in normal form: native strings as the space writes them, numbers to full precision, missing ones empty."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["arch", *table.metrics])
    natives = [table.space.encode(arch) for arch in table.space.to_architectures(table.dags)]
    columns = [["" if value != value else repr(value) for value in column.tolist()] for column in table.measured.values()]
    writer.writerows(zip(natives, *columns, strict=True))
    return buffer.getvalue()
