"""Rows that somebody else wrote into a store: told in one line or put right, never run, never waited for without end."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
import time
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.forkserver import ForkServer

import pytest
from store_trials import CheapTrial, value_of, wanted

from nag.core.errors import DamagedFile, InvalidRequest, NagError
from nag.core.numbers import LONGEST_LEASE
from nag.core.progress import ignore_progress
from nag.evaluation import load_training_task
from nag.evaluation.trials.function_names import FunctionNames, canonical_functions
from nag.evaluation.trials.trial import Measurement
from nag.execution.executors import LocalExecutor
from nag.execution.store import EvaluationKey, EvaluationStore, Request
from nag.execution.stored_evaluator import StoredEvaluator
from nag.execution.worker import WorkOptions, work
from nag.spaces import load_space

pytestmark = pytest.mark.usefixtures("warm_workers")

SPACE = load_space("nasbench201")
CELL = SPACE.decode("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|")
NAMES = FunctionNames(SPACE)


@dataclass(frozen=True)
class Noting:
    """Writes what it was given into a file."""

    log: str
    fingerprint: str = "e"

    def run(self, arch, seed, on_progress=ignore_progress):
        with open(self.log, "a") as file:
            file.write(f"{arch.ops}\n")
        return Measurement(1.0)


@pytest.fixture
def store(tmp_path):
    return EvaluationStore(tmp_path / "store.db")


def plant(store, **columns):
    """Changes all rows."""
    with sqlite3.connect(store.name) as connection:
        connection.execute(f"UPDATE evaluations SET {', '.join(f'{name} = ?' for name in columns)}", tuple(columns.values()))
    connection.close()


def asked() -> Request:
    return Request(EvaluationKey(NAMES(CELL), "t", "e", 0), CELL, SPACE.encode(CELL))


@pytest.mark.parametrize(
    "columns",
    [
        {"ops": '["input","$(touch X)","output"]', "edges": "[[0,1],[1,2]]"},
        {"ops": '["input","output"]', "edges": "[[0,1]]"},
        {"ops": '["input","none","none","none","none","none","none","output"]'},  # of the space, but another function
        {"edges": "[[[0],1]]"},
        {"edges": '[["0",1]]'},
        {"edges": "[[0,1,2]]"},
        {"edges": "[[5,1]]"},
        {"edges": "[[0,1],[0,1]]"},
        {"edges": "{}"},
        {"edges": "null"},
        {"ops": "[1,2]"},
        {"ops": "not json"},
        {"ops": "[" * 100_000},
    ],
    ids=str,
)
def test_an_architecture_that_is_not_the_one_of_its_key_is_not_run(store, tmp_path, columns):
    """(S1, S7)"""
    store.request([asked()])
    plant(store, **columns)
    assert work(store.url, Noting(str(tmp_path / "log")), "t", "e", WorkOptions(), name_of=NAMES) == 0
    assert not (tmp_path / "log").exists()
    (record,) = store.records()
    assert record.status == "failed"
    assert record.error
    assert len(record.error) < 400


def test_who_asks_again_enters_the_architecture_that_was_meant(store, tmp_path):
    task = load_training_task("digits/nasbench201")
    name = canonical_functions(SPACE, [CELL])[0]
    trial = Noting(str(tmp_path / "log"))
    store.request(
        [Request(EvaluationKey(name, task.name, "e", 0), SPACE.decode("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"))]
    )
    first, again = (StoredEvaluator(task, trial, store, LocalExecutor(workers=1)).evaluate([CELL])[0] for _ in range(2))
    assert "not the one of its key" in first.error
    assert again.search_value == 1.0
    assert (tmp_path / "log").read_text() == f"{CELL.ops}\n"


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "odd"},
        {"status": ""},
        {"status": b"\xff"},
        {"lease_end": None},
        {"status": "claimed", "lease_end": None},
        {"lease_end": "soon"},
        {"lease_end": float("inf")},
        {"lease_end": -1.0},
        {"lease_end": 1e300},
        {"progress": "half"},
        {"progress": 7.0},
        {"attempts": -3},
        {"attempts": "many"},
        {"batch": 0},
        {"function": 3, "batch": 0},
        {"status": "done", "lease_end": None},
        {"status": "done", "lease_end": None, "search_value": "good", "side": "{}", "curve": "[]", "epochs": 0},
    ],
    ids=str,
)
def test_a_damaged_row_is_told_in_one_line_and_never_waited_for(store, columns):
    """(S6, S7)"""
    store.request([asked()])
    plant(store, **columns)
    start = time.monotonic()
    with pytest.raises(NagError) as caught:
        LocalExecutor(workers=1).run(store, CheapTrial(), [asked()])
    assert time.monotonic() - start < 10
    assert len(str(caught.value)) <= 500
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("side", "curve"), [("[]", "[]"), ('{"a": "b"}', "[]"), ("{}", '[{"a": []}]'), ("{", "[]"), ("{}", "7")]
)
def test_a_damaged_result_is_told(store, side, curve):
    store.add([(asked(), Measurement(1.0))])
    plant(store, side=side, curve=curve)
    with pytest.raises(DamagedFile):
        _ = store.records()[0].measurement


@pytest.mark.parametrize("hence", [10.0**18, 2 * LONGEST_LEASE])
def test_a_lease_without_end_holds_nothing(store, hence):
    """(S6)"""
    store.request([asked()])
    plant(store, status="claimed", worker="ghost", lease_end=time.time() + hence)
    start = time.monotonic()
    (record,) = LocalExecutor(workers=1).run(store, CheapTrial(), [asked()])
    assert record.status == "done"
    assert time.monotonic() - start < 10


def test_leases_are_an_hour_at_most(store):
    store.request([asked()])
    store.claim("w", "t", "e", 1e15)
    with sqlite3.connect(store.name) as connection:
        (end,) = connection.execute("SELECT lease_end FROM evaluations").fetchone()
    assert end <= time.time() + LONGEST_LEASE
    with pytest.raises(InvalidRequest, match="lease_seconds"):
        LocalExecutor(lease_seconds=1e6)


@dataclass(frozen=True)
class Lasting:
    """Returns at once for its first architecture and takes long for others."""

    folder: str
    fingerprint = "e"

    def run(self, arch, seed, on_progress=ignore_progress):
        if seed == 2:  # claimed with others that had been short
            (time.sleep(0.01), os.kill(os.getpid(), 9))
        return Measurement(value_of(arch, seed))


def test_a_result_is_on_the_disk_as_soon_as_its_call_has_returned(store):
    """(L5) The worker is killed in the call that follows; what came before it in the same batch is kept."""
    requests = [wanted(1, first=i, seed=seed)[0] for i, seed in enumerate([0, 0, 0, 0, 0, 0, 2])]
    store.request(requests)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nag.execution.worker"])
    process = context.Process(target=work, args=(store.url, Lasting(""), "t", "e", WorkOptions(batch_seconds=100.0)))
    process.start()
    process.join()
    assert process.exitcode == -9
    assert store.counts()["done"] == 6


def test_a_server_killed_before_a_worker_starts_is_started_again(store, monkeypatch):
    """(L10)"""
    server = ForkServer()
    monkeypatch.setattr(forkserver, "connect_to_new_process", server.connect_to_new_process)
    monkeypatch.setattr(forkserver, "ensure_running", server.ensure_running)
    killed = []

    def kill():
        while server._forkserver_pid is None:
            time.sleep(0.001)
        killed.append(server._forkserver_pid)
        os.kill(killed[0], 9)

    killer = threading.Thread(target=kill)
    killer.start()
    records = LocalExecutor(workers=1).run(store, CheapTrial(), wanted(2))
    killer.join()
    server._stop()
    assert killed
    assert [record.status for record in records] == ["done"] * 2


def test_what_had_failed_is_tried_again_by_the_next_command_that_asks(store, tmp_path):
    """(L1) A mistake that was mended does not stay failed."""
    task = load_training_task("digits/nasbench201")
    mark = tmp_path / "mended"

    def evaluate(**options):
        evaluator = StoredEvaluator(task, Mended(str(mark)), store, LocalExecutor(workers=1, max_attempts=1), **options)
        return [evaluator.evaluate([CELL])[0] for _ in range(2)]

    assert all("not mended" in found.error for found in evaluate())
    assert (tmp_path / "mended.calls").read_text() == "."  # asked twice, tried once
    mark.touch()
    assert all("not mended" in found.error for found in evaluate(retry_failed=False))
    first, second = evaluate()
    assert (first.error, first.search_value, first.reused) == ("", 2.0, False)
    assert second.reused
    assert (tmp_path / "mended.calls").read_text() == ".."


@dataclass(frozen=True)
class Mended:
    mark: str
    fingerprint: str = "e"

    def run(self, arch, seed, on_progress=ignore_progress):
        with open(f"{self.mark}.calls", "a") as file:
            file.write(".")
        if not os.path.exists(self.mark):
            raise RuntimeError("not mended")
        return Measurement(2.0)
