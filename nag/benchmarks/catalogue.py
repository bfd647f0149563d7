"""The tasks that nag knows by name, and how each is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nag.benchmarks.analog_nasbench import find_analog_nasbench, read_analog_nasbench
from nag.benchmarks.files import find_data_dir
from nag.benchmarks.nas_bench_graph import DATASETS, find_nas_bench_graph, read_nas_bench_graph
from nag.benchmarks.nasbench101 import read_nasbench101
from nag.benchmarks.nasbench201 import read_nasbench201
from nag.benchmarks.table import BenchmarkTable
from nag.benchmarks.task import Task
from nag.benchmarks.task_file import is_task_file, read_task_file
from nag.benchmarks.tpu_tiles import read_tpu_tiles
from nag.errors import InvalidRequest, MissingData, did_you_mean

__all__ = ["list_tasks", "load_task"]


@dataclass(frozen=True)
class _Entry:
    """A task before its table is read.

    Args:
        note: Units and source, one line.
        read: Reads the table from a file (of a package) or from the data folder.
        search: Search metric.
        report: Report metric.
        side: Side metrics; all `*_ms` columns of the table follow them.
        find: Locates the package's file; None where the table lies in the data folder.
        files: What the data folder must hold.
        maximise: Whether more is better in both metrics.
    """

    note: str
    read: Callable[[Path], BenchmarkTable]
    search: str
    report: str
    side: tuple[str, ...] = ()
    find: Callable[[], Path] | None = None
    files: tuple[str, ...] = ()
    maximise: bool = True

    def locate(self, data_dir: str | Path | None) -> Path:
        """The file or folder to read; raises `MissingData` where it is not there."""
        if self.find is not None:
            return self.find()
        folder = find_data_dir(data_dir)
        for name in self.files:
            if not (folder / name).is_file():
                raise MissingData(f"the data folder holds no {name}", "Put it there, or set data_dir or NAG_DATA_DIR.")
        return folder


def _graph_task(dataset: str) -> _Entry:
    unit = "ROC-AUC" if dataset == "proteins" else "accuracy"
    note = f"NAS-Bench-Graph on {dataset}: {unit} as a fraction, latency in seconds, parameters in millions"
    find = partial(find_nas_bench_graph, dataset)
    return _Entry(note, read_nas_bench_graph, "valid_perf", "perf", ("latency", "params_m"), find)


def _analog_task(metric: str, what: str) -> _Entry:
    note = f"AnalogNAS-Bench: CIFAR-10 accuracy of NAS-Bench-201's cells in percent, {what}"
    return _Entry(note, read_analog_nasbench, metric, metric, (), find_analog_nasbench)


def _cell_task(note: str, search: str, report: str, *more_files: str) -> _Entry:
    side, files = ("params_m", "flops_m_computed"), ("nasbench201.csv.gz", *more_files)
    return _Entry(f"NAS-Bench-201: {note}", read_nasbench201, search, report, side, files=files)


_TASKS: dict[str, _Entry] = {
    **{f"nas_bench_graph/{dataset}": _graph_task(dataset) for dataset in DATASETS},
    "analog_nasbench/digital": _analog_task("baseline_accuracy", "trained and run digitally"),
    "analog_nasbench/ptq": _analog_task("ptq_accuracy", "quantised after training"),
    "analog_nasbench/qat": _analog_task("qat_accuracy", "trained for quantisation"),
    "analog_nasbench/noisy": _analog_task("noisy_accuracy", "trained digitally, run on noisy analog hardware"),
    "analog_nasbench/analog": _analog_task("analog_accuracy", "trained for and run on analog hardware"),
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
        read_nasbench101,
        "cifar10_test_acc_108ep_mean3",
        "cifar10_test_acc_108ep_mean3",
        ("params_m",),
        files=("nasbench101.npz",),
    ),
    "tpu_tiles/runtime": _Entry(
        "TPU tile graphs: runtime of a tensor program over a reference, mean of its compiler configurations; lower is better",
        read_tpu_tiles,
        "runtime",
        "runtime",
        files=("tpu_tile_dags.npz",),
        maximise=False,
    ),
}


def list_tasks(data_dir: str | Path | None = None) -> dict[str, str]:
    """Name of each built-in task -> one line about it, which says so where its data is not at hand.

    Args:
        data_dir: Folder of the tables that are not packaged; the environment variable NAG_DATA_DIR if None.
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
        name_or_path: Name of a built-in task, or the path of a user's YAML file (see `nag.benchmarks.task_file`).
        data_dir: Folder of the tables that are not packaged; the environment variable NAG_DATA_DIR if None.

    Raises:
        InvalidRequest: No such task.
        MissingData: Its data is not at hand.
        DamagedFile: Its data is not what it should be.
        InvalidSpace: A user's task names no search space.
    """
    name = str(name_or_path)
    if is_task_file(name):
        return read_task_file(Path(name))
    if name not in _TASKS:
        raise InvalidRequest(f"unknown task '{name}'", did_you_mean(name, _TASKS))
    entry = _TASKS[name]
    table = entry.read(entry.locate(data_dir))
    latencies = tuple(metric for metric in table.metrics if metric.endswith("_ms"))
    return Task(name, table, entry.search, entry.report, entry.maximise, (*entry.side, *latencies), entry.note)
