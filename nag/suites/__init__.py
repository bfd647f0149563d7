"""Benchmark suites: result tables that are computed cell by cell, resumably, over several seeds.

A suite is one class: its settings, its cells, the function that computes a cell, and the tables. Your own suite subclasses
`Suite` and is selected by a file `suite/<name>.yaml` with its `_target_`. Shipped suites live in separate modules, such as
`nag.suites.generation`.
"""

from nag.suites.results.rows import Row, aggregate
from nag.suites.running.benchmark import Selection, benchmark
from nag.suites.running.cells import Cell, CellResult, Measurement, cell_key, measurements
from nag.suites.running.context import CellContext
from nag.suites.running.fingerprint import plain
from nag.suites.running.hardware import hardware
from nag.suites.running.in_memory import SuiteResults, run_suite
from nag.suites.running.pool import run_cells
from nag.suites.suite import Baseline, Column, Suite, SuiteOptions, Table

__all__ = [
    "Baseline",
    "Cell",
    "CellContext",
    "CellResult",
    "Column",
    "Measurement",
    "Row",
    "Selection",
    "Suite",
    "SuiteOptions",
    "SuiteResults",
    "Table",
    "aggregate",
    "benchmark",
    "cell_key",
    "hardware",
    "measurements",
    "plain",
    "run_cells",
    "run_suite",
]
