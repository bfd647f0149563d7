"""A suite computed from Python, without a run folder: its rows and tables are an object."""

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
        cells: One result a cell, in the order of the cells.

    Example:
        >>> from nag.suites import CellResult, Measurement, Suite, SuiteResults
        >>> class Answers(Suite):
        ...     name, title, protocol, tables = "answers", "Answers", "The answer is looked up.", ()
        ...     def cells(self, options):
        ...         return []
        >>> found = Measurement("nasbench201", "", "mine", "", "answer", 42.0)
        >>> SuiteResults(Answers(), (CellResult("mine.seed0", 0, "00ff", "one CPU", 0.1, (found,)),)).rows[0].mean
        42.0
    """

    suite: Suite
    cells: tuple[CellResult, ...]

    @cached_property
    def rows(self) -> list[Row]:
        """Mean and spread over the seeds, as in `results.json`."""
        return aggregate(self.suite.name, self.cells, self.suite.medians)

    def to_pandas(self) -> pd.DataFrame:
        """A data frame with one line a row."""
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
    """Computes a suite; nothing is kept on disk. For hours of cells, `nag benchmark` keeps and resumes each.

    Args:
        suite: The suite.
        options: Preset, seeds and device; all of its seeds on the CPU if None.
        only: Parts of keys; a cell is computed if its key contains one of them, or if there are none.
        jobs: Processes at a time.
        progress: Whether to show a bar on a terminal.

    Raises:
        InvalidRequest: No cell is chosen.
        NagError: Cells failed by a user's mistake.

    Example:
        >>> import nag
        >>> from nag.suites import Column, Measurement, Suite, Table
        >>> def measure(context):
        ...     return [Measurement("nasbench201", "", "mine", "", "answer", 42.0)]
        >>> class Answers(Suite):
        ...     name, title = "answers", "Answers"
        ...     tables = (Table("Answers", (Column("answer", "answer"),)),)
        ...     protocol = "The answer is looked up."
        ...     def cells(self, options):
        ...         return options.cells(2, measure, "mine")
        >>> results = nag.run_suite(Answers(), progress=False)
        >>> results.rows[0].mean, results.rows[0].seeds, len(results.to_pandas())
        (42.0, 2, 1)
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
