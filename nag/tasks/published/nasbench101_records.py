"""NAS-Bench-101 (Ying et al., ICML 2019) from its published TFRecord files, as the arrays of `nasbench101.npz`."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nag.core.errors import DamagedFile
from nag.tasks.published.tfrecord import fields_of, read_records

__all__ = ["OP_NAMES", "read_nasbench101_records"]

OP_NAMES = ("input", "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "output")
_NODES = 7
_EPOCHS = 108
_RUNS = 3
_HINT = "Download nasbench_only108.tfrecord or nasbench_full.tfrecord anew."


@dataclass
class _Cell:
    """A cell and its runs."""

    adjacency: str
    operations: str
    params: int
    test: list[float]
    validation: list[float]


def read_nasbench101_records(path: Path) -> dict[str, np.ndarray]:
    """The cells of a TFRecord file, sorted by module hash; of the training budgets, 108 epochs.

    Returns:
        The arrays of `nasbench101.npz`, with the mean test and validation accuracy of the three runs of each cell.

    Raises:
        DamagedFile: It is no such file, or a cell has not three runs.
    """
    cells: dict[str, _Cell] = {}
    for number, (key, adjacency, operations, metrics) in enumerate(_rows(path), start=1):
        try:
            params, test, validation = _metrics(metrics)
        except (ValueError, IndexError, TypeError) as error:
            raise DamagedFile(f"record {number} of {path.name} holds no metrics ({error})", _HINT) from error
        cell = cells.setdefault(key, _Cell(adjacency, operations, params, [], []))
        if (cell.adjacency, cell.operations, cell.params) != (adjacency, operations, params):
            raise DamagedFile(f"record {number} of {path.name} gives the module {key} another graph", _HINT)
        cell.test.append(test)
        cell.validation.append(validation)
    for key, cell in cells.items():
        if len(cell.test) != _RUNS:
            raise DamagedFile(f"module {key} of {path.name} has {len(cell.test)} runs of {_EPOCHS} epochs, not {_RUNS}", _HINT)
    if not cells:
        raise DamagedFile(f"{path.name} holds no run of {_EPOCHS} epochs", _HINT)
    return _arrays(path, dict(sorted(cells.items())))


def _rows(path: Path) -> Iterator[tuple[str, str, str, bytes]]:
    """Module hash, adjacency, operations and message of each run of 108 epochs."""
    for number, record in enumerate(read_records(path), start=1):
        try:
            row = json.loads(record)
            key, epochs, adjacency, operations, metrics = row
            if not isinstance(epochs, int) or not all(isinstance(part, str) for part in (key, adjacency, operations, metrics)):
                raise ValueError("its parts are not text")
            if len(bytes.fromhex(key)) != 16:
                raise ValueError("its module hash is none")
            message = base64.b64decode(metrics, validate=True)
        except (ValueError, TypeError, RecursionError, binascii.Error) as error:
            raise DamagedFile(f"record {number} of {path.name} is no cell of NAS-Bench-101", _HINT) from error
        if epochs == _EPOCHS:
            yield key, adjacency, operations, message


def _metrics(message: bytes) -> tuple[int, float, float]:
    """Parameters, test and validation accuracy after the last epoch of one run (`ModelMetrics`, `EvaluationData`)."""
    fields = fields_of(message)
    params, last = fields[2][0], fields[1][-1]
    if not isinstance(params, int) or not isinstance(last, bytes):
        raise ValueError("its fields are of other types")
    values = fields_of(last)
    epoch, validation, test = (float(values[number][0]) for number in (1, 4, 5))
    if epoch != _EPOCHS or not 0 <= validation <= 1 or not 0 <= test <= 1:
        raise ValueError(f"after {epoch:g} epochs, {validation:g} and {test:g}")
    return params, test, validation


def _arrays(path: Path, cells: dict[str, _Cell]) -> dict[str, np.ndarray]:
    count = len(cells)
    adjacency = np.zeros((count, _NODES, _NODES), dtype=np.uint8)
    ops = np.full((count, _NODES), -1, dtype=np.int8)
    index = {name: number for number, name in enumerate(OP_NAMES)}
    for row, (key, cell) in enumerate(cells.items()):
        names = cell.operations.split(",")
        size = len(names)
        if not 2 <= size <= _NODES or len(cell.adjacency) != size * size or not set(cell.adjacency) <= {"0", "1"}:
            raise DamagedFile(f"module {key} of {path.name} is no graph of 2 to {_NODES} vertices", _HINT)
        if not set(names) <= set(index):
            raise DamagedFile(f"module {key} of {path.name} has an unknown operation", _HINT)
        adjacency[row, :size, :size] = np.frombuffer(cell.adjacency.encode(), dtype=np.uint8).reshape(size, size) - ord("0")
        ops[row, :size] = [index[name] for name in names]
    return {
        "adjacency": adjacency,
        "ops": ops,
        "op_names": np.array(OP_NAMES),
        "n_vertices": (ops >= 0).sum(1).astype(np.uint8),
        "n_edges": adjacency.sum((1, 2)).astype(np.uint8),
        "params": np.array([cell.params for cell in cells.values()], dtype=np.int32),
        "cifar10_test_acc_108ep_mean3": _means([cell.test for cell in cells.values()]),
        "cifar10_val_acc_108ep_mean3": _means([cell.validation for cell in cells.values()]),
        "md5": np.frombuffer(bytes.fromhex("".join(cells)), dtype=np.uint8).reshape(count, 16),
    }


def _means(runs: list[list[float]]) -> np.ndarray:
    """Mean of the runs of each cell, which is the value itself where all agree: (R,) float64."""
    values = np.array(runs, dtype=np.float64)
    return np.clip(values.sum(1) / values.shape[1], values.min(1), values.max(1))
