"""The pages of the documentation that are made from the results and from the source."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

from nag.suites.results.outdated import MARK, fixes_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted((DOCS / "pages").rglob("*.md"))
SUITES = sorted(path.stem for path in (DOCS / "results").glob("*.json"))
COLUMNS = {"suite", "space", "task", "method", "setting", "metric", "mean", "std", "seeds", "labels", "cpu_seconds"}


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))


def test_results_are_lists_of_rows():
    assert SUITES
    for suite in SUITES:
        content = json.loads((DOCS / "results" / f"{suite}.json").read_text())
        rows = content["rows"] if isinstance(content, dict) else content  # that of a GPU has device and steps beside them
        assert rows
        assert all(set(row) - {"version"} == COLUMNS for row in rows)


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_has_a_page_with_a_figure_before_its_tables_and_all_its_numbers(suite):
    from nag_docs.markers import markers_of

    kinds = [kind for kind, _ in markers_of(DOCS / "pages" / "results" / f"{suite}.md")]
    assert kinds[0] == "figure"
    assert kinds[-1] == "numbers"
    assert set(kinds[1:-1]) <= {"table"}


@pytest.mark.parametrize("suite", SUITES)
def test_tables_and_figures_show_numbers_of_the_results_and_which_version_measured_them(suite):
    from nag_docs.markers import expand, markers_of
    from nag_docs.values import rows, version_of

    path = DOCS / "pages" / "results" / f"{suite}.md"
    page, tables = expand(path.read_text()), [name for kind, name in markers_of(path) if kind == "table"]
    assert "{{" not in page
    assert "<svg" in page
    assert "nan" not in re.findall(r"\|\s*(\w+)\s*(?=\|)", page)
    notes = re.findall(r"\|\n\nMeasured with nag ([\d.]*\d)", page)
    assert len(notes) == len(tables)
    assert set(notes) <= set(map(version_of, rows(suite)))


def test_numbers_that_a_later_version_would_not_give_are_marked():
    from nag_docs.tables.searches import search
    from nag_docs.values import Values

    found = Values("search")
    lines = [line.strip("| ").split(" | ") for line in search().splitlines()[2:]]
    assert lines
    for task, setting, method, _, _, _, at_10, *_ in lines:
        row = found.row("regret_10", task=task, setting=setting, method=method)
        assert (MARK in at_10) == bool(fixes_of([row])), (task, method)


def test_the_line_below_a_table_says_what_has_changed():
    from nag_docs.versions import measured_with

    new = {"suite": "guidance", "method": "particles", "metric": "percentile_mean", "version": "0.1.1"}
    old = {name: value for name, value in new.items() if name != "version"}  # as rows of 0.1.0 are
    assert measured_with([new]) == "Measured with nag 0.1.1."
    assert measured_with([old]).startswith("Measured with nag 0.1.0. **Outdated:** later versions give other numbers: ")
    both = measured_with([old, new])
    assert "0.1.0 (1 number) and 0.1.1 (1 number). **Outdated:** later versions give other numbers than those with †" in both
    assert "one population" in both


@pytest.mark.parametrize("suite", [suite for suite in SUITES if suite != "gpu"])
def test_the_written_tables_are_those_of_the_rows(suite):
    from nag.suites.results.rows import read_rows

    spec = importlib.util.spec_from_file_location("results_pages", ROOT / "scripts" / "results_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (DOCS / "results" / f"{suite}.md").read_text()
    assert text == module.page_of(suite), "run: python scripts/results_pages.py"
    outdated = bool(fixes_of(map(vars, read_rows(DOCS / "results" / f"{suite}.json", suite))))
    assert (f"{MARK} A later version gives other numbers" in text) == outdated


def test_no_result_is_written_by_hand():
    for page in (DOCS / "pages" / "results").glob("*.md"):
        assert "|---|---|---" not in page.read_text(), page


def test_every_page_is_in_the_navigation():
    nav = (DOCS / "mkdocs.yml").read_text()
    assert all(path.relative_to(DOCS / "pages").as_posix() in nav for path in PAGES)


def test_the_layers_of_the_picture_are_those_that_are_enforced():
    from nag_docs.layers import imports, layers, picture_of_layers

    layer_of = {package: layer for layer, packages in layers().items() for package in packages}
    assert set(layer_of) == {path.parent.name for path in (ROOT / "nag").glob("*/__init__.py")}
    assert all(layer_of[source] >= layer_of[target] for source, target in imports() if {source, target} <= set(layer_of))
    assert picture_of_layers().count("<rect") == len(layer_of) + 1


def test_public_packages_have_a_page_of_the_api():
    from nag_docs.api import api_pages

    assert "api/nag.spaces.md" in api_pages()
    assert sys.modules["nag_docs.api"].PACKAGE == ROOT / "nag"


def test_the_places_where_to_add_what_exist():
    table = (DOCS / "pages" / "architecture.md").read_text().partition("## Where do I add X?")[2]
    rows = [line for line in table.splitlines() if line.startswith("| a") and "`" in line]
    assert len(rows) > 15
    for path in re.findall(r"`([\w/]+/)`", "\n".join(rows)):
        assert (ROOT / path).is_dir(), path
    for name in set(re.findall(r"`(nag(?:\.\w+)+)`", "\n".join(rows))):
        package, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(package), attribute), name


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) < 200
    assert len(text.encode()) < 10_000


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=lambda page: page.name
)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    assert all((ROOT / link).exists() for link in links if not link.startswith("http")), links


@pytest.mark.parametrize("name", ["numbers.svg", "generated.svg"])
def test_the_figures_of_the_readme_are_made_from_the_results(name):
    spec = importlib.util.spec_from_file_location("readme_figures", ROOT / "scripts" / "readme_figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shown, made = (
        re.findall(r">([^<>]+)</text>", text) for text in ((DOCS / "images" / name).read_text(), module.FIGURES[name]())
    )
    assert shown == made, "run: python scripts/readme_figures.py"
