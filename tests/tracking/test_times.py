"""The elapsed and the remaining time are told in 80 columns, and told apart."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from nag.tracking.bars import _display
from nag.tracking.lines import LineProgress, Pace, clock, told_left

TIMES = r"elapsed \d+:\d\d(:\d\d)?, \d+:\d\d(:\d\d)? left"


@pytest.mark.parametrize("description", ["training", "searching nas_bench_graph/computers under three limits"])
@pytest.mark.parametrize(("total", "unit"), [(12, "queries"), (100_000, "architectures")])
def test_a_bar_tells_both_in_one_line_of_80_columns(description, total, unit):
    display, now = _display(io.StringIO()), [0.0]
    display.get_time = lambda: now[0]
    note = "best 93.21, 3 of 5 within the limits, the last one failed"
    task = display.add_task(description, total=total, unit=unit, of=f"/{total}", note=note)
    for _ in range(3):
        now[0] += 10
        display.advance(task, total // 6)
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=False).print(display.get_renderable())
    lines = out.getvalue().rstrip().splitlines()
    assert len(lines) == 1
    assert len(lines[0]) <= 80
    assert re.search(TIMES, lines[0]), lines[0]
    assert description[:8] in lines[0]


def test_a_line_of_text_tells_both():
    line = LineProgress(None, Pace(0), 0, 100, "training", "steps", 0)
    line.update(25)
    assert line._line(10.0) == "training: 25/100 steps (25 %), 2.5 steps/s, elapsed 0:10, 0:30 left"
    line.update(100)
    assert line._line(40.0) == "training: 100/100 steps (100 %), 2.5 steps/s, elapsed 0:40"


def test_times_are_minutes_and_seconds_and_hours_where_there_are_any():
    assert [clock(seconds) for seconds in (0, 12.4, 90, 3599.7, 3723)] == ["0:00", "0:12", "1:30", "1:00:00", "1:02:03"]
    assert told_left(None) == ""
