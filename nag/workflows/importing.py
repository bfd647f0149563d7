"""Stages: make a task of a table, and tables of a published benchmark file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from nag.core.files import write_bytes
from nag.tasks import TableColumns
from nag.tasks.importing import require_outside, task_of_table, write_task
from nag.tasks.published.importing import read_benchmark, require_replaceable
from nag.workflows.run_folder.run import RunFolder, stage

__all__ = ["import_benchmark", "import_table"]


@stage
def import_table(
    run: RunFolder,
    csv_path: str | Path,
    space: str | Path,
    columns: TableColumns,
    name: str | None = None,
    task_features: Mapping[str, float] | None = None,
    tell: Callable[[str], None] = lambda note: None,
) -> Path:
    """Makes a task of a table; see `nag.tasks.import_table`.

    Args:
        run: Run folder; gets `table.csv`, `task.yaml` and, for a user's own space, `space.yaml`.
        csv_path: The table.
        space: Name of a shipped search space, or the path of a YAML file.
        columns: What its columns hold.
        name: Name of the task; the table's file name if None.
        task_features: Numbers that describe the task's data.
        tell: Called with one line about each thing that was ignored, missing or repeated.

    Returns:
        Path of the task file.
    """
    require_outside(csv_path, run.path)
    task = task_of_table(csv_path, space, columns, name, task_features, tell)
    run.start()
    write_task(run.output("task.yaml").parent, task, space)
    described = {"task": task.name, "search_space": task.space.name, "protocol": task.protocol}
    metrics = {"search_metric": task.search_metric, "report_metric": task.report_metric, "maximise": task.maximise}
    run.finish({**described, **metrics, "architectures": len(task.table)})
    return (run.path / "task.yaml").resolve()


@stage
def import_benchmark(
    run: RunFolder, path: str | Path, partial: bool = False, tell: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Makes tables of a published benchmark file; see `nag.tasks.import_benchmark`.

    Args:
        run: Run folder; gets the tables, beside those of earlier imports.
        path: The file or folder.
        partial: Whether a part of the cells is enough.
        tell: Called with one line about each thing that was found.

    Returns:
        The tables.
    """
    files = read_benchmark(path, partial, tell)
    require_replaceable(run.path, files)
    run.start()
    for name, content in files.items():
        write_bytes(run.output(name), content)
    run.finish({"tables": " ".join(files), "table_bytes": sum(map(len, files.values()))})
    return [run.path / name for name in files]
