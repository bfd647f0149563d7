"""Runs recorded with MLflow, read back by MLflow's own client."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from nag.core.errors import InvalidRequest
from nag.core.packages import is_installed
from nag.evaluation import TableEvaluator
from nag.graphs import Architecture, draw_png
from nag.search import Problem
from nag.search.random_search import RandomSearch
from nag.spaces import enumerate_space, load_space
from nag.tasks import BenchmarkTable, Metric, Objective, Task
from nag.tracking import Image, MlflowTracker, RunContext
from nag.workflows.run_folder.run import RunFolder
from nag.workflows.search import SearchPlan, search

pytestmark = pytest.mark.skipif(not is_installed("mlflow"), reason="mlflow is not installed")

ARCH = Architecture(("input", "a", "output"), ((0, 1), (1, 2)))
SECRET = "pl4nted-s3cret"
SPACE = """
name: chains
title: Chains
operations: {a: parametric, b: parametric, c: parametric}
nodes: 4
edges: [[0, 1], [1, 2], [2, 3]]
codec: {name: edge_list}
"""


def client_of(tracker):
    from mlflow import MlflowClient  # takes two seconds, which not every process that only collects tests need spend

    return MlflowClient(tracking_uri=tracker.uri)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """An empty home folder and an empty working folder."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def run_search(folder: Path, budget: int, resume: bool = False) -> MlflowTracker:
    """Searches nine chains with two metrics."""
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
    tracker = MlflowTracker(RunContext(folder, "search", resume), group="g", tags=["one", "two"])
    config = {"budget": budget, "store": f"postgresql://me:{SECRET}@host/nag", "deep": {"api_key": SECRET}}
    run = RunFolder(folder, "search", 0, "cpu", config, tracker, ("budget",), resume=resume)
    search(run, task, TableEvaluator(task), strategy, SearchPlan(budget, 2))
    return tracker


@pytest.mark.slow
def test_a_search_is_read_back_and_goes_on_in_the_same_run(tmp_path, home, capfd):
    folder = tmp_path / "run"
    tracker = run_search(folder, 3)
    run_search(folder, 6, resume=True)
    assert list(home.rglob("*")) == []
    assert capfd.readouterr() == ("", "")
    client = client_of(tracker)
    (experiment,) = [found for found in client.search_experiments() if found.name == "nag"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "search-run"
    wanted = {"nag.command": "search", "nag.group": "g", "nag.tags": "one, two", "strategy": "RandomSearch"}
    assert wanted.items() <= run.data.tags.items()
    assert run.data.params["budget"] == "3"
    assert run.data.params["deep.api_key"] == "***"

    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for name, key in (("search/value", "search_value"), ("search/report_value", "report_value")):
        found = client.get_metric_history(run.info.run_id, name)
        assert [(metric.step, metric.value) for metric in found] == [(line["query"], line[key]) for line in lines]
    costs = client.get_metric_history(run.info.run_id, "search/side/cost")
    assert [metric.value for metric in costs] == [line["side"]["cost"] for line in lines]
    assert run.data.metrics["queries"] == 6

    path = client.download_artifacts(run.info.run_id, "queries.json", str(tmp_path / "work"))
    table = json.loads(Path(path).read_text())
    assert [row[table["columns"].index("cost")] for row in table["data"]] == [line["side"]["cost"] for line in lines]
    assert [file.path for file in client.list_artifacts(run.info.run_id, "search")] == ["search/history.jsonl"]

    for file in folder.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


@pytest.mark.slow
def test_pictures_and_names_that_mlflow_does_not_take(tmp_path):
    tracker = MlflowTracker(RunContext(tmp_path / "run"), artifacts=False)
    tracker.log({"x": 1.0}, 0)  # outside a run, nothing happens
    tracker.start({"a [ms]": None}, "pictures")
    tracker.log({"latency [ms]": float("nan")}, 2)
    tracker.table("found", ["rank", "drawing"], [[0, Image(draw_png(ARCH), "best")]])
    (tmp_path / "file").write_text("x")
    tracker.artifact("all", "kind", [tmp_path / "file"])
    tracker.finish()
    tracker.finish()
    client = client_of(tracker)
    run = client.get_run((tmp_path / "run" / "mlflow" / "run_id").read_text().strip())
    assert run.data.params == {"a _ms_": "None"}
    assert [metric.step for metric in client.get_metric_history(run.info.run_id, "latency _ms_")] == [2]
    assert sorted(file.path for file in client.list_artifacts(run.info.run_id)) == ["found.json", "media"]


def test_what_mlflow_cannot_do_is_told_in_one_line(tmp_path):
    (tmp_path / "run").write_text("a file, not a folder")
    with pytest.raises(InvalidRequest, match="MLflow cannot start"):
        MlflowTracker(RunContext(tmp_path / "run")).start({}, "run")
    with sqlite3.connect(tmp_path / "other.db") as base:
        base.execute("create table alembic_version (version_num text)")
        base.execute("insert into alembic_version values ('of another program')")
    with pytest.raises(InvalidRequest, match="MLflow cannot start") as caught:
        MlflowTracker(RunContext(tmp_path / "b"), uri=f"sqlite:///{tmp_path}/other.db").start({}, "run")
    assert "\n" not in str(caught.value)
