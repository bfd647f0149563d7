"""Reader of NAS-Bench-201 (Dong and Yang, ICLR 2020) and of what others measured on its cells."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from nag.core.documents import shortened
from nag.core.errors import DamagedFile
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, load_space
from nag.tasks.benchmarks.imported import HINT, imported_file, notes_of
from nag.tasks.tables.table import BenchmarkTable
from nag.tasks.tables.table_file import read_text

__all__ = ["CELLS", "MAIN", "MORE", "TWELVE_EPOCHS", "check_frame", "read_nasbench201"]

CELLS = 15_625
MAIN = "nasbench201.csv.gz"
TWELVE_EPOCHS = "nasbench201_hp12.csv.gz"
MORE = (TWELVE_EPOCHS, "nasbench201_latency.csv.gz", "nasbench201_zero_cost.csv.gz")
"""Files that may be absent, and their metrics with them."""

_SIZES = frozenset({"params_m", "params_m_cifar100", "flops_m_computed"})
_TEXT = ("index", "arch_str", "canonical")
_OP = "(?:none|skip_connect|nor_conv_1x1|nor_conv_3x3|avg_pool_3x3)"
_CELL = re.compile(rf"\|{_OP}~0\|\+\|{_OP}~0\|{_OP}~1\|\+\|{_OP}~0\|{_OP}~1\|{_OP}~2\|")
_GRIDS = {  # steps of means over one to three runs; the numbers of test images are 10,000, 5,000 and 25,000
    "cifar10_test_acc": 0.01 / 6,
    "cifar100_test_acc": 0.02 / 6,
    "cifar100_test_acc_full10k": 0.01 / 6,
    "cifar100_val_acc_derived": 0.02 / 6,
    "cifar10_val_acc_12ep": 0.004 / 6,
}
_OPTIMA = {"cifar10_test_acc": 94.3733, "cifar100_test_acc": 73.5133}


@lru_cache(maxsize=16)
def read_nasbench201(folder: Path) -> BenchmarkTable:
    """Reads all of the folder's NAS-Bench-201 files as one table, in the order of the cells' indices.

    Accuracies are percent, latencies (`<device>_ms`) milliseconds, `params_m` and `flops_m_computed` millions. A file is
    known by what is in it: cells, indices, the grid of the accuracies and, where all cells are there, the published optimum.

    Raises:
        MissingData: `nasbench201.csv.gz` is not there.
        DamagedFile: One of the files is not what it should be.
    """
    space = load_space("nasbench201")
    main = _read(folder, MAIN)
    check_frame(main, MAIN)
    main = main.sort_values("index", kind="stable", ignore_index=True)
    frames = [main]
    for name in MORE:
        if (folder / name).is_file():
            frames.append(_matched(_read(folder, name), main, name))
    metrics = {}
    for frame in frames:
        for column in frame.columns.difference(list(_TEXT), sort=False):
            try:
                metrics[str(column)] = frame[column].to_numpy(dtype=np.float64)
            except (ValueError, TypeError) as error:
                raise DamagedFile(f"column '{shortened(str(column), 60)}' of {MAIN} holds text", HINT) from error
    dags = _decode(main["arch_str"].tolist(), space)
    return BenchmarkTable("nasbench201", space, dags, metrics, _SIZES, notes_of(len(main), CELLS))


def _read(folder: Path, name: str) -> pd.DataFrame:
    path = imported_file(folder, name)
    try:
        frame = pd.read_csv(io.StringIO(read_text(path)), float_precision="round_trip")
    except ValueError as error:
        raise DamagedFile(f"{name} cannot be read ({shortened(str(error))})", HINT) from error
    if "index" not in frame or not pd.api.types.is_integer_dtype(frame["index"]):
        raise DamagedFile(f"{name} has no column 'index' of whole numbers", HINT)
    return frame


def _matched(frame: pd.DataFrame, main: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of another file in the order of the main one's; NaN where it lacks a cell."""
    if frame["index"].duplicated().any() or not main["index"].isin(frame["index"]).any():
        raise DamagedFile(f"{name} does not hold the cells of {MAIN}", HINT)
    _check_grids(frame, name)
    return frame.set_index("index").reindex(main["index"]).reset_index()


def check_frame(frame: pd.DataFrame, where: str) -> None:
    """Checks that a table holds cells of NAS-Bench-201 and their published accuracies.

    Args:
        frame: Columns `index`, `arch_str` and metrics.
        where: Name of the file, for messages.

    Raises:
        DamagedFile: It does not.
    """
    if not {"index", "arch_str"} <= set(frame):
        raise DamagedFile(f"{where} has no columns 'index' and 'arch_str'", HINT)
    for arch in frame["arch_str"]:
        if not isinstance(arch, str) or not _CELL.fullmatch(arch):
            raise DamagedFile(f"{where} holds '{shortened(str(arch), 100)}', which is no cell of NAS-Bench-201", HINT)
    for column in ("index", "arch_str"):
        if frame[column].duplicated().any():
            found = frame[column][frame[column].duplicated()].iloc[0]
            raise DamagedFile(f"{where} holds {column} {found} twice", HINT)
    if not frame["index"].between(0, CELLS - 1).all():
        raise DamagedFile(f"{where} holds an index outside 0 to {CELLS - 1}", HINT)
    _check_grids(frame, where)
    for column, optimum in _OPTIMA.items():
        if len(frame) == CELLS and column in frame and abs(frame[column].max() - optimum) > 0.005:
            raise DamagedFile(f"the best {column} of {where} is {frame[column].max():.4f}, as published {optimum}", HINT)


def _check_grids(frame: pd.DataFrame, where: str) -> None:
    for column, step in _GRIDS.items():
        if column in frame:
            values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64)
            steps = values / step
            good = (values >= 0) & (values <= 100) & (np.abs(steps - np.round(steps)) < 0.01)
            if not good.all():
                found = shortened(str(frame[column].to_numpy()[~good][0]), 40)
                what = f"{where} holds {column} {found}, which is no share of the test images in percent"
                raise DamagedFile(what, HINT)


def _decode(natives: Sequence[str], space: SearchSpace) -> DagBatch:
    """The cells of R native strings, without building each one."""
    index = {op: i for i, op in enumerate(space.vocabulary)}
    cell = space.to_dags([space.codec.decode(natives[0])])
    ops = cell.ops.repeat(len(natives), 1)
    ops[:, 1:7] = torch.tensor([[index[op] for op in re.findall(r"([^|+~]+)~", native)] for native in natives])
    return DagBatch(ops, cell.adjacency.repeat(len(natives), 1, 1), cell.mask.repeat(len(natives), 1))
