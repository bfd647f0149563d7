"""Computes cells, sequentially or in several processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch

from nag.core.errors import InvalidRequest, NagError
from nag.suites.running.cells import Cell, CellResult, compute_cell
from nag.tracking import RunTracker

__all__ = ["run_cells"]

_Outcome = tuple[Cell, CellResult | Exception]


def run_cells(
    cells: Sequence[Cell],
    folder: Path,
    jobs: int,
    tracker: RunTracker,
    hardware: str,
    done_before: int = 0,
    finished: Callable[[CellResult], None] = lambda result: None,
) -> None:
    """Computes cells and stores each in a file as soon as it is finished, so that a kill loses only the running ones.

    A cell that fails does not stop the others.

    Args:
        cells: The cells.
        folder: Output folder of the suite.
        jobs: Number of processes; 1 computes in this process.
        tracker: Shows the progress.
        hardware: Description of the hardware.
        done_before: Number of cells finished in earlier runs.
        finished: Called after each cell, in this process.

    Raises:
        NagError: Cells failed because of a user error; raised when all others are finished.
        Exception: The first other error of a cell.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nag.suites import SuiteOptions, run_cells
        >>> from nag.suites.store import StoreSuite
        >>> from nag.tracking import NullTracker
        >>> cells = StoreSuite(10, 1, 100, 5).cells(SuiteOptions())[1:]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run_cells(cells, Path(folder), 1, NullTracker(), "one CPU", finished=lambda result: print(result.key))
        look_ups.seed0
    """
    failures: list[tuple[Cell, Exception]] = []
    outcomes = _in_turn if jobs == 1 or len(cells) < 2 else _in_parallel
    with tracker.progress(done_before + len(cells), "computing cells", "cells", initial=done_before) as progress:
        for cell, outcome in outcomes(cells, folder, jobs, hardware):
            if isinstance(outcome, Exception):
                failures.append((cell, outcome))
                progress.note(f"{cell.key} failed")
            else:
                finished(outcome)
                progress.advance(1)
                progress.note(f"{cell.key} in {outcome.cpu_seconds:.0f} CPU s")
    _tell(failures, len(cells))


def _in_turn(cells: Sequence[Cell], folder: Path, jobs: int, hardware: str) -> Iterator[_Outcome]:
    for cell in cells:
        try:
            yield cell, compute_cell(cell, folder, hardware)
        except Exception as error:  # reported when the others are finished
            yield cell, error


def _in_parallel(cells: Sequence[Cell], folder: Path, jobs: int, hardware: str) -> Iterator[_Outcome]:
    context = multiprocessing.get_context("spawn")  # forked threads of torch hang
    pool = ProcessPoolExecutor(min(jobs, len(cells)), context, _prepare_worker)
    try:
        waiting = {pool.submit(compute_cell, cell, folder, hardware): cell for cell in cells}
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error  # an interrupt
                yield waiting.pop(future), error or future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare_worker() -> None:
    """Limits the process to one thread, and ends it when its parent is killed."""
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _tell(failures: Sequence[tuple[Cell, Exception]], count: int) -> None:
    for _, error in failures:
        if isinstance(error, BrokenProcessPool):
            raise InvalidRequest("a process that computed a cell was killed", "Use fewer jobs, and run the same command again.")
        if not isinstance(error, NagError):
            raise error
    if failures:
        cell, error = failures[0]
        assert isinstance(error, NagError)
        raise InvalidRequest(f"{len(failures)} of {count} cells failed, among them {cell.key}: {error.what}", error.hint)
