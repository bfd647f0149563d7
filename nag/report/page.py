"""Stage: one self-contained HTML page about any set of runs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from nag import __version__
from nag.core.errors import InvalidRequest
from nag.core.files import write_text
from nag.report.cards import drawing_sections
from nag.report.figures import COLOURS
from nag.report.rows import read_samples
from nag.report.runs import find_runs
from nag.report.searches import search_sections
from nag.report.sections import model_sections, truth_sections
from nag.report.text import describe, format_value
from nag.report.tiles import tiles
from nag.report.trainings import training_sections

__all__ = ["write_report"]

_DRAW_FIGURES = """
const options = {
  responsive: true,
  displaylogo: false,
  plotlyServerURL: "",
  modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
};
for (const holder of document.querySelectorAll("div.plot")) {
  const figure = JSON.parse(document.getElementById(holder.dataset.source).textContent);
  Plotly.newPlot(holder, figure.data, figure.layout, options);
}
"""


def write_report(runs: Sequence[Path], path: Path, title: str) -> Path:
    """Writes the report of some runs as one HTML file that needs no network.

    Run folders count as untrusted: all of their text is escaped, and the page's content security policy lets no other
    script run than the page's own two.

    Args:
        runs: Run folders; a folder also stands for the runs right inside it.
        path: The file to write.
        title: Heading of the page.

    Returns:
        `path`.

    Raises:
        InvalidRequest: There is no run.
        MissingData: A folder is absent or holds no run, or a run lacks one of its files.
        DamagedFile: A file is not what it should be.
    """
    if not runs:
        raise InvalidRequest("there is no run to report on", "Name at least one run folder.")
    found = find_runs(runs)
    samples = {run.path: read_samples(run) for run in found if run.command in {"sample", "evaluate"}}
    sections = [
        *truth_sections(found, samples),
        *drawing_sections(found, samples),
        *search_sections(found),
        *training_sections(found),
        *model_sections(found),
    ]
    scripts = [get_plotlyjs(), _DRAW_FIGURES] if any(section.figures for section in sections) else []
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["value"] = format_value
    template = resources.files("nag.report").joinpath("report.html").read_text(encoding="utf-8")
    content = environment.from_string(template).render(
        title=title,
        version=__version__,
        runs=found,
        summary=[(run, describe(run)) for run in found],
        tiles=tiles(found),
        sections=sections,
        colours=COLOURS,
        scripts=[Markup(script) for script in scripts],
        script_policy=" ".join(map(_allowance, scripts)) or "'none'",
    )
    write_text(path, content)
    return path


def _allowance(script: str) -> str:
    """What lets exactly this script run under the page's content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
