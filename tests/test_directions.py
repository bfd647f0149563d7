"""Which direction is better is decided in one place: `Metric`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[1] / "nag").rglob("*.py"))
HOME = "metric.py"
SIGN = re.compile(
    r"""\b1(\.0)?\s+if\s.+\selse\s+-1(\.0)?\b|-1(\.0)?\s+if\s.+\selse\s+1(\.0)?\b|maximi[sz]e\s+else|\.sign\s*=""", re.VERBOSE
)
NO_SIGN = re.compile(r"""["'] if .* else ["']""")  # names for other libraries and files


def signs(source: str) -> list[str]:
    return [line.strip() for line in source.splitlines() if SIGN.search(line) and not NO_SIGN.search(line)]


def test_no_file_but_that_of_the_metric_knows_a_sign():
    found = {path.name: signs(path.read_text(encoding="utf-8")) for path in FILES if path.name != HOME}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("line", ["s = 1.0 if task.maximise else -1.0", "(-1 if up else 1)", "max(x) if maximise else min(x)"])
def test_signs_are_found(line):
    assert signs(line)
