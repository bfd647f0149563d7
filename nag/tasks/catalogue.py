"""The tasks that nag knows by name, and how each is loaded. Nothing heavy is imported before one is."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nag.core.data_files import find_data_dir
from nag.core.errors import InvalidRequest, MissingData, did_you_mean
from nag.tasks.benchmarks.packaged import DATASETS, find_analog_nasbench, find_nas_bench_graph
from nag.tasks.task_file import is_task_file, read_task_file

if TYPE_CHECKING:
    from nag.tasks.tables.table import BenchmarkTable
    from nag.tasks.task import Task

__all__ = ["list_tasks", "load_task", "packaged_metrics", "space_of", "task_names"]


@dataclass(frozen=True)
class _Entry:
    """A task before its table is read.

    Args:
        note: Units and source, one line.
        reader: Module in `nag.tasks.benchmarks` and function that reads the table from what `locate` finds.
        search: Search metric.
        report: Report metric.
        side: Secondary metrics, of which less is better; all `*_ms` columns of the table follow them.
        find: Locates the package's file; None where the table lies in the data folder.
        files: What the data folder must hold.
        maximise: Whether more is better in both metrics.
        task_features: Numbers that describe the data.
        hint: How to get what the data folder lacks.
    """

    note: str
    reader: str
    search: str
    report: str
    side: tuple[str, ...] = ()
    find: Callable[[], Path] | None = None
    files: tuple[str, ...] = ()
    maximise: bool = True
    task_features: Mapping[str, float] = field(default_factory=dict)
    hint: str = "Put it there, or set data_dir or NAG_DATA_DIR."

    def read(self, path: Path) -> BenchmarkTable:
        """Reads the table from what `locate` found."""
        module, _, function = self.reader.partition(":")
        table: BenchmarkTable = getattr(importlib.import_module(f"nag.tasks.benchmarks.{module}"), function)(path)
        return table

    def locate(self, data_dir: str | Path | None) -> Path:
        """The file or folder to read; raises `MissingData` where it is not there."""
        if self.find is not None:
            return self.find()
        folder = find_data_dir(data_dir)
        for name in self.files:
            if not (folder / name).is_file():
                raise MissingData(f"the data folder holds no {name}", self.hint)
        return folder


_IMPORT = "Make it by nag import-benchmark FILE out_dir=FOLDER, or set data_dir or NAG_DATA_DIR."
_GRAPH_FEATURES = ("nodes", "mean_degree", "features", "classes", "homophily")
"""Numbers of nodes, of neighbours (mean), of features and classes of a node; share of edges between nodes of one class."""
_GRAPHS = {  # Qin et al. 2022, table 1; degrees count both ends of an edge; homophily as in Pei et al. 2020 and later
    "cora": (2_708, 3.9, 1_433, 7, 0.81),
    "citeseer": (3_327, 2.7, 3_703, 6, 0.74),
    "pubmed": (19_717, 4.5, 500, 3, 0.80),
    "cs": (18_333, 8.9, 6_805, 15, 0.81),
    "physics": (34_493, 14.4, 8_415, 5, 0.93),
    "photo": (7_650, 31.1, 745, 8, 0.83),
    "computers": (13_752, 35.8, 767, 10, 0.78),
    "arxiv": (169_343, 13.7, 128, 40, 0.66),
}


def _graph_task(dataset: str) -> _Entry:
    unit = "ROC-AUC" if dataset == "proteins" else "accuracy"
    note = f"NAS-Bench-Graph on {dataset}: {unit} as a fraction, latency in seconds, parameters in millions"
    find = partial(find_nas_bench_graph, dataset)
    features = dict(zip(_GRAPH_FEATURES, _GRAPHS[dataset], strict=True)) if dataset in _GRAPHS else {}
    reader, side = "nas_bench_graph:read_nas_bench_graph", ("latency", "params_m")
    return _Entry(note, reader, "valid_perf", "perf", side, find, task_features=features)


def _analog_task(metric: str, what: str, analog: float, quantised: float) -> _Entry:
    note = f"AnalogNAS-Bench: CIFAR-10 accuracy of NAS-Bench-201's cells in percent, {what}"
    features = {"analog": analog, "quantised": quantised}
    reader = "analog_nasbench:read_analog_nasbench"
    return _Entry(note, reader, metric, metric, (), find_analog_nasbench, task_features=features)


def _cell_task(note: str, search: str, report: str, *more_files: str) -> _Entry:
    side, files = ("params_m", "flops_m_computed"), ("nasbench201.csv.gz", *more_files)
    features = {"images": 50_000, "classes": 10 if search.startswith("cifar10_") else 100}
    return _Entry(
        f"NAS-Bench-201: {note}",
        "nasbench201:read_nasbench201",
        search,
        report,
        side,
        files=files,
        task_features=features,
        hint=_IMPORT,
    )


_TASKS: dict[str, _Entry] = {
    **{f"nas_bench_graph/{dataset}": _graph_task(dataset) for dataset in DATASETS},
    "analog_nasbench/digital": _analog_task("baseline_accuracy", "trained and run digitally", 0, 0),
    "analog_nasbench/ptq": _analog_task("ptq_accuracy", "quantised after training", 0, 1),
    "analog_nasbench/qat": _analog_task("qat_accuracy", "trained for quantisation", 0, 1),
    "analog_nasbench/noisy": _analog_task("noisy_accuracy", "trained digitally, run on noisy analog hardware", 1, 0),
    "analog_nasbench/analog": _analog_task("analog_accuracy", "trained for and run on analog hardware", 1, 0),
    "nasbench201/cifar10": _cell_task(
        "CIFAR-10 test accuracy after 200 epochs in percent, as published counts search it",
        "cifar10_test_acc",
        "cifar10_test_acc",
    ),
    "nasbench201/cifar10_12ep": _cell_task(
        "CIFAR-10 in percent, searched on validation after 12 epochs, reported on test after 200",
        "cifar10_val_acc_12ep",
        "cifar10_test_acc",
        "nasbench201_hp12.csv.gz",
    ),
    "nasbench201/cifar100": _cell_task(
        "CIFAR-100 after 200 epochs in percent, searched on (derived) validation, reported on test",
        "cifar100_val_acc_derived",
        "cifar100_test_acc",
    ),
    "nasbench201/cifar100_test": _cell_task(
        "CIFAR-100 test accuracy after 200 epochs in percent, as published counts search it",
        "cifar100_test_acc",
        "cifar100_test_acc",
    ),
    "nasbench101/cifar10": _Entry(
        "NAS-Bench-101: CIFAR-10 test accuracy after 108 epochs as a fraction, mean of 3 runs",
        "nasbench101:read_nasbench101",
        "cifar10_test_acc_108ep_mean3",
        "cifar10_test_acc_108ep_mean3",
        ("params_m",),
        files=("nasbench101.npz",),
        hint=_IMPORT,
    ),
    "tpu_tiles/runtime": _Entry(
        "TPU tile graphs: runtime of a tensor program over a reference, mean of its compiler configurations; lower is better",
        "tpu_tiles:read_tpu_tiles",
        "runtime",
        "runtime",
        files=("tpu_tile_dags.npz",),
        maximise=False,
    ),
}


_SPACES = {"analog_nasbench": "nasbench201"}
"""Beginning of tasks' names -> their space, where it has another name."""


