"""Reader of NAS-Bench-101 (Ying et al., ICML 2019): 423,624 cells with free wiring."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from nag.benchmarks.files import checked_file
from nag.benchmarks.table import BenchmarkTable
from nag.core.arrays import read_npz
from nag.errors import DamagedFile
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, load_space

__all__ = ["FILES", "read_nasbench101"]

_ROWS = 423_624
_FILE = "nasbench101.npz"
FILES = {_FILE: "46c1e04321a07c5378447359a16ab8e261666f8e33c24b692860cf4c9b37bd67"}
"""File name -> sha256."""


@lru_cache(maxsize=16)
def read_nasbench101(folder: Path) -> BenchmarkTable:
    """Reads the table: `cifar10_test_acc_108ep_mean3` (fraction 0..1) and `params_m` (millions).

    Raises:
        MissingData: `nasbench101.npz` is not there.
        DamagedFile: It is not the published file.
    """
    path = checked_file(folder, _FILE, FILES[_FILE])
    space = load_space("nasbench101")
    try:
        arrays = read_npz(path)
        dags = _decode(arrays, space)
        metrics = {
            "cifar10_test_acc_108ep_mean3": arrays["cifar10_test_acc_108ep_mean3"].astype(np.float64),
            "params_m": arrays["params"] / 1e6,
        }
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        raise DamagedFile(f"{_FILE} cannot be read ({error})", "Restore the published file.") from error
    if len(dags) != _ROWS:
        raise DamagedFile(f"{_FILE} does not hold {_ROWS} cells", "Restore the published file.")
    return BenchmarkTable("nasbench101", space, dags, metrics, frozenset({"params_m"}))


def _decode(arrays: Mapping[str, np.ndarray], space: SearchSpace) -> DagBatch:
    """The cells, whose operations are numbered in the file's own order and padded with -1."""
    index = torch.tensor([space.vocabulary.index(str(name)) for name in arrays["op_names"]])
    sizes = torch.from_numpy(arrays["n_vertices"].astype(np.int64))
    mask = torch.arange(space.max_nodes) < sizes[:, None]
    ops = index[torch.from_numpy(arrays["ops"].astype(np.int64)).clamp(min=0)] * mask
    return DagBatch(ops, torch.from_numpy(arrays["adjacency"].astype(np.int64)), mask)
