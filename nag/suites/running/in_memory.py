"""Computation of a suite in Python, without a run folder; its rows and tables are an object."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nag.suites.results.markdown import results_page
from nag.suites.results.rows import Row, aggregate
from nag.suites.running.benchmark import Selection
from nag.suites.running.cells import CellResult
from nag.suites.running.hardware import hardware
from nag.suites.running.pool import run_cells
from nag.suites.suite import Suite, SuiteOptions
from nag.tracking import terminal_progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SuiteResults", "run_suite"]


@dataclass(frozen=True)
class SuiteResults:
    """Results of the cells of a suite.

    Args:
        suite: The suite.
        cells: The result of each cell, in the order of the cells.

    Example:
        >>> from nag.suites import CellResult, Measurement, SuiteResults
        >>> from nag.suites.store import StoreSuite
        >>> found = Measurement("", "store", "sqlite", "rows=100", "look_up_seconds", 0.5)
        >>> cell = CellResult("look_ups.seed0", 0, "00ff", "one CPU", 0.1, (found,))
        >>> SuiteResults(StoreSuite(10, 1, 100, 5), (cell,)).rows[0].mean
        0.5
    """

    suite: Suite
    cells: tuple[CellResult, ...]

    @cached_property
    def rows(self) -> list[Row]:
        """Mean and standard deviation over the seeds, as in `results.json`."""
        return aggregate(self.suite.name, self.cells, self.suite.medians)

    def to_pandas(self) -> pd.DataFrame:
        """A data frame of the rows."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.rows])

    def to_markdown(self) -> str:
        """The tables, as in `results.md`."""
        return results_page(self.suite.title, {}, self.suite.protocol, self.suite.tables, self.rows)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def run_suite(
    suite: Suite, options: SuiteOptions | None = None, *, only: Sequence[str] = (), jobs: int = 1, progress: bool = True
) -> SuiteResults:
    """Computes a suite in a temporary folder; `nag benchmark` stores each cell and can be resumed.

    Args:
        suite: The suite.
        options: Preset, seeds and device; all seeds of the suite on the CPU if None.
        only: Parts of keys; a cell is computed if its key contains one of them. All cells if empty.
        jobs: Number of processes.
        progress: Whether to show a bar on a terminal.

    Raises:
        InvalidRequest: No cell is chosen.
        NagError: Cells failed because of a user error.

    Example:
        >>> import nag
        >>> from nag.suites.store import StoreSuite
        >>> results = nag.run_suite(StoreSuite(10, 1, 100, 5), only=["look_ups"], progress=False)
        >>> [row.mean for row in results.rows if row.metric == "look_ups"], len(results.to_pandas())
        ([5.0], 7)
    """
    options = SuiteOptions() if options is None else options
    selection = Selection.of(suite, options, only)
    found: dict[str, CellResult] = {}

    def finished(result: CellResult) -> None:
        found[result.key] = result

    machine = hardware(options.device, 1)
    with tempfile.TemporaryDirectory() as folder:
        run_cells(selection.chosen, Path(folder), jobs, terminal_progress(progress), machine, finished=finished)
    return SuiteResults(suite, tuple(selection.ordered(found)))
