"""One self-contained HTML page about any set of runs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from nag import __version__
from nag.core.errors import InvalidRequest
from nag.core.files import write_text
from nag.report.bundle import plotly_bundle
from nag.report.cards import drawing_sections
from nag.report.figures import COLOURS
from nag.report.headline import Headline, headline_of, without_hero
from nag.report.histories import Search, read_search
from nag.report.rows import read_samples
from nag.report.runs import Run, find_runs
from nag.report.searches import comparison_section, search_section
from nag.report.sections import Samples, Section, model_sections, truth_sections
from nag.report.studies import searches_of_studies
from nag.report.text import describe, format_value
from nag.report.tiles import tiles
from nag.report.trainings import training_sections
from nag.search import Study

__all__ = ["page_of_runs", "write_report"]


def write_report(runs: Study | Mapping[str, Study] | Sequence[str | Path], path: str | Path, title: str = "nag report") -> Path:
    """Writes the report of some runs or studies as one HTML file that needs no network.

    Run folders count as untrusted: all of their text is escaped, and the page's content security policy lets no other
    script run than the page's own two.

    Args:
        runs: Run folders, where a folder also stands for the runs right inside it; or a study; or several to compare, such as
            `{"random": study_a, "evolution": study_b}`.
        path: The file to write.
        title: Heading of the page.

    Returns:
        `path`.

    Raises:
        InvalidRequest: There is no run.
        MissingData: A folder is absent or holds no run, or a run lacks one of its files.
        DamagedFile: A file is not what it should be.

    Example:
        >>> import nag
        >>> def size(architecture):
        ...     return len(architecture.edges)
        >>> study = nag.search(size, nag.load_space("nas_bench_graph"), budget=4, strategy=nag.search.RandomSearch)
        >>> nag.write_report(study, "report.html").name
        'report.html'
        >>> nag.write_report(["runs/search"], "report.html", title="My search")
        Traceback (most recent call last):
            ...
        nag.core.errors.MissingData: run folder 'runs/search' does not exist. Check the path.
    """
    if not runs:
        raise InvalidRequest("there is no run to report on", "Name at least one run folder, or pass a study with queries.")
    if isinstance(runs, Study | Mapping):
        searches = searches_of_studies({"search": runs} if isinstance(runs, Study) else runs)
        page = _page(title, [search.run for search in searches], {}, searches)
    else:
        page = page_of_runs([Path(run) for run in runs], title)
    write_text(Path(path), page)
    return Path(path)


def page_of_runs(runs: Sequence[Path], title: str) -> str:
    """The page of some run folders; arguments and errors are those of `write_report`."""
    found = find_runs(runs)
    samples = {run.path: read_samples(run) for run in found if run.command in {"sample", "evaluate"}}
    return _page(title, found, samples, [read_search(run, found) for run in found if run.command == "search"])


def _page(title: str, found: Sequence[Run], samples: Samples, searches: Sequence[Search]) -> str:
    """The page of runs that were read."""
    sections = [
        *_search_sections(searches, found),
        *truth_sections(found, samples),
        *drawing_sections(found, samples),
        *training_sections(found),
        *model_sections(found),
    ]
    headline = headline_of(found, samples, searches, sections)
    hero = None if headline is None else headline.figure
    return _rendered(title, found, headline, without_hero(sections, hero))


def _rendered(title: str, runs: Sequence[Run], headline: Headline | None, sections: Sequence[Section]) -> str:
    """The page."""
    scripts = _scripts(sections, headline is not None and headline.figure is not None)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["value"] = format_value
    return environment.from_string(_packaged("report.html")).render(
        title=title,
        style=Markup(_packaged("report.css")),
        headline=headline,
        version=__version__,
        runs=runs,
        summary=[(run, describe(run)) for run in runs],
        tiles=tiles(runs),
        sections=sections,
        colours=COLOURS,
        scripts=[Markup(script) for script in scripts],
        script_policy=" ".join(map(_allowance, scripts)) or "'none'",
    )


def _search_sections(searches: Sequence[Search], runs: Sequence[Run]) -> list[Section]:
    """One comparison for each task and search metric, and one section a search; the head shows the first task's progress."""
    leads = not any(run.command == "quickstart" for run in runs)
    subjects = list(dict.fromkeys((search.run.text("task"), search.metric) for search in searches))
    groups = [[search for search in searches if (search.run.text("task"), search.metric) == subject] for subject in subjects]
    compared = [comparison_section(group, progress=not leads or place > 0) for place, group in enumerate(groups)]
    return [*compared, *(search_section(search, len(searches)) for search in searches)]


def _scripts(sections: Sequence[Section], hero: bool) -> list[str]:
    """The scripts that the page needs."""
    figures = hero or any(section.figures for section in sections)
    tables = any(section.sortable for section in sections)
    return [*([plotly_bundle()] if figures else []), *([_packaged("report.js")] if figures or tables else [])]


def _packaged(name: str) -> str:
    return resources.files("nag.report").joinpath(name).read_text(encoding="utf-8")


def _allowance(script: str) -> str:
    """What lets exactly this script run under the page's content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
