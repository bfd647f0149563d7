"""A user's own labels: architectures that were measured somewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nag.core.documents import read_json_lines, shortened
from nag.core.errors import DamagedFile, InvalidRequest
from nag.graphs import DagBatch
from nag.spaces import SearchSpace
from nag.tasks import BenchmarkTable, read_csv_table

__all__ = ["read_labels"]

_MOST_BITS = 1_000  # of a number that is a float
_KEYS = ("value", "search_value")


def read_labels(
    path: Path, space: SearchSpace, metrics: Sequence[str] = (), column: str | None = None
) -> tuple[DagBatch, Tensor]:
    """Reads labels from a table with a column `arch`, or from JSON lines as `nag evaluate` writes them.

    Args:
        path: The file.
        space: Search space of the architectures.
        metrics: Names that a column, or a key, of labels may have beside `value` and `search_value`.
        column: The column or key of the labels; None for the first of these names that is there.

    Returns:
        B architectures and their (B,) float64 labels, the mean over the rows of a canonical class; those without a number are
        left out.

    Raises:
        MissingData: There is no such file.
        DamagedFile: It is no such file, or holds an invalid architecture.
        InvalidRequest: No column of labels is there, or no label.
    """
    names = (column,) if column is not None else (*_KEYS, *metrics)
    if path.suffix == ".jsonl":
        table = _from_json_lines(path, space, names)
    else:
        table = read_csv_table(path, space)
    name = next((name for name in names if name in table.measured), None)
    if name is None:
        known = f"Its columns: {', '.join(shortened(title, 40) for title in list(table.measured)[:10])}."
        raise InvalidRequest(
            f"'{shortened(str(path))}' has no column {' or '.join(names)}", f"Name it so, or give label_column=COLUMN. {known}"
        )
    values = torch.from_numpy(table.metric(name)[table.first_rows])
    known_rows = values.isfinite()
    if not bool(known_rows.any()):
        raise InvalidRequest(f"'{path}' holds no label", "Write one architecture and its measured value a row.")
    return table.dags[torch.from_numpy(table.first_rows)][known_rows], values[known_rows]


def _from_json_lines(path: Path, space: SearchSpace, names: Sequence[str]) -> BenchmarkTable:
    """A table of one metric."""
    archs, values = [], []
    for number, row in enumerate(read_json_lines(path), start=1):
        value = next((row[key] for key in names if row.get(key) is not None), None)
        if not isinstance(row.get("arch"), str) or isinstance(value, bool | str | list | dict):
            raise DamagedFile(f"line {number} of '{path}' has no arch with a value", 'Write {"arch": ..., "value": ...}.')
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise DamagedFile(f"line {number} of '{path}' has a number beyond all measure", "Write the measured value.")
        arch = space.decode(row["arch"])
        space.validate(arch)
        archs.append(arch)
        values.append(float("nan") if value is None else float(value))
    if all(map(math.isnan, values)):
        raise InvalidRequest(f"'{path}' holds no label", f"Write each under the key {' or '.join(names)}.")
    return BenchmarkTable(path.stem, space, space.to_dags(archs), {names[0]: np.array(values)})
