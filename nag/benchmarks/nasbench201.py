"""Reader of NAS-Bench-201 (Dong and Yang, ICLR 2020) and of what others measured on its cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from nag.benchmarks.files import checked_file
from nag.benchmarks.table import BenchmarkTable
from nag.errors import DamagedFile
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, load_space

__all__ = ["FILES", "read_nasbench201"]

_ROWS = 15_625
_TEXT = ("index", "arch_str", "canonical")
_SIZES = frozenset({"params_m", "params_m_cifar100", "flops_m_computed"})
_MAIN = "nasbench201.csv.gz"
FILES = {
    _MAIN: "99b30d82253077cd961c15600c455138b83ac283450a8ab44d8c396cb8118e12",
    "nasbench201_hp12.csv.gz": "a0a74d523cc78fbd01ba47d38cda981243dbda7868cf7d1eaae67f89012a97d4",
    "nasbench201_latency.csv.gz": "7fd57f63c7db2ba92f295aee458b52f8f96e7c8c671bd10d19a0325d96f9ffe6",
    "nasbench201_zero_cost.csv.gz": "f9c598bde615cfb2e9afce9e45debb35a183b2575c38aa0ec16a7424a2824535",
}
"""File name -> sha256; all but the first may be absent, and their metrics with them."""


@lru_cache(maxsize=16)
def read_nasbench201(folder: Path) -> BenchmarkTable:
    """Reads all of the folder's NAS-Bench-201 files as one table; row = index of the cell.

    Accuracies are percent, latencies (`<device>_ms`) milliseconds, `params_m` and `flops_m_computed` millions.

    Raises:
        MissingData: `nasbench201.csv.gz` is not there.
        DamagedFile: One of the files is not the published one.
    """
    space = load_space("nasbench201")
    main = _read(folder, _MAIN)
    frames = [main, *(_read(folder, name) for name in FILES if name != _MAIN and (folder / name).is_file())]
    metrics = {
        str(column): frame[column].to_numpy(dtype=np.float64) for frame in frames for column in frame if column not in _TEXT
    }
    return BenchmarkTable("nasbench201", space, _decode(main["arch_str"].tolist(), space), metrics, _SIZES)


def _read(folder: Path, name: str) -> pd.DataFrame:
    frame = pd.read_csv(checked_file(folder, name, FILES[name]))
    if len(frame) != _ROWS or not (frame["index"].to_numpy() == np.arange(_ROWS)).all():
        raise DamagedFile(f"{name} does not hold the rows 0 to {_ROWS - 1}", "Restore the published file.")
    return frame


def _decode(natives: Sequence[str], space: SearchSpace) -> DagBatch:
    """The cells of R native strings, without building each one."""
    index = {op: i for i, op in enumerate(space.vocabulary)}
    cell = space.to_dags([space.codec.decode(natives[0])])
    ops = cell.ops.repeat(len(natives), 1)
    ops[:, 1:7] = torch.tensor([[index[op] for op in re.findall(r"([^|+~]+)~", native)] for native in natives])
    return DagBatch(ops, cell.adjacency.repeat(len(natives), 1, 1), cell.mask.repeat(len(natives), 1))
