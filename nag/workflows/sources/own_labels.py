"""A task whose labels are one's own measurements: a file, an evaluation store, or the folder of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nag.core.documents import read_json_lines, shortened
from nag.core.errors import DamagedFile, InvalidArchitecture, InvalidRequest, MissingData
from nag.execution.store import EvaluationStore
from nag.graphs import Architecture
from nag.tasks import BenchmarkTable, Observations, Task

__all__ = ["read_observations", "task_of_labels"]

_RESULTS = ("history.jsonl", "evaluations.jsonl", "evaluations.sqlite")
_DATABASES = {".sqlite", ".sqlite3", ".db"}

_Row = tuple[Architecture, Mapping[str, float]]


def task_of_labels(task: Task, labels: str | Path) -> Task:
    """The task with a table of one's own measurements in place of its source.

    Args:
        task: Space and metrics; its own table, if it has one, is not looked at.
        labels: See `read_observations`.

    Raises:
        MissingData: There is no such file, folder or store.
        DamagedFile: It is not what it should be.
        InvalidRequest: It holds no value of the search metric.
    """
    found = read_observations(task, labels)
    table = BenchmarkTable(Path(str(labels)).name, task.space, found.dags, found.columns)
    if not np.isfinite(table.measured.get(task.search_metric, np.full(len(table), np.nan))).any():
        known = ", ".join(metric.name for metric in found.metrics)
        raise InvalidRequest(f"'{labels}' holds no value of {task.search_metric}", f"Its metrics: {known}.")
    secondary = tuple(metric for metric in task.secondary if metric.name in table.measured)
    return replace(task, data=table, report_metric=task.search_metric, secondary=secondary, note=f"labels of {labels}")


def read_observations(task: Task, labels: str | Path) -> Observations:
    """One's own measurements of a task.

    Args:
        task: Space and metrics.
        labels: A CSV or Parquet file with a column `arch` and one for each metric; JSON lines of `nag evaluate` or `nag
            search`; path or URL of an evaluation store, of which the evaluations of the task count; or a run folder of either.

    Raises:
        MissingData: There is no such file, folder or store.
        DamagedFile: It is not what it should be.
        InvalidRequest: It holds no measurement.
    """
    url = str(labels)
    if "://" in url:
        return _of_rows(task, _stored(task, url), url)
    path = _results_of(Path(url).expanduser())
    if path.suffix in _DATABASES:
        return _of_rows(task, _stored(task, path), str(path))
    if path.suffix == ".jsonl":
        return _of_rows(task, [_of_line(task, row, path) for row in read_json_lines(path)], str(path))
    found = Observations.from_csv(path, task.space)
    metrics = {metric.name: metric for metric in task.metrics}
    return replace(found, metrics=tuple(metrics.get(metric.name, metric) for metric in found.metrics))


def _results_of(path: Path) -> Path:
    """The file of results: the path itself, or that in a run folder."""
    if not path.exists():
        raise MissingData(f"'{shortened(str(path))}' does not exist", "Give a CSV file, a store, or the folder of a search.")
    if path.is_file():
        return path
    for name in _RESULTS:
        if (path / name).is_file():
            return path / name
    raise InvalidRequest(f"'{shortened(str(path))}' holds no results", f"Give a run folder with {' or '.join(_RESULTS)}.")


def _stored(task: Task, store: str | Path) -> list[_Row]:
    """Finished evaluations of the task."""
    opened = EvaluationStore(store)
    try:
        found = [record for record in opened.records(task.name) if record.measurement is not None]
    finally:
        opened.close()
    rows: list[_Row] = []
    for record in found:
        measured = record.measurement
        assert measured is not None
        report = {} if measured.report_value is None else {task.report_metric: measured.report_value}
        rows.append((record.architecture, {**measured.side, **report, task.search_metric: measured.search_value}))
    return rows


def _of_line(task: Task, row: Mapping[str, Any], path: Path) -> _Row:
    """A line of a history or of evaluations."""
    try:
        arch = task.space.decode(str(row["arch"]))
        named = {
            **row.get("side", {}),
            task.report_metric: row.get("report_value"),
            task.search_metric: row.get("search_value"),
        }
        return arch, {str(name): math.nan if value is None else float(value) for name, value in named.items()}
    except (KeyError, TypeError, ValueError, InvalidArchitecture) as error:
        reason = error.what if isinstance(error, InvalidArchitecture) else "a line has no arch with its values"
        raise DamagedFile(f"'{path}': {reason}", "Give the history of a search or the evaluations of nag evaluate.") from error


def _of_rows(task: Task, rows: Sequence[_Row], where: str) -> Observations:
    measured = [(arch, values) for arch, values in rows if math.isfinite(values.get(task.search_metric, math.nan))]
    if not measured:
        raise InvalidRequest(
            f"'{shortened(where)}' holds no measurement of task {task.name}", "Measure: nag evaluate or nag search."
        )
    names = {name for _, values in measured for name in values}
    metrics = tuple(metric for metric in task.metrics if metric.name in names)
    columns = {each.name: np.array([values.get(each.name, math.nan) for _, values in measured]) for each in metrics}
    return Observations(task.space, tuple(arch for arch, _ in measured), columns, metrics)
