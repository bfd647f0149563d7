"""The numbers of the page "before and after" are those that scripts/census.py counts."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "pages" / "before_after.md"
CENSUS = runpy.run_path(str(ROOT / "scripts" / "census.py"))
MODULE = '''"""About it."""

import nag.b.two
from nag import __version__

__all__ = ["Thing", "act"]


class Thing:
    """A thing."""

    def act(self, one, two, *, three=0, **options):
        # a comment
        first = one
        second = two
        third = three
        fourth = first + second
        fifth = third + fourth
        return fifth, "sixth"
'''


def shown(name: str) -> int:
    """The number in the last column of a row of the page."""
    row = re.search(rf"^\| {re.escape(name)} \|.* ([\d,]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None, f"the page has no row '{name}'"
    return int(row[1].replace(",", ""))


def agrees(name: str, number: int) -> bool:
    """Whether the page has the number but for what ordinary commits change; zero stays zero."""
    return abs(shown(name) - number) <= (max(5, number / 10) if number else 0)


def test_everything_is_counted(tmp_path):
    pytest.importorskip("tomllib")
    long = "def long():\n" + "\n".join(f"    value_{i} = {i}" for i in range(60))
    for name, text in {
        "nag/a/one.py": MODULE,
        "nag/b/two.py": f"from nag.a import one\n{long}\n",
        "nag/__init__.py": "import nag.a.one\n",
        "nag/c.py": MODULE.replace("nag.b.two", "torch"),
        "tests/test_a.py": "\n\n",
        "pyproject.toml": '[project]\ndependencies = ["torch", "numpy"]\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    whole = len(MODULE.splitlines())
    assert list(CENSUS["census"](tmp_path).values()) == [
        *(2 * whole + 63, 2 * 11 + 63, 4, 4, 2, 3, 4),  # lines, code, docstrings, files, classes, functions, names
        *(1, 3, 0, 2, 2, 2, 2),  # long functions, parameters, too many, cyclic packages, repeated runs, dependencies, tests
    ]
    assert CENSUS["by_package"](tmp_path) == {"a": (whole, 1), "b": (62, 1), "nag": (whole + 1, 2)}


def test_the_sizes_on_the_page_are_those_of_the_packages():
    sizes = CENSUS["by_package"](ROOT)
    assert agrees("lines of Python", sum(lines for lines, _ in sizes.values()))
    assert agrees("files", sum(files for _, files in sizes.values()))
    assert all(re.search(rf"^\| `{name}` \|.* [\d,]+ / \d+ \|$", PAGE.read_text(), re.MULTILINE) for name in sizes)


@pytest.mark.slow
def test_the_page_shows_what_the_script_counts():
    pytest.importorskip("tomllib")
    assert {name: number for name, number in CENSUS["census"](ROOT).items() if not agrees(name, number)} == {}
