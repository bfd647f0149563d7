"""The numbers of the page "before and after" are those that scripts/census.py counts."""

from __future__ import annotations

import re
import runpy
import subprocess
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


@pytest.fixture
def counted(tmp_path, monkeypatch) -> Path:
    """The checkout that the last column of the page was counted on, which its command names."""
    revision = re.search(r"scripts/census\.py 0\.1\.0=\w+ 0\.2\.0=(\w+)`", PAGE.read_text(encoding="utf-8"))
    assert revision is not None
    monkeypatch.chdir(ROOT)
    try:
        return CENSUS["_checkout"](revision[1], tmp_path)
    except subprocess.CalledProcessError:
        pytest.skip("the history is not at hand")


def shown(name: str) -> str:
    """The last column of a row of the page."""
    row = re.search(rf"^\| {re.escape(name)} \|.*\| ([\d,]+(?: / \d+)?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None, f"the page has no row '{name}'"
    return row[1]


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


def test_the_sizes_on_the_page_are_those_of_the_packages(counted):
    sizes = CENSUS["by_package"](counted)
    assert {f"`{name}`": shown(f"`{name}`") for name in sizes} == {
        f"`{name}`": f"{lines:,} / {files}" for name, (lines, files) in sizes.items()
    }


@pytest.mark.slow
def test_the_page_shows_what_the_script_counts(counted):
    pytest.importorskip("tomllib")
    found = CENSUS["census"](counted)
    assert {name: shown(name) for name in found} == {name: f"{number:,}" for name, number in found.items()}