def task_names() -> list[str]:
    """Names of the built-in tasks, whether their data is at hand or not.

    Example:
        >>> from nag.tasks import task_names
        >>> "nasbench201/cifar10" in task_names()
        True
    """
    return list(_TASKS)


def space_of(name: str) -> str:
    """Name of the search space of a built-in task."""
    family = name.partition("/")[0]
    return _SPACES.get(family, family)


def packaged_metrics(name: str) -> tuple[str, ...] | None:
    """Search metric and secondary metrics of a task whose table is packaged; None for another: its table may hold more."""
    entry = _TASKS[name]
    return None if entry.find is None else (entry.search, *entry.side)


def list_tasks(data_dir: str | Path | None = None) -> dict[str, str]:
    """Name of each built-in task -> one line about it, which says so where its data is not at hand.

    Args:
        data_dir: Folder of the tables that are not packaged; the environment variable NAG_DATA_DIR if None.

    Example:
        >>> from nag.tasks import list_tasks
        >>> list_tasks()["nas_bench_graph/cora"]
        'NAS-Bench-Graph on cora: accuracy as a fraction, latency in seconds, parameters in millions (available)'
    """
    return {name: _describe(entry, data_dir) for name, entry in _TASKS.items()}


def _describe(entry: _Entry, data_dir: str | Path | None) -> str:
    try:
        entry.locate(data_dir)
    except MissingData as error:
        return f"{entry.note} (not available: {error.what})"
    return f"{entry.note} (available)"


def load_task(name_or_path: str | Path, data_dir: str | Path | None = None) -> Task:
    """Loads a task; its table is read once in a process.

    Args:
        name_or_path: Name of a built-in task, or the path of a user's YAML file (see `nag.tasks.task_file`).
        data_dir: Folder of the tables that are not packaged; the environment variable NAG_DATA_DIR if None.

    Raises:
        InvalidRequest: No such task.
        MissingData: Its data is not at hand.
        DamagedFile: Its data is not what it should be.
        InvalidSpace: A user's task names no search space.

    Example:
        >>> from nag.tasks import load_task
        >>> task = load_task("nas_bench_graph/cora")
        >>> len(task.table), task.secondary_metrics
        (26206, ('latency', 'params_m'))
    """
    from nag.tasks.metric import Metric
    from nag.tasks.task import Task

    name = str(name_or_path)
    if is_task_file(name):
        return read_task_file(Path(name))
    if name not in _TASKS:
        raise InvalidRequest(f"unknown task '{name}'", did_you_mean(name, _TASKS))
    entry = _TASKS[name]
    table = entry.read(entry.locate(data_dir))
    note = "; ".join([entry.note, *table.notes])
    latencies = tuple(metric for metric in table.metrics if metric.endswith("_ms"))
    secondary = tuple(Metric(metric, maximise=False) for metric in (*entry.side, *latencies))
    return Task(table.space, table, entry.search, entry.report, entry.maximise, secondary, name, note, entry.task_features)
