"""Reader of the quantised and analog accuracies of NAS-Bench-201's cells from the package `analog-nasbench`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from nag.core.errors import DamagedFile
from nag.core.unpickle import NUMPY_SCALARS, InertRecord, load_restricted
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, load_space
from nag.tasks.tables.table import BenchmarkTable

__all__ = ["read_analog_nasbench"]

_ROWS = 15_625
_OPS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_EDGES = (0, 1, 3, 2, 4, 5)  # the file's edges are 0->1, 0->2, 0->3, 1->2, 1->3, 2->3; the space's go by their target
_ACCURACIES = ("baseline_accuracy", "ptq_accuracy", "qat_accuracy", "noisy_accuracy", "analog_accuracy")
_DRIFTS = tuple(f"{kind}_drift_{seconds}" for kind in ("baseline", "analog") for seconds in (60, 3600, 86400, 2592000))
_ALLOWED = {
    **NUMPY_SCALARS,
    ("analognasbench.data", "Architecture"): InertRecord,
    ("analognasbench.data", "DriftMeasurement"): InertRecord,
}


@lru_cache(maxsize=16)
def read_analog_nasbench(path: Path) -> BenchmarkTable:
    """Reads the table: CIFAR-10 accuracies in percent, and after 60 s to 30 days of drift with their uncertainty.

    Raises:
        DamagedFile: Not this table.
    """
    hint = "Reinstall analog-nasbench."
    entries = load_restricted(path, _ALLOWED)
    if not isinstance(entries, dict) or len(entries) != _ROWS:
        raise DamagedFile(f"{path.name} does not hold {_ROWS} architectures", hint)
    try:
        codes = np.array(list(entries), dtype=np.int64)
        records = [vars(record) for record in entries.values()]
        metrics = {name: np.array([record[name] for record in records], dtype=np.float64) for name in _ACCURACIES}
        for name in _DRIFTS:
            metrics[name] = np.array([record[name].value for record in records], dtype=np.float64)
            metrics[f"{name}_uncertainty"] = np.array([record[name].uncertainty for record in records], dtype=np.float64)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"{path.name} lacks a number ({error})", hint) from error
    if codes.shape != (_ROWS, len(_EDGES)) or codes.min() < 0 or codes.max() >= len(_OPS):
        raise DamagedFile(f"{path.name} holds a key that is no architecture", hint)
    space = load_space("nasbench201")
    return BenchmarkTable("analog_nasbench", space, _decode(codes, space), metrics)


def _decode(codes: np.ndarray, space: SearchSpace) -> DagBatch:
    """The cells of (R, 6) int64 operation codes in the file's order of edges."""
    index = np.array([space.vocabulary.index(op) for op in _OPS])
    cell = space.to_dags([space.codec.decode("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")])
    ops = cell.ops.repeat(len(codes), 1)
    ops[:, 1:7] = torch.from_numpy(index[codes[:, _EDGES]])
    return DagBatch(ops, cell.adjacency.repeat(len(codes), 1, 1), cell.mask.repeat(len(codes), 1))
