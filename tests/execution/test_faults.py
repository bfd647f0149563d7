"""Faults of databases and evaluators: a retry, or one clear line."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from store_trials import CheapTrial, FaultyTrial, value_of, wanted

from nag.core.errors import NagError
from nag.execution.executors import LocalExecutor
from nag.execution.store import EvaluationStore
from nag.execution.worker import WorkOptions, work

pytestmark = pytest.mark.usefixtures("warm_workers")

LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""


def one_line_of(caught) -> str:
    assert "\n" not in str(caught.value)
    assert caught.value.what
    return str(caught.value)


@pytest.fixture
def locked():
    """Locks a SQLite file from another process for some seconds."""
    started = []

    def lock(path, seconds):
        command = [sys.executable, "-c", LOCK, str(path), str(seconds)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "locked\n"

    yield lock
    for process in started:
        process.kill()
        process.communicate()


def test_a_short_lock_is_waited_for(tmp_path, locked):
    store = EvaluationStore(tmp_path / "store.db", patience=30)
    locked(tmp_path / "store.db", 1.5)
    start = time.monotonic()
    assert store.request(wanted(3)) == 3
    assert time.monotonic() - start > 0.5


def test_a_long_lock_is_one_line(tmp_path, locked):
    store = EvaluationStore(tmp_path / "store.db", patience=0.5)
    store.request(wanted(1))
    locked(tmp_path / "store.db", 60)
    start = time.monotonic()
    with pytest.raises(NagError, match="locked by another process") as caught:
        store.request(wanted(3))
    assert "store.db" in one_line_of(caught)
    assert 0.5 <= time.monotonic() - start < 10
    assert len(store.find([wanted(1)[0].key])) == 1  # readers do not wait


def test_work_goes_on_after_a_lock_that_outlasts_leases(tmp_path, locked):
    store = EvaluationStore(tmp_path / "store.db")
    store.request(wanted(40))
    threading.Timer(0.3, locked, (tmp_path / "store.db", 1.5)).start()
    records = LocalExecutor(workers=2, lease_seconds=0.5).run(store, CheapTrial(longest=0.1), wanted(40))
    assert [record.measurement.search_value for record in records] == [value_of(r.architecture, 0) for r in records]


@pytest.fixture
def disk_of_pages():
    """Limits the size of all SQLite files, as a full disk does; to lift the limit, call it with None."""
    pages = [None]

    def set_limit(connection, _):
        if pages[0] is not None and not isinstance(connection, str):
            connection.execute(f"PRAGMA max_page_count={pages[0]}").close()

    event.listen(Engine, "connect", set_limit)
    yield lambda count: pages.__setitem__(0, count)
    event.remove(Engine, "connect", set_limit)


def test_a_full_disk_is_one_line_and_costs_no_finished_result(tmp_path, disk_of_pages):
    EvaluationStore(tmp_path / "store.db").request(wanted(400))
    with sqlite3.connect(tmp_path / "store.db") as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    disk_of_pages(pages + 5)
    with pytest.raises(NagError, match="is full") as caught:
        work(f"sqlite:///{tmp_path}/store.db", CheapTrial(), "t", "e", WorkOptions(patience=0.2, max_attempts=1))
    one_line_of(caught)
    disk_of_pages(None)
    store = EvaluationStore(tmp_path / "store.db")
    done = store.records(status="done")
    assert 0 < len(done) < 400
    records = LocalExecutor(workers=1).run(store, CheapTrial(), wanted(400))
    assert store.find(record.key for record in done) == {record.key: record for record in done}
    assert {record.status for record in records} == {"done"}


@pytest.mark.skipif(os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="needs root, to mount a small disk")
def test_a_really_full_disk_is_one_line_and_costs_no_finished_result(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("may not mount a small disk")
    try:
        store = EvaluationStore(disk / "store.db", patience=0.5)
        with pytest.raises(NagError, match="is full") as caught:
            store.request(wanted(100_000))  # in several transactions
        one_line_of(caught)
        with pytest.raises(NagError, match="is full"):
            LocalExecutor(workers=2).run(store, CheapTrial(), wanted(20_000))
        before = store.counts()
        store.close()
        shutil.copytree(disk, tmp_path / "larger")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    larger = EvaluationStore(tmp_path / "larger" / "store.db")
    assert larger.counts() == before
    assert before["pending"] > 0
    assert larger.request(wanted(500, first=200_000)) == 500


def test_a_server_that_is_out_of_reach_from_the_start_is_told_within_seconds():
    """Although a store in use is waited for much longer."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(NagError, match="cannot be used") as caught:
        EvaluationStore(f"postgresql://nag@127.0.0.1:{port}/nag")
    one_line_of(caught)
    assert time.monotonic() - start < 8


