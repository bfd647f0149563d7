"""A user's own labels: architectures that were measured somewhere."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nag.benchmarks import read_csv_table
from nag.core.documents import read_json_lines
from nag.errors import DamagedFile, InvalidRequest, MissingData
from nag.graphs import DagBatch
from nag.spaces import SearchSpace

__all__ = ["read_labels"]

_KEYS = ("value", "search_value")


def read_labels(path: Path, space: SearchSpace, metric: str | None = None) -> tuple[DagBatch, Tensor]:
    """Reads labels from a CSV file with the columns `arch` and a metric, or from JSON lines as `nag evaluate` writes them.

    Args:
        path: The file. In JSON lines, a label is the number under `value`, `search_value` or the metric's name.
        space: Search space of the architectures.
        metric: Name of the metric; the only number of a row if None.

    Returns:
        B architectures and their (B,) float64 labels; rows without a number are left out.

    Raises:
        MissingData: There is no such file.
        DamagedFile: It is no such file, or holds an invalid architecture.
        InvalidRequest: It has several metrics and none is named, or no label.
    """
    if path.suffix == ".jsonl":
        dags, values = _from_json_lines(path, space, metric)
    else:
        table = read_csv_table(path, space)
        name = metric if metric in table.metrics else next(iter(table.metrics)) if len(table.metrics) == 1 else None
        if name is None:
            raise InvalidRequest(f"'{path}' has several metrics", f"Keep one of: {', '.join(table.metrics)}.")
        dags, values = table.dags, torch.from_numpy(table.metric(name))
    known = values.isfinite()
    if not bool(known.any()):
        raise InvalidRequest(f"'{path}' holds no label", "Write one architecture and its measured value a row.")
    return dags[known], values[known]


def _from_json_lines(path: Path, space: SearchSpace, metric: str | None) -> tuple[DagBatch, Tensor]:
    if not path.is_file():
        raise MissingData(f"file '{path}' does not exist", "Check the path.")
    archs, values = [], []
    for number, row in enumerate(read_json_lines(path), start=1):
        value = next((row[key] for key in (*_KEYS, metric or _KEYS[0]) if row.get(key) is not None), None)
        if not isinstance(row.get("arch"), str) or isinstance(value, bool | str | list | dict):
            raise DamagedFile(f"line {number} of '{path}' has no arch with a value", 'Write {"arch": ..., "value": ...}.')
        arch = space.decode(row["arch"])
        space.validate(arch)
        archs.append(arch)
        values.append(float("nan") if value is None else float(value))
    return space.to_dags(archs), torch.tensor(values, dtype=torch.float64)
