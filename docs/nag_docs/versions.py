"""With which version of nag the numbers of a table or figure were measured, and whether a later one would give them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from nag.suites.results.outdated import MARK, fixes_of
from nag_docs.values import MADE, Row, version_of


def recorded(make: Callable[[], Any]) -> tuple[Any, list[Row]]:
    """What a function makes, and the rows of results that it showed."""
    MADE.clear()
    made = make()
    return made, list({id(row): row for values in MADE for row in values.shown}.values())


def versions_of(rows: Sequence[Row]) -> str:
    """The versions that measured some rows, in a sentence; empty for no rows."""
    counts = sorted(Counter(map(version_of, rows)).items())
    several = [f"{version} ({count} {'number' if count == 1 else 'numbers'})" for version, count in counts]
    return f"Measured with nag {' and '.join(several) if len(counts) > 1 else counts[0][0]}." if counts else ""


def measured_with(rows: Sequence[Row]) -> str:
    """The versions that measured some rows, and what has changed since that reaches them, in Markdown."""
    changed = fixes_of(rows)
    if not changed:
        return versions_of(rows)
    marked = f" than those with {MARK}" if len(set(map(version_of, rows))) > 1 else ""
    return f"{versions_of(rows)} **Outdated:** later versions give other numbers{marked}: {'; '.join(changed)}."
