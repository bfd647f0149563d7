"""Reader of NAS-Bench-NLP's learning curves (Klyuchnikov et al. 2020): recurrent cells as language models."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nag.core.data_files import checked_file, find_data_dir
from nag.core.errors import DamagedFile, InvalidArchitecture
from nag.graphs import Architecture, DagBatch, canonical_forms, levels
from nag.tasks.tables.curves import CurveTable

__all__ = ["FILES", "RecurrentRun", "parse_runs", "read_nas_bench_nlp"]

_FILE = "rnn_nlp_recipes.jsonl.gz"
FILES = {_FILE: "b8e779015cdaf16d31c9f11b2ef807ea83482d4c74e369ffb71c15bc19cb5797"}
"""File name -> sha256."""

_ROWS, _COMPLETE, _EPOCHS = 350, 341, 50
_OPS = (
    "linear",
    "blend",
    "elementwise_prod",
    "elementwise_sum",
    "activation_tanh",
    "activation_sigm",
    "activation_leaky_relu",
)
_HINT = "Restore the published file."


@dataclass(frozen=True)
class RecurrentRun:
    """One complete run on WikiText-2.

    Args:
        cell: The recurrent cell; a node that is the new hidden state i has the operation `<op>>h_new_i`.
        params: Trainable parameters of the language model.
        val_loss: Nats a word after each of 50 epochs.
        test_loss: Nats a word after the last epoch.
    """

    cell: Architecture
    params: int
    val_loss: tuple[float, ...]
    test_loss: float


def read_nas_bench_nlp() -> CurveTable:
    """Reads the 341 complete runs: validation loss after 1..50 epochs, final value the test loss after the last.

    Features are `nodes` and `edges` (inputs are not counted as nodes), `depth` (edges of the longest path), the number of
    nodes of each operation, `hidden_states` and `log_params`. Runs share a group where their cells are equal up to the
    order and the names of nodes and inputs.

    Raises:
        MissingData: The folder or `rnn_nlp_recipes.jsonl.gz` is not there.
        DamagedFile: It is not the published file.
    """
    return _read(find_data_dir())


@lru_cache(maxsize=4)
def _read(folder: Path) -> CurveTable:
    path = checked_file(folder, _FILE, FILES[_FILE])
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DamagedFile(f"{_FILE} cannot be read ({error})", _HINT) from error
    runs = parse_runs(lines)
    if len(lines) != _ROWS or len(runs) != _COMPLETE:
        raise DamagedFile(f"{_FILE} does not hold {_ROWS} cells and {_COMPLETE} complete runs", _HINT)
    return _tabulate(runs)


def parse_runs(lines: Iterable[str]) -> list[RecurrentRun]:
    """The complete runs among JSON lines; those that diverged or never ran are left out.

    Raises:
        DamagedFile: A line is no JSON object, or lacks what a run must have.
    """
    runs = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            if not isinstance(row["status"], str):
                raise TypeError("status is no text")
            if row["status"] == "OK":
                runs.append(_parse(row))
        except (ValueError, KeyError, TypeError, AttributeError, InvalidArchitecture) as error:
            raise DamagedFile(f"line {number} of {_FILE} is no run ({error})", _HINT) from error
    return runs


def _parse(row: Mapping[str, Any]) -> RecurrentRun:
    val_loss, test_loss = (tuple(float(loss) for loss in row[key]) for key in ("val_loss", "test_loss"))
    params = int(row["params_wikitext2"])
    if {len(val_loss), len(test_loss)} != {_EPOCHS} or not all(map(math.isfinite, val_loss + test_loss)) or params < 1:
        raise ValueError(f"its losses are not {_EPOCHS} numbers, or it has no parameters")
    return RecurrentRun(_cell(row["recipe"]), params, val_loss, test_loss[-1])


def _cell(recipe: Mapping[str, Any]) -> Architecture:
    """The graph of a recipe, whose nodes stand in any order."""
    ops: dict[Hashable, str] = {}
    edges: list[tuple[Hashable, Hashable]] = []
    for name, node in recipe.items():
        if node["op"] not in _OPS or not node["input"]:
            raise ValueError(f"node {name} has the operation {node['op']} and inputs {node['input']}")
        ops[name] = f"{node['op']}>{name}" if _is_state(name, "h_new_") else node["op"]
        for source in node["input"]:
            if source not in recipe:
                if source != "x" and not _is_state(source, "h_prev_"):
                    raise ValueError(f"node {name} reads {source}, which is nowhere")
                ops[source] = source
            edges.append((source, name))
    if not any(_is_state(name, "h_new_") for name in recipe):
        raise ValueError("the cell has no output")
    return Architecture.from_unordered(ops, edges)


def _is_state(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name.removeprefix(prefix).isdigit()


def _tabulate(runs: list[RecurrentRun]) -> CurveTable:
    cells = [run.cell for run in runs]
    vocabulary = sorted({op for cell in cells for op in cell.ops})
    dags = DagBatch.from_architectures(cells, vocabulary)
    inner = [[op.split(">")[0] for op in cell.ops if op.split(">")[0] in _OPS] for cell in cells]
    features = {
        "nodes": [len(ops) for ops in inner],
        "edges": [len(cell.edges) for cell in cells],
        "depth": (levels(dags) * dags.mask).amax(1).tolist(),
        **{op: [ops.count(op) for ops in inner] for op in _OPS},
        "hidden_states": [sum(">" in op for op in cell.ops) for cell in cells],
        "log_params": [math.log(run.params) for run in runs],
    }
    return CurveTable(
        name="nas_bench_nlp",
        budgets=np.arange(1.0, _EPOCHS + 1),
        values=np.array([run.val_loss for run in runs]),
        final=np.array([run.test_loss for run in runs]),
        maximise=False,
        groups=np.unique(canonical_forms(dags, vocabulary).hashes, return_inverse=True)[1].reshape(-1).astype(np.int64),
        features=np.array(list(features.values()), dtype=np.float64).T.copy(),
        feature_names=tuple(features),
        perfect=0.0,
    )
