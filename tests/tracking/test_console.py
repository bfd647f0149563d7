from __future__ import annotations

import io
import os
import re
import time

import pytest

from nag.tracking import ConsoleTracker

pty = pytest.importorskip("pty")


class Terminal:
    """A pseudo-terminal; what is written to `stream` can be read as `text`."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        self.stream = os.fdopen(slave, "w")

    def close(self) -> str:
        self.stream.flush()
        os.set_blocking(self.master, False)
        chunks = []
        try:
            while chunk := os.read(self.master, 1 << 16):
                chunks.append(chunk)
        except OSError:
            pass
        self.stream.close()
        os.close(self.master)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(chunks).decode())


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    return Terminal()


def test_short_work_stays_unseen_on_a_terminal(terminal):
    tracker = ConsoleTracker(terminal.stream, delay=5.0)
    with tracker.progress(10, "quick") as progress:
        progress.advance(10)
    assert "quick" not in terminal.close()


def test_bar_appears_though_nothing_advances_and_shows_all_parts(terminal):
    tracker = ConsoleTracker(terminal.stream, delay=0.05)
    with tracker.progress(10, "train [gat]", unit="graphs", initial=2) as progress:
        time.sleep(0.2)
        progress.update(6)
        progress.advance()
        progress.note("loss 0.5 [/x]")
        time.sleep(0.3)
    text = terminal.close()
    for part in ("train [gat]", "7/10", "graphs", "left", "loss 0.5 [/x]"):
        assert part in text


def test_bars_nest_and_follow_each_other(terminal):
    tracker = ConsoleTracker(terminal.stream, delay=0.0)
    with tracker.progress(2, "outer") as outer:
        for name in ("first", "second"):
            with tracker.progress(3, name) as inner:
                time.sleep(0.3)
                inner.advance(3)
            outer.advance()
    with tracker.progress(None, "after") as progress:
        time.sleep(0.3)
        progress.advance(5)
    text = terminal.close()
    for part in ("outer", "first", "second", "after", "2/2", "5/?"):
        assert part in text
    assert "after" not in text[: text.rindex("outer")]


def test_an_error_inside_passes_through_and_closes_the_bar(terminal):
    tracker = ConsoleTracker(terminal.stream, delay=0.0)
    with pytest.raises(ZeroDivisionError), tracker.progress(2, "outer"), tracker.progress(2, "inner"):
        _ = 1 / 0
    with tracker.progress(1, "again") as progress:
        time.sleep(0.2)
        progress.advance()
    assert "1/1" in terminal.close()


def test_lines_elsewhere_come_at_the_pace(capsys):
    stream = io.StringIO()
    tracker = ConsoleTracker(stream, delay=0.0, interval=0.2)
    began = time.monotonic()
    with tracker.progress(1000, "outer") as outer, tracker.progress(1000, "inner") as inner:
        for _ in range(100):
            outer.advance()
            inner.advance()
            time.sleep(0.005)
    lines = stream.getvalue().splitlines()
    assert 2 <= len(lines) <= 1 + (time.monotonic() - began) / 0.2
    assert re.fullmatch(r"(outer|inner): \d+/1000 steps \(\d+ %\), \S+ steps/s, elapsed \d+:\d\d, \d+:\d\d left", lines[1])
    assert capsys.readouterr() == ("", "")


def test_line_speed_leaves_out_what_was_done_before():
    stream = io.StringIO()
    tracker = ConsoleTracker(stream, delay=0.2, interval=0.0)
    with tracker.progress(1_000_000, "resumed", initial=999_000) as progress:
        time.sleep(0.25)
        progress.advance(1)
    speed = float(re.search(r"([\d.]+) steps/s", stream.getvalue())[1])
    assert speed <= 4


def test_work_of_unknown_or_no_length_has_lines_too():
    stream = io.StringIO()
    tracker = ConsoleTracker(stream, delay=0.0, interval=0.0)
    with tracker.progress(None, "search") as progress:
        progress.advance(3)
    with tracker.progress(0, "nothing"):
        pass
    assert "search: 3 steps" in stream.getvalue()
    assert "nothing: 0/0 steps (0 %)" in stream.getvalue()


def test_short_work_stays_unseen_elsewhere():
    stream = io.StringIO()
    with ConsoleTracker(stream).progress(10, "quick") as progress:
        progress.advance(10)
    assert stream.getvalue() == ""


def test_broken_stream_does_not_stop_the_work(terminal):
    closed = io.StringIO()
    closed.close()
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    for stream in (closed, ascii_only):
        with ConsoleTracker(stream, delay=0.0, interval=0.0).progress(3, "épreuve") as progress:
            progress.advance(3)
    with ConsoleTracker(terminal.stream, delay=0.0).progress(3, "work") as progress:
        time.sleep(0.1)
        terminal.stream.close()
        progress.advance(3)
    os.close(terminal.master)
