from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.graphs import Architecture, draw_png, draw_svg
from nag.tracking import Image, JsonLinesTracker

ARCH = Architecture(("input", "a", "output"), ((0, 1), (1, 2)))


def read(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def strip(rows: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "time"} for row in rows]


def test_everything_recorded_can_be_read_back(tmp_path):
    tracker = JsonLinesTracker(tmp_path / "deep" / "log.jsonl")
    tracker.start({"a": {"b": [1, "x", None]}}, "run")
    tracker.log({"loss": 0.5, "count": np.int64(3), "value": torch.tensor(1.5), "bad": float("nan")}, step=7)
    tracker.summary({"best": np.float32(2), "none": None})
    tracker.finish()
    tracker.finish()
    assert strip(read(tracker.path)) == [
        {"event": "start", "name": "run", "config": {"a": {"b": [1, "x", None]}}},
        {"event": "log", "step": 7, "metrics": {"loss": 0.5, "count": 3, "value": 1.5, "bad": None}},
        {"event": "summary", "metrics": {"best": 2.0, "none": None}},
        {"event": "finish"},
    ]


def test_each_record_is_in_the_file_at_once(tmp_path):
    tracker = JsonLinesTracker(tmp_path / "log.jsonl")
    tracker.start({}, "run")
    for step in range(3):
        tracker.log({"loss": 1.0}, step)
        assert read(tracker.path)[-1]["step"] == step
    tracker.finish()


def test_pictures_become_files(tmp_path):
    images = [Image(draw_png(ARCH)), Image(draw_svg(ARCH).encode())]
    tracker = JsonLinesTracker(tmp_path / "log.jsonl")
    tracker.start({}, "run")
    tracker.table("best", ["rank", "drawing"], [[i, image] for i, image in enumerate(images)])
    tracker.finish()
    table = read(tracker.path)[1]
    assert table["columns"] == ["rank", "drawing"]
    for (_, cell), image in zip(table["rows"], images, strict=True):
        assert (tmp_path / cell["image"]).read_bytes() == image.data
        assert cell["image"].endswith(image.suffix)


@pytest.mark.parametrize("torn", ['{"event": "log", "st', "x" * 200_000])
@pytest.mark.parametrize("whole", [0, 1, 500])
def test_resume_drops_a_torn_last_line_and_nothing_else(tmp_path, whole, torn):
    path = tmp_path / "log.jsonl"
    lines = [json.dumps({"event": "log", "step": i, "metrics": {"x": i / 3}}) for i in range(whole)]
    path.write_text("".join(line + "\n" for line in lines) + torn)
    tracker = JsonLinesTracker(path)
    tracker.start({}, "resumed")
    tracker.finish()
    rows = read(path)
    assert [json.dumps(row) for row in rows[:whole]] == lines
    assert [row["event"] for row in rows[whole:]] == ["start", "finish"]


def test_resume_keeps_a_whole_file(tmp_path):
    path = tmp_path / "log.jsonl"
    for name in ("first", "second"):
        tracker = JsonLinesTracker(path)
        tracker.start({}, name)
        tracker.finish()
    assert [row.get("name") for row in read(path)] == ["first", None, "second", None]


def test_unwritable_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match="cannot write"):
        JsonLinesTracker(tmp_path / "file" / "log.jsonl").start({}, "run")


def test_logging_outside_a_run_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="Call start first"):
        JsonLinesTracker(tmp_path / "log.jsonl").log({"x": 1.0}, 0)


def test_image_refuses_other_data():
    with pytest.raises(InvalidRequest, match="neither PNG nor SVG"):
        Image(b"GIF89a")
