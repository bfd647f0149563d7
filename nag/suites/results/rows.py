"""Rows of `results.json`: measurements aggregated over seeds."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median, stdev

from pydantic import ConfigDict, TypeAdapter, ValidationError

from nag import __version__
from nag.core.documents import explain, read_json
from nag.core.errors import DamagedFile
from nag.suites.running.cells import CellResult, Measurement

__all__ = ["Row", "aggregate", "combined", "count_reused", "read_rows"]

_Name = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Row:
    """One row of a suite's results.

    Args:
        suite: Name of the suite.
        space: Search space.
        task: Task; may be empty.
        method: The compared method.
        setting: Experimental condition.
        metric: The metric.
        mean: Mean over the seeds with a value; None if there is none.
        std: Sample standard deviation; None for fewer than two values.
        seeds: Number of values.
        labels: Mean number of labels that the result consumed.
        cpu_seconds: Mean CPU seconds of the cells behind the row.
        version: Version of nag that measured it.

    Example:
        >>> from nag.suites import Row
        >>> Row("search", "nasbench201", "cifar10", "random", "budget=50", "regret", 0.4, 0.1, 5, 50, 2.0).name
        ('nasbench201', 'cifar10', 'random', 'budget=50', 'regret')
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    suite: str
    space: str
    task: str
    method: str
    setting: str
    metric: str
    mean: float | None
    std: float | None
    seeds: int
    labels: float
    cpu_seconds: float
    version: str = "0.1.0"  # rows of that version lack the field

    @property
    def name(self) -> tuple[str, str, str, str, str]:
        """Identity of the row: rows with the same name replace each other."""
        return self.space, self.task, self.method, self.setting, self.metric


def aggregate(suite: str, results: Sequence[CellResult], medians: Collection[str] = ()) -> list[Row]:
    """Rows over all seeds, in order of appearance.

    Args:
        suite: Name of the suite.
        results: Finished cells.
        medians: Metrics that also get a row `<metric>_median`, in which a missing value counts as infinite.

    Example:
        >>> from nag.suites import CellResult, Measurement, aggregate
        >>> def result(seed, value):
        ...     found = Measurement("nasbench201", "cifar10", "random", "budget=50", "regret", value)
        ...     return CellResult(f"random.seed{seed}", seed, "00ff", "one CPU", 1.0, (found,))
        >>> row = aggregate("search", [result(0, 0.4), result(1, 0.6)])[0]
        >>> row.mean, row.seeds
        (0.5, 2)
    """
    rows = []
    for name, found in _grouped(results).items():
        rows.append(_row(suite, name, found))
        if rows[-1].metric in medians:
            values = [math.inf if m.value is None else m.value for m, _ in found]
            middle = median(values)
            known = None if math.isinf(middle) else middle
            rows.append(replace(rows[-1], metric=f"{rows[-1].metric}_median", mean=known, std=None, seeds=len(values)))
    return rows


def read_rows(path: Path, suite: str) -> list[Row]:
    """The rows of a `results.json`.

    Args:
        path: The file.
        suite: The expected suite.

    Raises:
        MissingData: No such file.
        DamagedFile: The content is not rows, or belongs to another suite.
    """
    try:
        rows = TypeAdapter(list[Row]).validate_python(read_json(path))
    except ValidationError as error:
        raise DamagedFile(f"'{path}' has no rows of a suite: {explain(error)[0]}", "Give a results.json.") from error
    other = next((row.suite for row in rows if row.suite != suite), None)
    if other is not None:
        raise DamagedFile(f"'{path}' has rows of suite {other}", f"Give the results.json of a run of suite {suite}.")
    return rows


def combined(earlier: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Earlier rows, replaced by new rows with the same name, followed by the other new rows."""
    found = {row.name: row for row in earlier}
    found.update({row.name: row for row in new})
    return list(found.values())


def count_reused(results: Sequence[CellResult], reused: Collection[str]) -> int:
    """Number of rows measured by the cells with these keys only."""
    return sum(all(result.key in reused for _, result in found) for found in _grouped(results).values())


def _grouped(results: Sequence[CellResult]) -> dict[_Name, list[tuple[Measurement, CellResult]]]:
    groups: dict[_Name, list[tuple[Measurement, CellResult]]] = {}
    for result in results:
        for m in result.measurements:
            groups.setdefault((m.space, m.task, m.method, m.setting, m.metric), []).append((m, result))
    return groups


def _row(suite: str, name: _Name, found: Sequence[tuple[Measurement, CellResult]]) -> Row:
    values = [m.value for m, _ in found if m.value is not None]
    return Row(
        suite,
        *name,
        mean=fmean(values) if values else None,
        std=stdev(values) if len(values) > 1 else None,
        seeds=len(values),
        labels=fmean(m.labels for m, _ in found),
        cpu_seconds=round(fmean(result.cpu_seconds for _, result in found), 3),
        version=__version__,
    )
