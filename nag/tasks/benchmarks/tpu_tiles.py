"""Reader of the TPU tile graphs (TpuGraphs, Phothilimthana et al., 2023, as released with LayerDAG, Li et al., ICLR 2025)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from nag.core.arrays import read_npz
from nag.core.data_files import checked_file
from nag.core.errors import DamagedFile
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, load_space
from nag.tasks.tables.table import BenchmarkTable

__all__ = ["FILES", "read_tpu_tiles"]

_ROWS = 630
_FILE = "tpu_tile_dags.npz"
FILES = {_FILE: "5608ef4ae0eff394e8f02c7193188e5204db3eb3e0aa3d23bfa2a9a1031d0383"}
"""File name -> sha256."""


@lru_cache(maxsize=16)
def read_tpu_tiles(folder: Path) -> BenchmarkTable:
    """Reads the table: `runtime`, each program's runtime over a reference (mean of its configurations; lower is better).

    Tensor shapes are not included, so one graph can have several rows of different runtimes; split by canonical class.

    Raises:
        MissingData: `tpu_tile_dags.npz` is not there.
        DamagedFile: It is not the published file.
    """
    path = checked_file(folder, _FILE, FILES[_FILE])
    space = load_space("tpu_tiles")
    try:
        arrays = read_npz(path)
        dags = _decode(arrays, space)
        metrics = {"runtime": arrays["mean_normalized_runtime"].astype(np.float64)}
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        raise DamagedFile(f"{_FILE} cannot be read ({error})", "Restore the published file.") from error
    if len(dags) != _ROWS:
        raise DamagedFile(f"{_FILE} does not hold {_ROWS} graphs", "Restore the published file.")
    return BenchmarkTable("tpu_tiles", space, dags, metrics)


def _decode(arrays: Mapping[str, np.ndarray], space: SearchSpace) -> DagBatch:
    """The programs in the order of their data flow, between a virtual input and a virtual output.

    The file's edges lead from an operation to its operands, and its node 0 is the result; both orders are reversed.
    """
    node_start, edge_start = arrays["graph_ptr"].astype(np.int64), arrays["edge_ptr"].astype(np.int64)
    counts = np.diff(node_start)
    rows, row_of_node = np.arange(len(counts)), np.repeat(np.arange(len(counts)), counts)
    row_of_edge = np.repeat(rows, np.diff(edge_start))
    position = counts[row_of_node] - (np.arange(len(row_of_node)) - node_start[row_of_node])
    inner = np.zeros((len(counts), space.max_nodes), dtype=bool)
    inner[row_of_node, position] = True

    ops = np.zeros(inner.shape, dtype=np.int64)
    index = np.array([space.vocabulary.index(f"op_{i}") for i in range(int(arrays["op_vocab_size"]))])
    ops[row_of_node, position] = index[arrays["node_op"]]
    ops[rows, counts + 1] = space.vocabulary.index(space.semantics.output)
    adjacency = np.zeros((*inner.shape, space.max_nodes), dtype=np.int64)
    user, operand = arrays["edge_src"].astype(np.int64), arrays["edge_dst"].astype(np.int64)
    adjacency[row_of_edge, counts[row_of_edge] - operand, counts[row_of_edge] - user] = 1
    adjacency[:, 0] = inner & (adjacency.sum(1) == 0)
    adjacency[rows, counts, counts + 1] = 1
    mask = np.arange(space.max_nodes) < counts[:, None] + 2
    return DagBatch(torch.from_numpy(ops), torch.from_numpy(adjacency), torch.from_numpy(mask))