def test_an_unreachable_server_is_one_line_within_the_patience():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(NagError, match="cannot be used") as caught:
        EvaluationStore(f"postgresql://nag:secret@127.0.0.1:{port}/nag", patience=1)
    assert 1 <= time.monotonic() - start < 10
    assert "secret" not in one_line_of(caught)


def test_a_database_that_does_not_exist_is_said_at_once(postgresql):
    start = time.monotonic()
    with pytest.raises(NagError, match="does not exist") as caught:
        EvaluationStore(postgresql.url("nowhere"), patience=60)
    one_line_of(caught)
    assert time.monotonic() - start < 20


@pytest.mark.slow
def test_a_server_that_crashes_and_returns_costs_no_finished_result(postgresql):
    store = EvaluationStore(postgresql.new_database(), patience=60)
    done = {}

    def crash():
        for _ in range(2):
            before, end = len(done), time.monotonic() + 60
            while store.counts()["done"] < before + 20 and time.monotonic() < end:
                time.sleep(0.05)
            done.update({record.key: record for record in store.records(status="done")})
            postgresql.stop("immediate")
            time.sleep(0.5)
            postgresql.start()

    crashing = threading.Thread(target=crash)
    crashing.start()
    records = LocalExecutor(workers=2, lease_seconds=2).run(store, CheapTrial(longest=0.05), wanted(300))
    crashing.join()
    assert done
    assert store.find(done) == done
    assert {record.status for record in records} == {"done"}
    assert [record.measurement.search_value for record in records] == [value_of(r.architecture, 0) for r in records]


def run_faulty(folder: Path, *faults: str, **options):
    trial = FaultyTrial(str(folder), options.pop("attempts", 1000))
    requests = [wanted(1, seed=FaultyTrial.FAULTS.index(fault))[0] for fault in faults]
    store = EvaluationStore(folder / "store.db")
    records = LocalExecutor(workers=2, **options).run(store, trial, requests)
    attempts = [len((folder / f"attempts{request.key.seed}").read_text()) for request in requests]
    return records, attempts


def test_a_result_that_is_none_fails_at_once_and_stops_nobody_else(tmp_path):
    records, attempts = run_faulty(tmp_path, "none", "nan", "infinite", "wrong", "text", "invalid")
    assert [record.error for record in records] == [
        "",
        "returned NaN as search_value",
        "returned infinity as report_value",
        "returned float, not a Measurement",
        "returned str as loss",
        "no network. Take another.",
    ]
    assert [record.status for record in records] == ["done", *["failed"] * 5]
    assert attempts == [1] * 6


def test_an_error_an_exit_and_a_crash_are_tried_again_and_fail_in_one_line(tmp_path):
    records, attempts = run_faulty(tmp_path, "none", "raise", "sys_exit", "exit", "segfault", max_attempts=2)
    assert [record.error for record in records] == [
        "",
        "RuntimeError: first line second line? (attempt 2 of 2)",
        "SystemExit: 3 (attempt 2 of 2)",
        "the worker died (exit code 3) (attempt 2 of 2)",
        "the worker died (exit code -11) (attempt 2 of 2)",
    ]
    assert [record.status for record in records] == ["done", *["failed"] * 4]
    assert attempts[:3] == [1, 2, 2]
    assert set(attempts[3:]) <= {2, 3}  # one more where it was claimed with another one, which was not charged for it


def test_a_hanging_evaluator_is_ended_and_fails_in_one_line(tmp_path):
    records, attempts = run_faulty(tmp_path, "none", "hang", timeout_seconds=1, max_attempts=2)
    assert [record.error for record in records] == ["", "took longer than 1 s (attempt 2 of 2)"]
    assert attempts == [1, 2]


@pytest.mark.slow
def test_an_evaluator_that_hangs_in_native_code_is_ended_too(tmp_path):
    records, _ = run_faulty(tmp_path, "none", "hang_native", timeout_seconds=0.5, max_attempts=1)
    assert records[0].status == "done"
    assert records[1].error.startswith("the worker died")


def test_what_fails_at_first_and_then_works_is_done(tmp_path):
    faults = ["raise", "exit", "hang"]
    records, attempts = run_faulty(tmp_path, *faults, timeout_seconds=2, max_attempts=3, attempts=3)
    assert [record.error for record in records] == [""] * 3
    assert [record.status for record in records] == ["done"] * 3
    assert attempts == [3] * 3
    assert {record.attempts for record in records} <= {2, 3}  # a death among several claims is charged to none


def test_failed_evaluations_stay_failed_until_somebody_asks_for_another_try(tmp_path):
    run_faulty(tmp_path, "raise", max_attempts=1)
    _, attempts = run_faulty(tmp_path, "raise", max_attempts=1, attempts=2)
    assert attempts == [1]
    EvaluationStore(tmp_path / "store.db").retry_failed()
    records, attempts = run_faulty(tmp_path, "raise", max_attempts=1, attempts=2)
    assert attempts == [2]
    assert records[0].status == "done"
