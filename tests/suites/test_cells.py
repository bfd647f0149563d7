"""Files of cells: what no suite wrote is not taken for a result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from nag.core.errors import DamagedFile
from nag.suites.running.cells import Cell, Measurement, compute_cell, read_cell
from nag.suites.running.context import CellContext


def measure(context: CellContext) -> Sequence[Measurement]:
    return [Measurement("space", "task", "method", "", "regret", 0.5, 3)]


@pytest.fixture
def cell(tmp_path) -> tuple[Cell, Path]:
    found = Cell("a.b", 0, measure)
    compute_cell(found, tmp_path, "one CPU")
    return found, tmp_path


def test_a_cell_is_read_as_it_was_written(cell):
    made, folder = cell
    found = read_cell(made, folder)
    assert found is not None
    assert (found.key, found.seed, list(found.measurements)) == ("a.b", 0, measure(CellContext(folder)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("key", {"a": 1}),
        ("seed", "0"),
        ("seed", -1),
        ("cpu_seconds", -1.0),
        ("cpu_seconds", True),
        ("measurements", {"value": 1}),
        ("measurements", [{"value": 1}]),
        ("measurements", [{**vars(Measurement("s", "t", "m", "", "r", 1.0)), "value": "0.5"}]),
        ("measurements", [{**vars(Measurement("s", "t", "m", "", "r", 1.0)), "labels": -3}]),
        ("measurements", [{**vars(Measurement("s", "t", "m", "", "r", 1.0)), "space": 3}]),
        ("more", 1),
        ("hardware", None),
        ("fingerprint", "0" * 64),
    ],
)
def test_a_crafted_cell_is_damaged(cell, key, value):
    made, folder = cell
    content = json.loads(made.path(folder).read_text())
    made.path(folder).write_text(json.dumps({**content, key: value}))
    with pytest.raises(DamagedFile) as caught:
        read_cell(made, folder)
    assert "a.b.json" in caught.value.what
