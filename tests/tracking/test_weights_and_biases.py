from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nag.core.errors import InvalidRequest
from nag.evaluation import TableEvaluator
from nag.graphs import Architecture, draw_png, draw_svg
from nag.search import Problem
from nag.search.random_search import RandomSearch
from nag.spaces import enumerate_space, load_space
from nag.tasks import BenchmarkTable, Metric, Objective, Task
from nag.tracking import Image, RunContext, WandbTracker
from nag.workflows.run_folder.run import RunFolder
from nag.workflows.search import SearchPlan, search

ARCH = Architecture(("input", "a", "output"), ((0, 1), (1, 2)))
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """An empty home folder, without account."""
    for name in [*(name for name in os.environ if name.startswith("WANDB_")), "NETRC"]:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    return folder


def read_records(folder: Path) -> list:
    """The records of the one offline run in a folder."""
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    return whole_records(file)


def whole_records(file: Path) -> list:
    """The records of a run; waits for the last, which wandb's process writes by itself."""
    deadline = time.monotonic() + 10
    while True:
        records = parse_records(file.read_bytes())
        if time.monotonic() > deadline or any(record.WhichOneof("record_type") == "exit" for record in records):
            return records
        time.sleep(0.01)


def parse_records(data: bytes) -> list:
    """A `.wandb` file: a LevelDB log of protocol-buffer messages after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    position, parts, records = 7, b"", []
    assert data[:4] == b":W&B"
    while position + 7 <= len(data):
        if 32768 - position % 32768 < 7:
            position += 32768 - position % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # the whole record, or its last part
            record = Record()
            record.ParseFromString(parts)
            records.append(record)
            parts = b""
    return records


def values(items) -> dict:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_offline_run_can_be_read_back_and_stays_in_its_folder(tmp_path, home, capfd):
    folder = tmp_path / "run"
    tracker = WandbTracker(RunContext(folder), "project", group="seeds")
    tracker.start({"seed": 3, "model": {"width": 64}}, "my-run")
    for step in (0, 10, 5):
        tracker.log({"loss": 1 / (step + 1)}, step)
    rows = [[0, 0.5, Image(draw_png(ARCH), "best")], [1, None, Image(draw_png(ARCH))]]
    tracker.table("found", ["rank", "score", "drawing"], rows)
    tracker.table("vector", ["drawing"], [[Image(draw_svg(ARCH).encode())]])
    tracker.summary({"best": 0.75})
    tracker.finish()
    tracker.finish()

    records = read_records(folder)
    (run,) = [record.run for record in records if record.WhichOneof("record_type") == "run"]
    assert (run.project, run.display_name, run.run_group) == ("project", "my-run", "seeds")
    config = values(run.config.update)
    assert config["seed"] == 3
    assert config["model"] == {"width": 64}
    history = [values(record.history.item) for record in records if record.WhichOneof("record_type") == "history"]
    assert [(row["step"], row["loss"]) for row in history if "loss" in row] == [(0, 1.0), (10, 1 / 11), (5, 1 / 6)]
    for name, count in (("found", 2), ("vector", 1)):
        (row,) = [row for row in history if f"{name}/_type" in row]
        assert (row[f"{name}/_type"], row[f"{name}/nrows"]) == ("table-file", count)
    (table,) = folder.glob("wandb/offline-run-*/files/media/table/found*.json")
    assert json.loads(table.read_text())["columns"] == ["rank", "score", "drawing"]
    assert any(record.WhichOneof("record_type") == "artifact" for record in records)
    staged = [path for path in folder.rglob("*") if path.is_file() and path.read_bytes().startswith(PNG_MAGIC)]
    assert staged
    summaries = [values(record.summary.update) for record in records if record.WhichOneof("record_type") == "summary"]
    assert any(row.get("best") == 0.75 for row in summaries)

    assert list(home.rglob("*")) == []
    assert capfd.readouterr() == ("", "")


def test_runs_follow_each_other_and_overlap(tmp_path):
    first, second = (WandbTracker(RunContext(tmp_path / name), "project") for name in ("a", "b"))
    first.start({}, "first")
    second.start({}, "second")
    first.log({"x": 1.0}, 0)
    second.log({"x": 2.0}, 0)
    first.finish()
    second.finish()
    for name, expected in (("a", 1.0), ("b", 2.0)):
        records = read_records(tmp_path / name)
        history = [values(record.history.item) for record in records if record.WhichOneof("record_type") == "history"]
        assert [row["x"] for row in history] == [expected]


def test_process_with_an_offline_run_ends_at_once(tmp_path, home):
    code = (
        "import sys, time; from pathlib import Path; from nag.tracking import RunContext, WandbTracker\n"
        "tracker = WandbTracker(RunContext(Path(sys.argv[1])), 'project')\n"
        "tracker.start({}, 'run'); tracker.log({'x': 1.0}, 0)\n"
        "began = time.monotonic(); tracker.finish(); print(time.monotonic() - began, time.time())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60)
    finishing, finished = map(float, result.stdout.split())
    assert finishing < 3
    assert time.time() - finished < 3
    assert result.stderr == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "run"]
    assert list(home.rglob("*")) == []


def test_online_without_a_key_is_refused_before_any_work(tmp_path):
    with pytest.raises(InvalidRequest, match="no API key") as caught:
        WandbTracker(RunContext(tmp_path / "run"), mode="online")
    assert "offline" in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_key_is_found_where_wandb_looks(tmp_path, home, monkeypatch):
    (home / ".netrc").write_text("machine wandb.example.org login user password " + "k" * 40)
    with pytest.raises(InvalidRequest):  # a key for another server
        WandbTracker(RunContext(tmp_path), mode="online")
    (home / ".config" / "wandb").mkdir(parents=True)
    (home / ".config" / "wandb" / "settings").write_text("[default]\nbase_url = https://wandb.example.org\n")
    WandbTracker(RunContext(tmp_path), mode="online")
    (home / ".netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    WandbTracker(RunContext(tmp_path), mode="online")


@pytest.mark.slow
def test_online_without_a_server_is_an_error_of_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    code = (
        "import sys; from pathlib import Path; from nag.core.errors import InvalidRequest\n"
        "from nag.tracking import RunContext, WandbTracker\n"
        "tracker = WandbTracker(RunContext(Path(sys.argv[1])), mode='online')\n"
        "try: tracker.start({}, 'run')\n"
        "except InvalidRequest as error: print(error)\n"
        "tracker.log({'x': 1.0}, 0); tracker.finish()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    assert result.stdout.startswith("wandb cannot start: ")
    assert result.stdout.count("\n") == 1


def test_unknown_mode_is_refused():
    with pytest.raises(InvalidRequest, match="Did you mean 'offline'"):
        WandbTracker(RunContext(Path("run")), mode="ofline")  # type: ignore[arg-type]


def test_only_tracking_a_run_imports_wandb():
    code = "import sys, nag.tracking; print([m for m in ('wandb', 'mlflow', 'rich', 'torch') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


SPACE = """
name: chains
title: Chains
operations: {a: parametric, b: parametric, c: parametric}
nodes: 4
edges: [[0, 1], [1, 2], [2, 3]]
codec: {name: edge_list}
"""
SECRET = "pl4nted-s3cret"


def run_search(folder: Path, budget: int, **options: bool) -> None:
    """Searches nine chains with two secondary metrics, two queries at a time, and fails at none."""
    (folder.parent / "space.yaml").write_text(SPACE)
    space = load_space(str(folder.parent / "space.yaml"))
    dags = enumerate_space(space)
    columns = {"accuracy": dags.ops.sum(1).double().numpy(), "cost": dags.ops[:, 1].double().numpy()}
    task = Task(
        space,
        BenchmarkTable("chains", space, dags, columns),
        "accuracy",
        "accuracy",
        secondary=(Metric("cost", maximise=False),),
    )
    strategy = RandomSearch(Problem(space, Objective.single("accuracy")), 0)
    context = RunContext(folder, "search", options.get("resume", False))
    tracker = WandbTracker(context, group="g", tags=["one", "two"])
    config = {"store": f"postgresql://me:{SECRET}@host/nag", "api_key": SECRET}
    run = RunFolder(folder, "search", 0, "cpu", config, tracker, ("budget",), **options)
    search(run, task, TableEvaluator(task), strategy, SearchPlan(budget, 2))


def records_of(folder: Path) -> list[list]:
    """The records of each offline run in a folder, in the order of their start."""
    files = sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime)
    return [whole_records(path) for path in files]


def of_kind(records: list, kind: str) -> list:
    return [getattr(record, kind) for record in records if record.WhichOneof("record_type") == kind]


def test_a_search_logs_every_query_and_goes_on_in_the_same_run(tmp_path):
    folder = tmp_path / "run"
    run_search(folder, 3)
    run_search(folder, 6, resume=True)
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    parts = records_of(folder)
    assert len(parts) == 2
    logged = {}
    for records in parts:
        for history in of_kind(records, "history"):
            row = values(history.item)
            if "search/value" in row:
                assert row["step"] not in logged
                logged[row["step"]] = row
    assert sorted(logged) == [1, 2, 3, 4, 5, 6]
    for line in lines:
        row = logged[line["query"]]
        assert row["search/value"] == line["search_value"]
        assert row["search/report_value"] == line["report_value"]
        assert row["search/side/cost"] == line["side"]["cost"]
        assert row["search/best"] == max(other["search_value"] for other in lines[: line["query"]])
        assert row["search/failed"] == 0
    runs = [of_kind(records, "run")[0] for records in parts]
    assert runs[0].run_id == runs[1].run_id
    assert [(list(run.tags), run.job_type, run.run_group) for run in runs] == [(["one", "two"], "search", "g")] * 2
    tables = sorted(folder.glob("wandb/offline-run-*/files/media/table/queries*.json"), key=lambda path: path.stat().st_mtime)
    table = json.loads(tables[-1].read_text())
    assert [row[table["columns"].index("cost")] for row in table["data"]] == [line["side"]["cost"] for line in lines]
    artifacts = [artifact for records in parts for artifact in of_kind(records, "artifact")]
    files = {entry.path for artifact in artifacts if artifact.type == "search" for entry in artifact.manifest.contents}
    assert files == {"history.jsonl"}
    for path in folder.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_a_new_run_in_an_old_folder_is_another_one(tmp_path):
    folder = tmp_path / "run"
    run_search(folder, 2)
    run_search(folder, 2, overwrite=True)
    first, second = (of_kind(records, "run")[0].run_id for records in records_of(folder))
    assert first != second


@pytest.mark.parametrize(
    ("variables", "mode", "used"),
    [
        ({"WANDB_MODE": "disabled"}, "offline", "disabled"),
        ({"WANDB_MODE": "disabled"}, "online", "disabled"),
        ({"WANDB_MODE": "offline"}, "online", "offline"),
        ({"WANDB_MODE": "dryrun"}, "online", "offline"),
        ({"WANDB_MODE": "online"}, "offline", "offline"),
        ({"WANDB_MODE": "online"}, "disabled", "disabled"),
        ({"WANDB_DISABLED": "true"}, "offline", "disabled"),
        ({"WANDB_MODE": "nonsense"}, "offline", "offline"),
        ({}, "offline", "offline"),
    ],
)
def test_the_environment_can_only_ask_for_less(tmp_path, monkeypatch, variables, mode, used):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tracker = WandbTracker(RunContext(tmp_path / "run"), mode=mode)
    assert tracker.mode == used
    if used == "disabled":
        tracker.start({}, "run")
        tracker.log({"x": 1.0}, 0)
        tracker.finish()
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"project": "a/b"}, "no project named 'a/b'. At most 128 characters, none of /"),
        ({"project": "a" * 129}, "no project named"),
        ({"project": ""}, "no project named ''"),
        ({"project": "p", "group": "g" * 129}, "no group"),
        ({"project": "p", "run_id": "a b"}, "no run_id 'a b'"),
        ({"project": "p", "tags": ["t" * 65]}, "no tag"),
    ],
)
def test_names_that_wandb_does_not_take_are_told_before_any_work(options, words):
    with pytest.raises(InvalidRequest, match=words) as caught:
        WandbTracker(RunContext(Path("run")), **options)
    assert "etwork" not in str(caught.value)
