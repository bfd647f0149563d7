"""Reader of NAS-Bench-101 (Ying et al., ICML 2019): 423,624 cells with free wiring."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from nag.core.arrays import read_npz
from nag.core.errors import DamagedFile
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, load_space
from nag.tasks.benchmarks.imported import HINT, imported_file, notes_of
from nag.tasks.tables.table import BenchmarkTable

__all__ = ["CELLS", "FILE", "check_arrays", "read_nasbench101"]

CELLS = 423_624
FILE = "nasbench101.npz"
_NODES = 7
_EDGES = 9
_OPS = ("input", "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "output")
_ACCURACIES = ("cifar10_test_acc_108ep_mean3", "cifar10_val_acc_108ep_mean3")
_BEST = 0.943176


@lru_cache(maxsize=16)
def read_nasbench101(folder: Path) -> BenchmarkTable:
    """Reads the table: `cifar10_test_acc_108ep_mean3` (fraction 0..1) and `params_m` (millions).

    Raises:
        MissingData: `nasbench101.npz` is not there.
        DamagedFile: It is not what it should be.
    """
    space = load_space("nasbench101")
    arrays = read_npz(imported_file(folder, FILE))
    check_arrays(arrays, FILE)
    metrics = {name: arrays[name].astype(np.float64) for name in _ACCURACIES if name in arrays}
    metrics["params_m"] = arrays["params"] / 1e6
    notes = notes_of(len(arrays["params"]), CELLS)
    return BenchmarkTable("nasbench101", space, _decode(arrays, space), metrics, frozenset({"params_m"}), notes)


def check_arrays(arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Checks that arrays hold cells of NAS-Bench-101 and their published accuracies.

    Args:
        arrays: As in `nasbench101.npz`.
        where: Name of the file, for messages.

    Raises:
        DamagedFile: They do not.
    """
    try:
        fault = _fault(arrays)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DamagedFile(f"{where} does not hold NAS-Bench-101 ({type(error).__name__}: {error})", HINT) from error
    if fault:
        raise DamagedFile(f"{where} {fault}", HINT)


def _fault(arrays: Mapping[str, np.ndarray]) -> str:
    """What is wrong with the arrays; empty where nothing is."""
    test, ops, sizes = arrays[_ACCURACIES[0]], arrays["ops"], arrays["n_vertices"]
    adjacency, keys, params = arrays["adjacency"], arrays["md5"], arrays["params"]
    count = len(test)
    shapes = {"adjacency": (count, _NODES, _NODES), "ops": (count, _NODES), "n_vertices": (count,), "md5": (count, 16)}
    if count == 0 or any(arrays[name].shape != shape for name, shape in shapes.items()) or params.shape != (count,):
        return "has arrays that do not fit together"
    if not all(np.issubdtype(array.dtype, np.integer) for array in (adjacency, ops, sizes, params)):
        return "has arrays of other types"
    if tuple(arrays["op_names"].tolist()) != _OPS:
        return "names other operations"
    place, last = np.arange(_NODES), sizes[:, None].astype(np.int64) - 1
    expected = np.select([place == 0, place == last, place > last], [0, 4, -1], default=1)
    inner = expected == 1
    if sizes.min() < 2 or sizes.max() > _NODES or not np.where(inner, (ops >= 1) & (ops <= 3), ops == expected).all():
        return "has operations at the wrong vertices"
    if adjacency.min() < 0 or adjacency.max() > 1 or np.tril(adjacency).any() or (adjacency.sum((1, 2)) > _EDGES).any():
        return f"has a graph with a cycle or more than {_EDGES} edges"
    if not _on_paths(adjacency.astype(bool), sizes.astype(np.int64)):
        return "has a vertex that is on no path from input to output"
    if len(np.unique(keys.view("V16"))) < count:
        return "holds a module twice"
    if params.min() <= 0 or not all(_is_share(arrays[name]) for name in _ACCURACIES if name in arrays):
        return "holds an accuracy that is no share of 10,000 images"
    if count == CELLS and abs(float(test.max()) - _BEST) > 1e-5:
        return f"has the best mean accuracy {float(test.max()):.6f}, as published {_BEST}"
    return ""


def _on_paths(linked: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether all vertices are on paths from the input to the output."""
    forward = np.zeros(linked.shape[:2], dtype=bool)
    backward = forward.copy()
    forward[:, 0] = True
    backward[np.arange(len(sizes)), sizes - 1] = True
    for v in range(1, _NODES):
        forward[:, v] |= (forward[:, :v] & linked[:, :v, v]).any(1)
    for u in range(_NODES - 2, -1, -1):
        backward[:, u] |= (backward[:, u + 1 :] & linked[:, u, u + 1 :]).any(1)
    present = np.arange(_NODES) < sizes[:, None]
    return bool(((forward & backward) == present).all())


def _is_share(values: np.ndarray) -> bool:
    """Whether means of three runs lie in 0..1; validation is on 9,984 or 10,000 images, so that the grid differs."""
    return bool(np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1)


def _decode(arrays: Mapping[str, np.ndarray], space: SearchSpace) -> DagBatch:
    """The cells, whose operations are numbered in the file's own order and padded with -1."""
    index = torch.tensor([space.vocabulary.index(str(name)) for name in arrays["op_names"]])
    sizes = torch.from_numpy(arrays["n_vertices"].astype(np.int64))
    mask = torch.arange(space.max_nodes) < sizes[:, None]
    ops = index[torch.from_numpy(arrays["ops"].astype(np.int64)).clamp(min=0)] * mask
    return DagBatch(ops, torch.from_numpy(arrays["adjacency"].astype(np.int64)), mask)
