"""Reader of NAS-Bench-Graph (Qin et al., NeurIPS 2022) from the files of the package `nas-bench-graph`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from nag.core.errors import DamagedFile
from nag.core.unpickle import NUMPY_SCALARS, load_restricted
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, load_space
from nag.tasks.tables.table import BenchmarkTable

__all__ = ["read_nas_bench_graph"]

_OPS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
_LINKS = ("0,0,0,0", "0,0,0,1", "0,0,1,1", "0,0,1,2", "0,0,1,3", "0,1,1,1", "0,1,1,2", "0,1,2,2", "0,1,2,3")
_METRICS = {"valid_perf": "valid_perf", "perf": "perf", "latency": "latency", "para": "params_m"}


@lru_cache(maxsize=16)
def read_nas_bench_graph(path: Path) -> BenchmarkTable:
    """Reads one data set: metrics `valid_perf`, `perf` (fractions), `latency` (seconds) and `params_m` (millions).

    Raises:
        DamagedFile: Not a table of NAS-Bench-Graph.
    """
    hint = "Reinstall nas-bench-graph."
    space = load_space("nas_bench_graph")
    entries = load_restricted(path, NUMPY_SCALARS)
    expected = 2_021 if path.stem == "proteins" else 26_206
    if not isinstance(entries, dict) or len(entries) != expected:
        raise DamagedFile(f"{path.name} does not hold {expected} architectures", hint)
    try:
        keys = np.fromiter(entries, dtype=np.int64, count=expected)
        metrics = {
            ours: np.fromiter((entry[theirs] for entry in entries.values()), dtype=np.float64, count=expected)
            for theirs, ours in _METRICS.items()
        }
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DamagedFile(f"{path.name} lacks a number ({error})", hint) from error
    dags = _decode(keys, space, path.name)
    if not bool(space.is_valid(dags).all()):
        raise DamagedFile(f"{path.name} holds an architecture outside the search space", hint)
    return BenchmarkTable(f"nas_bench_graph/{path.stem}", space, dags, metrics, frozenset({"params_m"}))


def _decode(keys: np.ndarray, space: SearchSpace, where: str) -> DagBatch:
    """The architectures of keys (R,) int64: the last four decimal digits are operations, the rest numbers the link list."""
    digits = keys[:, None] // np.array([1_000, 100, 10, 1]) % 10
    leads = keys // 10_000
    if keys.min() < 0 or leads.max() >= len(_LINKS) or digits.max() >= len(_OPS):
        raise DamagedFile(f"{where} holds a key that is no architecture", "Reinstall nas-bench-graph.")
    templates = space.to_dags([space.codec.decode(f"{links}|gcn,gcn,gcn,gcn") for links in _LINKS])[torch.from_numpy(leads)]
    index = np.array([space.vocabulary.index(op) for op in _OPS])
    ops = templates.ops.clone()
    ops[:, 1:5] = torch.from_numpy(index[digits])
    return DagBatch(ops, templates.adjacency, templates.mask)
