"""Pages of the shipped suites: title, protocol and tables are text in YAML files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import starmap
from pathlib import Path
from typing import Any

import yaml

from nag.suites.suite import Baseline, Column, Suite, Table

__all__ = ["PagedSuite"]

_FOLDER = Path(__file__).with_name("pages")


@dataclass(frozen=True)
class _Page:
    """Content of `pages/<name>.yaml`; the protocol has placeholders."""

    title: str
    protocol: str
    tables: tuple[Table, ...]


@cache
def _read(name: str) -> _Page:
    content = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return _Page(content["title"], content["protocol"].replace("\n", "\n\n"), tuple(starmap(_table, content["tables"].items())))


def _table(title: str, content: Mapping[str, Any]) -> Table:
    columns = (Column(metric, *([text] if isinstance(text, str) else text)) for metric, text in content["columns"].items())
    baselines = starmap(Baseline, content.get("baselines", {}).items())
    return Table(title, tuple(columns), tuple(content.get("settings", ["*"])), tuple(baselines))


class PagedSuite(Suite):
    """A suite whose title, protocol and tables are in `pages/<page>.yaml`; placeholders of the protocol are its settings.

    Example:
        >>> from nag.suites.store import StoreSuite
        >>> StoreSuite(evaluations=10, workers=1, rows=100, look_ups=5).title
        'Store of evaluations'
    """

    @property
    def page(self) -> str:
        """Name of its page."""
        return self.name

    @property
    def title(self) -> str:
        """Heading of its page."""
        return _read(self.page).title

    @property
    def tables(self) -> tuple[Table, ...]:
        """Tables of its page."""
        return _read(self.page).tables

    @property
    def protocol(self) -> str:
        """Measurement protocol, with the settings filled in."""
        return _read(self.page).protocol.format_map(self.words())

    def words(self) -> dict[str, Any]:
        """Values of the placeholders: the settings, with sequences as lists in words."""
        return {
            name: ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
            for name, value in vars(self).items()
        }
