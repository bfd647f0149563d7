"""Stage: compute the missing cells of a suite and write its tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nag import __version__
from nag.core.documents import read_yaml
from nag.core.errors import DamagedFile, InvalidRequest, did_you_mean
from nag.core.files import write_json, write_text
from nag.suites.results.markdown import results_page
from nag.suites.results.rows import Row, aggregate, combined, count_reused, read_rows
from nag.suites.running.cells import Cell, CellResult, read_cell
from nag.suites.running.context import remove_unfinished
from nag.suites.running.pool import run_cells
from nag.suites.suite import Suite, SuiteOptions
from nag.workflows.run_folder.run import RunFolder, stage

__all__ = ["Selection", "benchmark"]


@dataclass(frozen=True)
class Selection:
    """The cells of a suite, and the subset to compute.

    Args:
        suite: The suite.
        options: Options of the run.
        cells: All cells.
        chosen: The cells to compute.

    Example:
        >>> from nag.suites import Selection, SuiteOptions
        >>> from nag.suites.store import StoreSuite
        >>> selection = Selection.of(StoreSuite(10, 1, 100, 5), SuiteOptions(), only=["look_ups"])
        >>> len(selection.cells), [cell.key for cell in selection.chosen]
        (2, ['look_ups.seed0'])
    """

    suite: Suite
    options: SuiteOptions
    cells: tuple[Cell, ...]
    chosen: tuple[Cell, ...]

    @classmethod
    def of(cls, suite: Suite, options: SuiteOptions, only: Sequence[str] = ()) -> Selection:
        """Lists the cells, so that errors are raised before any computation.

        Args:
            suite: The suite.
            options: Options of the run.
            only: Parts of keys; a cell is chosen if its key contains one of them. All cells if empty.

        Raises:
            InvalidRequest: No cell is chosen.
            NagError: A setting is invalid, or data is missing.
        """
        cells = tuple(suite.cells(options))
        keys = [cell.key for cell in cells]
        if len(set(keys)) < len(keys):
            raise ValueError(f"suite {suite.name} has two cells with the same key")
        unknown = next((part for part in only if not any(part in key for key in keys)), None)
        if unknown is not None or not cells:
            words = {word for key in keys for word in key.split(".")}
            raise InvalidRequest(f"no cell of suite {suite.name} has '{unknown}' in its key", did_you_mean(str(unknown), words))
        chosen = tuple(cell for cell in cells if not only or any(part in cell.key for part in only))
        return cls(suite, options, cells, chosen)

    def ordered(self, results: Mapping[str, CellResult]) -> list[CellResult]:
        """The results, in the order of the cells."""
        return [results[cell.key] for cell in self.cells if cell.key in results]


@stage
def benchmark(
    run: RunFolder,
    selection: Selection,
    jobs: int,
    hardware: str,
    command: str,
    warn: Callable[[str], None],
    earlier: Path | None = None,
) -> Path:
    """Computes the chosen cells that are missing in the folder; the tables show all cells of the folder.

    Args:
        run: Run folder; gets `results.json`, `results.md` and, for each cell, `cells/<key>.json`.
        selection: The cells of a suite.
        jobs: Number of processes.
        hardware: Description of the hardware.
        command: The equivalent command line.
        warn: Called with one line for each cell file that cannot be used.
        earlier: An earlier `results.json`: its rows that no cell of the folder replaces are shown too, each with the version
            that measured it.

    Returns:
        Path of `results.md`.

    Raises:
        InvalidRequest: The folder holds another suite or preset.
        NagError: Cells failed because of a user error; the tables hold the others.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nag.suites import Selection, SuiteOptions, benchmark
        >>> from nag.suites.store import StoreSuite
        >>> from nag.tracking import NullTracker
        >>> from nag.workflows.run_folder.run import RunFolder
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = RunFolder(Path(folder), "benchmark", 0, "cpu", {}, NullTracker())
        ...     chosen = Selection.of(StoreSuite(10, 1, 100, 5), SuiteOptions(), only=["look_ups"])
        ...     page = benchmark(run, chosen, 1, "one CPU", "nag benchmark", print)
        ...     print("look-ups" in page.read_text())
        True
    """
    _check_folder(run)
    page = _Page(run.path, selection, command, [] if earlier is None else read_rows(earlier, selection.suite.name))
    run.start()
    results = _read_finished(selection.cells, run.path, warn)
    reused = frozenset(results)
    missing = [cell for cell in selection.chosen if cell.key not in results]
    page.write(results)

    def finished(result: CellResult) -> None:
        results[result.key] = result
        page.write(results)

    run_cells(missing, run.path, jobs, run.tracker, hardware, len(selection.chosen) - len(missing), finished)
    rows = page.write(results)
    if len(results) == len(selection.cells):
        remove_unfinished(run.path)
    run.finish(_summary(selection, results, reused, len(rows)))
    return run.path / "results.md"


def _summary(
    selection: Selection, results: Mapping[str, CellResult], reused: Collection[str], rows: int
) -> dict[str, str | float]:
    """Entries of `metrics.json`."""
    return {
        "suite": selection.suite.name,
        "preset": selection.options.preset,
        "cells": len(selection.cells),
        "cells_finished": len(results),
        "cells_reused": len(reused),
        "cells_cpu_seconds": round(sum(result.cpu_seconds for result in results.values()), 3),
        "rows_written": rows,
        "rows_reused": count_reused(selection.ordered(results), reused),
    }


@dataclass(frozen=True)
class _Page:
    """Writes `results.json` and `results.md` after every cell."""

    folder: Path
    selection: Selection
    command: str
    earlier: Sequence[Row]

    def write(self, results: Mapping[str, CellResult]) -> list[Row]:
        suite, ordered = self.selection.suite, self.selection.ordered(results)
        rows = combined(self.earlier, aggregate(suite.name, ordered, suite.medians))
        write_json(self.folder / "results.json", [asdict(row) for row in rows])
        text = results_page(suite.title, self._header(ordered, rows), suite.protocol, suite.tables, rows)
        write_text(self.folder / "results.md", text)
        return rows

    def _header(self, results: Sequence[CellResult], rows: Sequence[Row]) -> dict[str, str]:
        kept = sum(row.version != __version__ for row in rows)
        earlier = {"earlier rows": f"{kept} of {len(rows)}, each with the version that measured it"} if kept else {}
        seeds = sorted({result.seed for result in results})
        cpu = sum(result.cpu_seconds for result in results)
        return {
            "command": f"`{self.command}`",
            "version": f"nag {__version__}",
            "hardware": "; ".join(dict.fromkeys(result.hardware for result in results)) or "–",
            "seeds": ", ".join(map(str, seeds)) or "–",
            "cells": f"{len(results)} of {len(self.selection.cells)} computed, {cpu / 3600:.2f} CPU-hours, "
            "shared models counted for each",
            **earlier,
        }


def _check_folder(run: RunFolder) -> None:
    """Raises `InvalidRequest` if the folder holds cells of another suite or preset."""
    path = run.path / "config.yaml"
    if not path.is_file() or not (run.path / "cells").is_dir():
        return
    try:
        old = read_yaml(path)
    except DamagedFile:
        old = None
    if isinstance(old, dict) and [_target(old), old.get("preset")] != [_target(run.config), run.config.get("preset")]:
        raise InvalidRequest(f"'{run.path}' holds another suite or preset", "Choose another out_dir.")


def _target(config: Mapping[str, Any]) -> Any:
    suite = config.get("suite")
    return suite.get("_target_") if isinstance(suite, Mapping) else suite


def _read_finished(cells: Sequence[Cell], folder: Path, warn: Callable[[str], None]) -> dict[str, CellResult]:
    results = {}
    for cell in cells:
        try:
            result = read_cell(cell, folder)
        except DamagedFile as error:
            warn(f"{error.what}; cell {cell.key} will be computed again")
            continue
        if result is not None:
            results[cell.key] = result
    return results
