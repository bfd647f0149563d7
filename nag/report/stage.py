"""Stage: the report of several runs, in a run folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nag.core.files import write_text
from nag.report.page import page_of_runs
from nag.workflows.run_folder.run import RunFolder, stage

__all__ = ["report"]


@stage
def report(run: RunFolder, runs: Sequence[Path], title: str) -> Path:
    """Writes the report of some runs; see `write_report`.

    Args:
        run: Run folder; gets `report.html`.
        runs: Folders of the runs that are reported.
        title: Heading of the page.

    Returns:
        Path of `report.html`.
    """
    page = page_of_runs(runs, title)
    run.start()
    write_text(run.output("report.html"), page)
    run.finish({"title": title, "reported": " ".join(map(str, runs)), "page_bytes": len(page.encode())})
    return run.path / "report.html"
