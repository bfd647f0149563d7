"""Benchmarks: tables of measured architectures, tasks on them, their readers, and splits."""

from nag.benchmarks.catalogue import list_tasks, load_task
from nag.benchmarks.csv_table import read_csv_table
from nag.benchmarks.curves import CurveTable, read_curve_table
from nag.benchmarks.importing import import_table
from nag.benchmarks.published import import_benchmark
from nag.benchmarks.splits import Split, split_by_class, split_random
from nag.benchmarks.table import BenchmarkTable
from nag.benchmarks.task import Task

__all__ = [
    "BenchmarkTable",
    "CurveTable",
    "Split",
    "Task",
    "import_benchmark",
    "import_table",
    "list_tasks",
    "load_task",
    "read_csv_table",
    "read_curve_table",
    "split_by_class",
    "split_random",
]
