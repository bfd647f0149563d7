"""The history of a search: whenever its process is killed, and however the file is damaged, it is of one search or refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nag.core.errors import DamagedFile, InvalidRequest, NagError
from nag.evaluation import TableEvaluator
from nag.search import Problem
from nag.search.evolution import RegularisedEvolution
from nag.spaces import enumerate_space, load_space
from nag.tasks import BenchmarkTable, Objective, Task
from nag.tracking import NullTracker
from nag.workflows.run_folder import history as history_module
from nag.workflows.run_folder.history import HistoryFile, read_history
from nag.workflows.run_folder.run import RunFolder
from nag.workflows.search import SearchPlan, search

SPACE = """
name: sketches
title: A few cells
operations: {conv: parametric, pool: mergeable, gate: parametric}
nodes: [4, 5]
edges: free
constraints: {all_nodes_on_a_path: true}
codec: {name: edge_list}
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> Task:
    path = tmp_path_factory.mktemp("space") / "space.yaml"
    path.write_text(SPACE)
    space = load_space(str(path))
    dags = enumerate_space(space)
    values = np.random.default_rng(0).permutation(len(dags)).astype(np.float64)
    return Task(space, BenchmarkTable("sketches", space, dags, {"rank": values}), "rank", name="sketches/rank")


def run_search(
    task: Task, folder: Path, seed: int = 0, budget: int = 5, batch: int = 2, warn=lambda text: None, **options: bool
) -> list[dict]:
    goal = Objective.single("rank")
    strategy = RegularisedEvolution(Problem(task.space, goal), seed, population=3, tournament=2)
    config = {"seed": seed, "budget": budget}
    run = RunFolder(folder, "search", seed, "cpu", config, NullTracker(), ("budget",), **options)
    search(run, task, TableEvaluator(task), strategy, SearchPlan(budget, batch), warn=warn)
    return queries(folder)


def queries(folder: Path) -> list[dict]:
    return [row.model_dump(exclude={"identity"}) for row in read_history(folder / "history.jsonl")]


