from __future__ import annotations

import io
import json

import pytest

from nag.core.errors import InvalidRequest
from nag.tracking import CompositeTracker, ConsoleTracker, JsonLinesTracker, NullTracker, RunContext, RunTracker, WandbTracker


def records(path) -> list[dict]:
    return [{k: v for k, v in json.loads(line).items() if k != "time"} for line in path.read_text().splitlines()]


def drive(tracker: RunTracker) -> None:
    tracker.start({"seed": 1}, "run")
    tracker.log({"x": 1.0}, 0)
    tracker.table("t", ["a"], [[1], ["x"], [None]])
    with tracker.progress(2, "work") as outer, tracker.progress(None, "part", unit="cells", initial=3) as inner:
        outer.advance()
        outer.update(2)
        inner.note("good")
    tracker.summary({"best": 1})
    tracker.finish()
    tracker.finish()


def test_every_tracker_takes_the_whole_protocol(tmp_path):
    trackers = [
        NullTracker(),
        ConsoleTracker(io.StringIO()),
        JsonLinesTracker(tmp_path / "a.jsonl"),
        WandbTracker(RunContext(tmp_path / "wandb"), mode="disabled"),
    ]
    for tracker in [*trackers, CompositeTracker(trackers), CompositeTracker([])]:
        assert isinstance(tracker, RunTracker)
        drive(tracker)
    assert not (tmp_path / "wandb").exists()


def test_all_parts_record_the_same(tmp_path):
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "alone.jsonl"]
    drive(CompositeTracker([JsonLinesTracker(path) for path in paths[:2]]))
    drive(JsonLinesTracker(paths[2]))
    assert records(paths[0]) == records(paths[1]) == records(paths[2])


def test_progress_reaches_all_parts():
    streams = [io.StringIO(), io.StringIO()]
    tracker = CompositeTracker([ConsoleTracker(stream, delay=0.0, interval=0.0) for stream in streams])
    with tracker.progress(4, "work") as progress:
        progress.advance(3)
        progress.note("good")
    for stream in streams:
        assert "work: 3/4" in stream.getvalue()
        assert "good" in stream.getvalue()


def test_failed_start_finishes_those_before(tmp_path):
    (tmp_path / "file").write_text("")
    first = JsonLinesTracker(tmp_path / "a.jsonl")
    tracker = CompositeTracker([first, JsonLinesTracker(tmp_path / "file" / "b.jsonl")])
    with pytest.raises(InvalidRequest):
        tracker.start({}, "run")
    assert records(first.path)[-1] == {"event": "finish"}
