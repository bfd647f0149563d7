"""Reader of NAS-Bench-101's four training budgets (Ying et al. 2019), as recovered by EC-NAS (Bakhtiarifard et al. 2024)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from nag.core.arrays import read_npz
from nag.core.data_files import checked_file, find_data_dir
from nag.core.errors import DamagedFile
from nag.graphs import levels
from nag.tasks.benchmarks.nasbench101 import read_nasbench101
from nag.tasks.tables.curves import CurveTable
from nag.tasks.tables.table import BenchmarkTable

__all__ = ["FILES", "read_nasbench101_budgets"]

_FILE = "learning_curves.npz"
FILES = {_FILE: "ba037df8a415cf4c9c746c4a1ce8bf7e3577614dfd45a5ada037c3cba74ee97d"}
"""File name -> sha256."""

_ROWS, _BUDGETS = 1489, (4, 12, 36, 108)
_HINT = "Restore the published file."


def read_nasbench101_budgets() -> CurveTable:
    """Reads 1,489 cells: validation accuracy after 4, 12, 36 and 108 epochs, final value the test accuracy after 108.

    Accuracies are fractions, means of 3 runs. Each budget is a training of its own, with its own learning-rate schedule.
    Features are the number of nodes of each operation, `nodes` and `edges` (input and output counted), `depth` (edges
    of the longest path) and `log_params`. The cells were visited by searches: they are no uniform sample.

    Raises:
        MissingData: The folder, `learning_curves.npz` or `nasbench101.npz` is not there.
        DamagedFile: One of them is not the published file.
    """
    return _read(find_data_dir())


@lru_cache(maxsize=4)
def _read(folder: Path) -> CurveTable:
    path = checked_file(folder, _FILE, FILES[_FILE])
    try:
        arrays = read_npz(path)
        rows, epochs = arrays["nb101_row"].astype(np.int64), arrays["epochs"]
        values, test = arrays["val_acc"].astype(np.float64), arrays["test_acc"].astype(np.float64)
    except (KeyError, ValueError) as error:
        raise DamagedFile(f"{_FILE} cannot be read ({error})", _HINT) from error
    table = read_nasbench101(folder)
    shape = (_ROWS, len(_BUDGETS))
    fits = rows.shape == (_ROWS,) and values.shape == test.shape == shape and tuple(epochs.tolist()) == _BUDGETS
    if not fits or rows.min() < 0 or rows.max() >= len(table):
        raise DamagedFile(f"{_FILE} does not hold {_ROWS} cells at {len(_BUDGETS)} budgets", _HINT)
    names, features, groups = _facts(table, rows)
    return CurveTable(
        name="nasbench101_budgets",
        budgets=epochs.astype(np.float64),
        values=values,
        final=test[:, -1].copy(),
        maximise=True,
        groups=groups,
        features=features,
        feature_names=names,
        perfect=1.0,
        separate=True,
    )


def _facts(table: BenchmarkTable, rows: np.ndarray) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names and values of the features, and canonical class of each of R rows."""
    dags, space = table.dags[torch.from_numpy(rows)], table.space
    ends = (space.semantics.input, space.semantics.output)
    columns = {
        **{op: ((dags.ops == i) & dags.mask).sum(1) for i, op in enumerate(space.vocabulary) if op not in ends},
        "nodes": dags.num_nodes,
        "edges": dags.adjacency.sum((1, 2)),
        "depth": (levels(dags) * dags.mask).amax(1),
        "log_params": torch.from_numpy(np.log(table.measured["params_m"][rows] * 1e6)),
    }
    features = torch.stack([column.double() for column in columns.values()], 1).numpy()
    groups = np.unique(space.canonical_hashes(dags), return_inverse=True)[1].reshape(-1).astype(np.int64)
    return tuple(columns), features, groups
