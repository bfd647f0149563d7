"""Reads crafted files with their loaders, in a process of limited memory; prints what came of each as a line of JSON.

usage: python feed.py CASES.json START
"""

from __future__ import annotations

import json
import pickle
import resource
import signal
import sqlite3
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from nag.cli.application import error_line
from nag.core.errors import NagError
from nag.diffusion.generation import load_generator
from nag.evaluation.data_sets.catalogue import load_data_set
from nag.evaluation.data_sets.pickled_arrays import load_pickled_array, load_pickled_graph, load_pickled_matrix
from nag.evaluation.predicted import load_predictor
from nag.evaluation.tasks import load_task
from nag.execution.store import EvaluationKey, EvaluationStore, Request
from nag.report import write_report
from nag.spaces import enumerate_space, load_space
from nag.tasks import TableColumns, import_table
from nag.tasks.benchmarks.nas_bench_graph import read_nas_bench_graph
from nag.tasks.benchmarks.nasbench101 import read_nasbench101
from nag.training.state import read_state
from nag.workflows.run_folder.history import read_history
from nag.workflows.sources.architecture_file import read_architectures
from nag.workflows.sources.labels import read_labels

SECONDS = 10
MEGABYTES = 500


class TooLong(BaseException):
    """The time is over."""


def _space(path: Path) -> Any:
    space = load_space(str(path))
    if space.max_nodes <= 6 and len(space.vocabulary) < 10:
        enumerate_space(space)
    return space


def _mine(path: Path) -> Any:
    return load_space(str(path.parents[2] / "space.yaml"))


def _table(path: Path) -> Any:
    space = path.parents[2] / "space.yaml"
    made = import_table(str(path), str(space), path.parent / "out", TableColumns("accuracy"))
    return load_task(made)


def _planetoid(path: Path) -> Any:
    for read in (load_pickled_array, load_pickled_matrix, load_pickled_graph):
        try:
            read(path)
        except NagError as error:
            found = error
    raise found


def _generator(path: Path) -> Any:
    import torch

    loaded = load_generator(path)
    return loaded.generator.sample(2, torch.Generator().manual_seed(0), steps=2)


def _predictor(path: Path) -> Any:
    loaded = load_predictor(path)
    return loaded.predictor.predict(enumerate_space(loaded.space)[:3])


def _store(path: Path) -> Any:
    change = pickle.loads((path / "change.pickle").read_bytes())
    space = _mine(path / "x")
    arch = space.to_architectures(enumerate_space(space)[:1])[0]
    key = EvaluationKey("f" * 64, "t", "e", 0)
    store = EvaluationStore(path / "store.db")
    store.request([Request(key, arch, space.encode(arch))])
    with sqlite3.connect(path / "store.db") as connection:
        connection.execute(
            f"UPDATE evaluations SET {', '.join(f'{name} = ?' for name in change)}",
            tuple(None if isinstance(value, float) and np.isnan(value) else value for value in change.values()),
        )
    connection.close()
    faults = []
    for look in (
        lambda: store.counts(),
        lambda: store.states([key]),
        lambda: store.find([key]),
        lambda: store.records(),
        lambda: store.claim("t", "e", "worker", 1.0),
    ):
        try:
            look()
        except NagError as error:
            faults.append(error)
    store.close()
    if faults:
        raise faults[0]


def _store_file(path: Path) -> Any:
    store = EvaluationStore(path)
    try:
        return store.counts(), store.records()
    finally:
        store.close()


LOADERS: dict[str, Callable[[Path], Any]] = {
    "space": _space,
    "task": lambda path: load_task(str(path)),
    "table": _table,
    "labels": lambda path: read_labels(path, _mine(path), "accuracy"),
    "architectures": lambda path: read_architectures(path, _mine(path)),
    "graph_table": lambda path: read_nas_bench_graph(path),
    "planetoid": _planetoid,
    "predictor": _predictor,
    "generator": _generator,
    "images": lambda path: load_data_set(str(path)),
    "nasbench101": lambda path: read_nasbench101(path.parent),
    "store": _store,
    "store_file": _store_file,
    "report": lambda path: write_report([path], path / "report.html", "t"),
    "history": read_history,
    "state": lambda path: read_state(path, "i"),
}


def _peak() -> float:
    """Peak of the resident memory so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _stop(number: int, frame: Any) -> None:
    raise TooLong


def _read(case: dict[str, str]) -> dict[str, Any]:
    before, started, trace, line, outcome = _peak(), time.monotonic(), "", "", "accepted"
    said = StringIO()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with redirect_stderr(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            LOADERS[case["loader"]](Path(case["path"]))
    except NagError as error:
        outcome, line = "refused", error_line(error.what, error.hint)
    except TooLong:
        outcome = "too long"
    except BaseException:
        outcome, trace = "traceback", traceback.format_exc()[-1500:]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return {
        **case,
        "outcome": outcome,
        "line": line,
        "trace": trace,
        "said": said.getvalue()[-300:],
        "seconds": time.monotonic() - started,
        "megabytes": _peak() - before,
    }


def main() -> None:
    cases = json.loads(Path(sys.argv[1]).read_text())[int(sys.argv[2]) :]
    signal.signal(signal.SIGALRM, _stop)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 2**30, used + 3 * 2**30))
    for case in cases:
        print(json.dumps({"begun": case["name"]}), flush=True)
        print(json.dumps(_read(case)), flush=True)


if __name__ == "__main__":
    main()
