"""Benchmark suites: tables that are computed cell by cell, resumably, over several seeds.

A suite of one's own subclasses `Suite` and is chosen by a file `suite/<name>.yaml` with its `_target_`. Suites that ship
with the package live in modules of their own, such as `nag.workflows.suites.generation`.
"""

from nag.workflows.suites.benchmark import Selection, benchmark
from nag.workflows.suites.cells import Cell, CellResult, Measurement, cell_key
from nag.workflows.suites.fingerprint import plain
from nag.workflows.suites.hardware import hardware
from nag.workflows.suites.pool import run_cells
from nag.workflows.suites.rows import Row, aggregate
from nag.workflows.suites.suite import Baseline, Column, Suite, SuiteOptions, Table
from nag.workflows.suites.workshop import Workshop

__all__ = [
    "Baseline",
    "Cell",
    "CellResult",
    "Column",
    "Measurement",
    "Row",
    "Selection",
    "Suite",
    "SuiteOptions",
    "Table",
    "Workshop",
    "aggregate",
    "benchmark",
    "cell_key",
    "hardware",
    "plain",
    "run_cells",
]