def killed_at(call: int, work: Callable[[], object]) -> bool:
    """Does some work in a forked process that is killed at its n-th change of a file; whether it came that far.

    A write that is killed has written half of its bytes.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    count = 0

    def counted(name: str, function: Callable) -> Callable:
        def wrapped(*args, **kwargs):
            nonlocal count
            count += 1
            if count == call:
                if name == "write":
                    function(args[0], args[1][: len(args[1]) // 2])
                os._exit(9)
            return function(*args, **kwargs)

        return wrapped

    try:
        for name in ("write", "fsync", "replace", "ftruncate", "unlink"):
            setattr(os, name, counted(name, getattr(os, name)))
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)


@pytest.fixture
def every_sync(monkeypatch):
    """Synchronises after every batch, so that each is a place to be killed at."""
    monkeypatch.setattr(history_module, "_SYNC_SECONDS", 0.0)


def test_a_kill_at_any_write_never_passes_one_search_for_another(task, tmp_path, every_sync):
    whole = {seed: run_search(task, tmp_path / f"whole-{seed}", seed, 3) for seed in (0, 1)}
    assert whole[0] != whole[1]
    points, kinds, said = 0, set(), set()
    while killed_at(points + 1, lambda: run_search(task, tmp_path / f"cut-{points}", 0, 3)):  # noqa: B023
        points += 1
    assert points >= 8
    for point in range(points):
        folder = tmp_path / f"cut-{point}"
        try:
            found = run_search(task, folder, 1, 3, resume=True)
            kinds.add("empty")
            assert found == whole[1]
        except InvalidRequest as error:
            kinds.add("refused")
            said.add(error.what.rpartition("' ")[2])
            assert run_search(task, folder, 0, 3, resume=True) == whole[0]
    assert kinds == {"empty", "refused"}
    assert said == {"is 1, was 0"}


def test_a_history_that_is_discarded_is_never_mixed_with_the_new_one(task, tmp_path, every_sync):
    old, new = run_search(task, tmp_path / "old", 0, 3), run_search(task, tmp_path / "new", 1, 3)
    point = 1
    while True:
        folder = tmp_path / f"both-{point}"
        run_search(task, folder, 0, 3)
        killed = killed_at(point, lambda: run_search(task, folder, 1, 3, overwrite=True))  # noqa: B023
        finished = (folder / "metrics.json").is_file()
        try:
            found = queries(folder)
        except DamagedFile:
            found = None
        assert not finished or found in (old, new)
        try:
            assert run_search(task, folder, 1, 3, resume=True) == new
        except InvalidRequest:
            assert run_search(task, folder, 0, 3, resume=True) == old
        if not killed:
            break
        point += 1
    assert found == new
    assert point > 8


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_search_extended_in_steps_is_the_uninterrupted_one(task, tmp_path, batch):
    whole = run_search(task, tmp_path / "whole", budget=11, batch=batch)
    for budget in (1, 3, 6, 6, 11):
        found = run_search(task, tmp_path / "steps", budget=budget, batch=batch, resume=True)
        assert found == whole[:budget]
        assert json.loads((tmp_path / "steps" / "metrics.json").read_text())["queries"] == budget


def test_a_budget_below_the_queries_that_there_are_is_refused(task, tmp_path):
    run_search(task, tmp_path, budget=5)
    with pytest.raises(InvalidRequest, match=r"holds 5 queries, the budget is 3. Use budget=5"):
        run_search(task, tmp_path, budget=3, resume=True)


@pytest.fixture
def calls(monkeypatch) -> dict[str, int]:
    """Counts the calls that make files durable."""
    found = {"fsync": 0, "replace": 0}
    for name in found:
        function = getattr(os, name)

        def counted(*args, name=name, function=function, **kwargs):
            found[name] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(os, name, counted)
    return found


def test_queries_are_appended_to_the_one_file(task, tmp_path, monkeypatch, calls):
    monkeypatch.setattr(history_module, "_SYNC_SECONDS", float("inf"))
    run_search(task, tmp_path / "few", budget=3, batch=1)
    few = dict(calls)
    run_search(task, tmp_path / "many", budget=40, batch=1)
    assert calls == {name: 2 * count for name, count in few.items()}


def test_queries_are_synchronised_once_a_second(task, tmp_path, calls):
    rows, now = run_search(task, tmp_path / "search", budget=20, batch=1), 0.0
    calls["fsync"] = 0
    with HistoryFile(tmp_path / "history.jsonl", "me", clock=lambda: now) as file:
        for row in rows:
            now += 0.25
            file.append([row])
    assert calls == {"fsync": 20 / 4 + 1, "replace": calls["replace"]}


def test_a_torn_last_line_is_told_and_asked_again(task, tmp_path):
    whole = run_search(task, tmp_path, budget=6, batch=1)
    path = tmp_path / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for torn in (lines[5][:-1], lines[5][:40], b"\0" * 40, b"\xff\xfe", b"\0\0\0\n", lines[5][:30] + b"\n"):
        path.write_bytes(b"".join(lines[:5]) + torn)
        said: list[str] = []
        assert run_search(task, tmp_path, budget=6, batch=1, resume=True, warn=said.append) == whole
        assert said == [f"line 6 of '{path}' was not written to its end; query 6 is asked for again"]


def changed(**values: object) -> Callable[[dict], dict]:
    return lambda row: {**row, **values}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed(query=4), "holds query 4"),
        (changed(search_value="x"), "search_value"),
        (changed(search_value=True), "search_value"),
        (changed(side=[1]), "side"),
        (changed(ops={"a": 1}), "ops"),
        (changed(edges=[[0, 1, 2]]), "edges"),
        (changed(edges=[[0, -1]]), "edges"),
        (changed(cpu_seconds=-1.0), "cpu_seconds"),
        (changed(epochs=1e400), "not JSON"),
        (changed(more=1), "unknown key 'more'"),
        (lambda row: {key: value for key, value in row.items() if key != "ops"}, "'ops' is missing"),
        (changed(search_value=float("nan")), "not JSON"),
        (changed(canonical_hash="0" * 32), "is not the canonical hash"),
    ],
)
def test_a_damaged_or_crafted_line_is_refused_with_its_number(task, tmp_path, change, words):
    run_search(task, tmp_path, budget=5, batch=1)
    path = tmp_path / "history.jsonl"
    lines = path.read_text().splitlines()
    lines[2] = json.dumps(change(json.loads(lines[2])))
    path.write_text("\n".join(lines) + "\n")
    before = path.read_bytes()
    with pytest.raises(NagError) as caught:
        run_search(task, tmp_path, budget=5, batch=1, resume=True)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500
    if "canonical hash" not in words:
        assert "line 3" in caught.value.what
        assert "Delete the lines from 3 on: resume=true continues" in caught.value.hint
    assert path.read_bytes() == before


def test_a_gap_is_refused_and_what_the_hint_says_works(task, tmp_path):
    whole = run_search(task, tmp_path, budget=5, batch=1)
    path = tmp_path / "history.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    with pytest.raises(DamagedFile, match=r"line 3 .* holds query 4. Query 3 is missing. Delete the lines from 3 on"):
        run_search(task, tmp_path, budget=5, batch=1, resume=True)
    path.write_text("".join(lines[:2]))
    assert run_search(task, tmp_path, budget=5, batch=1, resume=True) == whole


def test_lines_of_two_searches_are_refused(task, tmp_path):
    for name, seed in (("a", 0), ("b", 1)):
        run_search(task, tmp_path / name, seed, budget=6)
    lines = {name: (tmp_path / name / "history.jsonl").read_text().splitlines(keepends=True) for name in "ab"}
    (tmp_path / "a" / "history.jsonl").write_text("".join(lines["a"][:3] + lines["b"][3:]))
    with pytest.raises(InvalidRequest, match="another search"):
        run_search(task, tmp_path / "a", 0, budget=6, resume=True)


def test_only_rows_of_the_schema_are_written(tmp_path):
    with HistoryFile(tmp_path / "history.jsonl", "me") as file, pytest.raises(DamagedFile, match="'query' is missing"):
        file.append([{"arch": "a"}])
    assert read_history(tmp_path / "history.jsonl") == []
