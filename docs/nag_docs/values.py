"""The rows of `docs/results/<suite>.json`, looked up by what they are of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from nag.suites.results.outdated import MARK, fixes_of

Row = dict[str, object]
DOCS = Path(__file__).parents[1]
RESULTS = DOCS / "results"
PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"


MADE: list[Values] = []
"""All that were made since it was cleared, with the rows that they showed."""


def version_of(row: Row) -> str:
    """The version that measured a row; those of 0.1.0 do not say it."""
    return str(row.get("version", "0.1.0"))


def rows(suite: str) -> list[Row]:
    """All rows of a suite."""
    content = json.loads((RESULTS / f"{suite}.json").read_text(encoding="utf-8"))
    return content["rows"] if isinstance(content, dict) else content


def markdown(header: list[str], lines: Iterable[list[str]]) -> str:
    """A Markdown table."""
    text = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*text, *("| " + " | ".join(line) + " |" for line in lines)])


class Values:
    """The numbers of one suite.

    Where they are of several versions, those that a later version would not give have a mark.
    """

    def __init__(self, suite: str) -> None:
        self.rows, self.shown = rows(suite), list[Row]()
        self.marks = len(set(map(version_of, self.rows))) > 1
        MADE.append(self)

    def where(self, chosen: Callable[[Row], bool]) -> list[Row]:
        """Some of the rows, to be shown."""
        found = [row for row in self.rows if chosen(row)]
        self.shown += found
        return found

    def mark(self, *shown: Row) -> str:
        """The mark of numbers that a later version would not give; empty for others."""
        return MARK if self.marks and fixes_of(shown) else ""

    def keys(self, *names: str, where: Callable[[Row], bool] = lambda row: True) -> list[tuple[str, ...]]:
        """The different values of some columns, in the order of the rows."""
        return list(dict.fromkeys(tuple(str(row[name]) for name in names) for row in self.rows if where(row)))

    def row(self, metric: str, **of: str) -> Row | None:
        """The row of a metric, if it was measured."""
        matches = (row for row in self.rows if row["metric"] == metric and all(row[k] == v for k, v in of.items()))
        found = next((row for row in matches if row["mean"] is not None), None)
        self.shown += [] if found is None else [found]
        return found

    def mean(self, metric: str, **of: str) -> float:
        """The mean of a metric, or NaN."""
        row = self.row(metric, **of)
        return float("nan") if row is None else float(str(row["mean"]))

    def std(self, metric: str, **of: str) -> float:
        """The standard deviation of a metric over seeds, or 0."""
        row = self.row(metric, **of)
        return float(str(row["std"] or 0)) if row else 0.0

    def cell(self, form: str, metric: str, **of: str) -> str:
        """`mean ± std` of a metric without a break, or a dash."""
        row = self.row(metric, **of)
        if row is None:
            return "–"
        mean = f"{row['mean']:{form}}{self.mark(row)}"
        return mean + (f"{PLUS_MINUS}{row['std']:{form}}" if row["std"] else "")

    def seeds(self, **of: str) -> str:
        """The number of seeds of the first row."""
        return next((str(row["seeds"]) for row in self.rows if all(row[name] == value for name, value in of.items())), "–")

    def labels(self, **of: str) -> str:
        """The number of labels of the first row."""
        return next((f"{row['labels']:g}" for row in self.rows if all(row[name] == value for name, value in of.items())), "–")
