"""Markers of pages: `{{ KIND NAME }}`, replaced when the site is built.

- `{{ table guided.limits }}`: a table of `nag_docs.tables`, and with which version of nag its numbers were measured
- `{{ figure guided.limits }}`: a figure of `nag_docs.figures`
- `{{ numbers limits }}`: all numbers of a suite, `docs/results/limits.md`, folded
- `{{ readme search_spaces }}`: the text of `search_spaces/README.md`, without its title
- `{{ example my_space }}`: the script `docs/examples/my_space.py`, folded
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

from matplotlib import rc_context

from nag_docs.plotting import STYLE, svg
from nag_docs.values import DOCS, RESULTS
from nag_docs.versions import measured_with, recorded, versions_of

MARKER = re.compile(r"^\{\{ (\w+) ([\w.]+) \}\}$", re.MULTILINE)


def expand(markdown: str) -> str:
    """A page with its markers replaced.

    Raises:
        KeyError: Unknown kind of marker.
    """
    return MARKER.sub(lambda found: _KINDS[found[1]](found[2]), markdown)


def _function(package: str, name: str) -> Callable[[], object]:
    module, _, function = name.partition(".")
    return getattr(importlib.import_module(f"nag_docs.{package}.{module}"), function)


def _table(name: str) -> str:
    table, shown = recorded(_function("tables", name))
    return f"{table}\n\n{measured_with(shown)}"


def _figure(name: str) -> str:
    make = _function("figures", name)
    with rc_context(STYLE):
        figure, shown = recorded(make)
        drawing = svg(figure, name.replace(".", "-"))
    drawing = re.sub(r"\n\s*\n", "\n", drawing)  # a blank line would end the HTML block
    caption = f"{(make.__doc__ or '').strip()} {versions_of(shown)}"
    return f"<figure>\n{drawing}\n<figcaption>{caption}</figcaption>\n</figure>"


def _numbers(suite: str) -> str:
    text = (RESULTS / f"{suite}.md").read_text(encoding="utf-8")
    body = re.sub(r"^#+ (.*)$", r"**\1**", text.partition("\n")[2], flags=re.MULTILINE)
    return f'??? note "All numbers, and the command that measured them"\n\n{indent(body.strip(), "    ")}'


def _readme(folder: str) -> str:
    return (DOCS.parent / folder / "README.md").read_text(encoding="utf-8").partition("\n")[2].strip()


def _example(name: str) -> str:
    path = DOCS / "examples" / f"{name}.py"
    block = ["```python", path.read_text(encoding="utf-8").strip(), "```"]
    code = indent("\n".join(block), "    ")
    return f'??? example "The whole as a script: docs/examples/{path.name}"\n\n{code}'


_KINDS: dict[str, Callable[[str], str]] = {
    "table": _table,
    "figure": _figure,
    "numbers": _numbers,
    "readme": _readme,
    "example": _example,
}


def markers_of(page: Path) -> list[tuple[str, str]]:
    """Kind and name of each marker of a page, in order."""
    return MARKER.findall(page.read_text(encoding="utf-8"))
