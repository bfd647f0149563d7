"""Writes the tables of docs/results/SUITE.md anew from the rows in SUITE.json; the facts at the head stay as they are.

Run in the repository: python scripts/results_pages.py [SUITE ...]. A test compares.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from nag.cli.commands import COMMANDS
from nag.cli.composition import compose_options
from nag.cli.targets import build
from nag.suites.results.markdown import results_page
from nag.suites.results.rows import read_rows

RESULTS = Path(__file__).parents[1] / "docs" / "results"


def shipped() -> list[str]:
    """The suites whose results are shown; that of the GPU check is written by its own script."""
    return sorted(path.stem for path in RESULTS.glob("*.json") if path.stem != "gpu")


def page_of(name: str) -> str:
    """The page of a suite, as `nag benchmark` would write it with its rows."""
    cfg, _ = compose_options("benchmark", COMMANDS["benchmark"], [f"suite={name}", "preset=full"])
    suite = build(cfg.suite)
    facts = re.findall(r"^- ([\w ]+): (.*)$", (RESULTS / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE)
    return results_page(suite.title, dict(facts), suite.protocol, suite.tables, read_rows(RESULTS / f"{name}.json", name))


if __name__ == "__main__":
    for suite in sys.argv[1:] or shipped():
        (RESULTS / f"{suite}.md").write_text(page_of(suite), encoding="utf-8")
