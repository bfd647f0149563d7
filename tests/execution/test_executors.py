"""Executors: every request once, in order, in processes that end with their driver."""

import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from store_trials import CheapTrial, FaultyTrial, TinyTraining, value_of, wanted

from nag.core.errors import InvalidRequest, MissingData, NagError
from nag.evaluation.trials.trial import Measurement
from nag.execution.executors import LocalExecutor, RayExecutor
from nag.execution.store import EvaluationStore
from nag.execution.worker import WorkOptions, work


@pytest.fixture
def store(tmp_path):
    return EvaluationStore(tmp_path / "store.db")


def wait_for(condition, seconds=200.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_records_come_in_the_order_of_the_requests(store_url):
    store = EvaluationStore(store_url)
    requests = [*wanted(30), *wanted(30, seed=7), *wanted(5)][::-1]
    told = []
    records = LocalExecutor(workers=2).run(store, CheapTrial(), requests, lambda done, total: told.append((done, total)))
    assert [record.key for record in records] == [request.key for request in requests]
    assert [record.measurement.search_value for record in records] == [
        value_of(request.architecture, request.key.seed) for request in requests
    ]
    assert told[0] == (0, 60)
    assert told[-1] == (60, 60)
    assert {record.attempts for record in records} == {1}


def test_what_the_store_holds_is_not_measured_again(store, tmp_path):
    log = tmp_path / "log"
    executor, trial = LocalExecutor(workers=1), CheapTrial(str(log))
    first = executor.run(store, trial, wanted(5))
    assert executor.run(store, trial, wanted(5)) == first
    assert len(log.read_text().splitlines()) == 5
    executor.run(store, trial, wanted(7))
    assert len(log.read_text().splitlines()) == 7
    assert executor.run(store, trial, []) == []


def test_work_in_this_process_does_the_same(store):
    store.request(wanted(20))
    assert work(store.url, CheapTrial(), "t", "e", WorkOptions()) == 20
    assert work(store.url, CheapTrial(), "t", "e", WorkOptions()) == 0
    records = store.records()
    assert [r.measurement.search_value for r in records] == [value_of(r.architecture, r.key.seed) for r in records]
    assert {record.measurement.cpu_seconds for record in records} == {0.5}  # the trial's own count


@dataclass(frozen=True)
class Busy:
    fingerprint = "e"

    def run(self, arch, seed, on_progress=None):
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        return Measurement(1.0)


def test_a_worker_counts_the_cpu_seconds_of_trials_that_do_not(store):
    store.request(wanted(3))
    work(store.url, Busy(), "t", "e", WorkOptions())
    assert all(0.05 <= record.measurement.cpu_seconds < 5 for record in store.records())


def test_workers_wait_for_what_others_hold_and_take_it_over(store):
    store.request(wanted(2))
    (lost,) = store.claim("dead", "t", "e", 1.0)
    start = time.time()
    assert work(store.url, CheapTrial(), "t", "e", WorkOptions()) == 2
    assert store.find([lost.key])[lost.key].attempts == 2
    assert time.time() - start > 0.9


def test_progress_of_running_trials_counts(store, tmp_path):
    (tmp_path / "running").touch()  # no pause
    told = []
    LocalExecutor(workers=1, lease_seconds=0.3).run(store, SlowProgress(), wanted(2), lambda done, total: told.append(done))
    assert any(0 < done < 1 for done in told)
    assert told == sorted(told)


@dataclass(frozen=True)
class SlowProgress:
    fingerprint = "e"

    def run(self, arch, seed, on_progress=None):
        for step in range(10):
            on_progress((step + 1) / 10)
            time.sleep(0.12)
        return Measurement(1.0)


def test_a_trial_whose_claim_was_lost_ends_at_its_next_sign(store):
    store.request(wanted(1))
    trial = Robbed(store.url)
    assert work(store.url, trial, "t", "e", WorkOptions(lease_seconds=0.3)) == 0
    (record,) = store.records()
    assert record.measurement.search_value == 5.0
    assert record.worker == "thief"


@dataclass(frozen=True)
class Robbed:
    """Another worker takes the claim away and completes it while this trial runs."""

    url: str
    fingerprint = "e"

    def run(self, arch, seed, on_progress=None):
        store = EvaluationStore(self.url)
        (held,) = store.records()
        store.lapse(held.worker, "lost")
        store.claim("thief", "t", "e", 60)
        store.complete("thief", {held.key: Measurement(5.0)})
        for _ in range(100):
            time.sleep(0.05)
            on_progress(0.5)
        return Measurement(6.0)


def test_requests_of_several_evaluators_and_trials_that_cannot_travel_are_refused(store):
    with pytest.raises(InvalidRequest, match="2 tasks and evaluators"):
        LocalExecutor(workers=1).run(store, CheapTrial(), [*wanted(1), *wanted(1, "f")])

    class Hidden(CheapTrial):
        pass

    with pytest.raises(InvalidRequest, match="cannot be sent"):
        LocalExecutor(workers=1).run(store, Hidden(), wanted(1))
    assert store.counts()["pending"] == 0


@pytest.mark.parametrize("executor", [LocalExecutor, RayExecutor])
@pytest.mark.parametrize(
    "options", [{"workers": 0}, {"lease_seconds": 0}, {"timeout_seconds": -1}, {"max_attempts": 0}, {"threads": 0}]
)
def test_impossible_numbers_are_refused(executor, options):
    with pytest.raises(InvalidRequest, match=next(iter(options))):
        executor(**options)


@dataclass(frozen=True)
class Unloadable:
    weights: str = "at home"

    fingerprint = "e"

    def __setstate__(self, state):
        raise RuntimeError("left its weights at home")


def test_workers_that_cannot_begin_are_told_of_in_one_line(store):
    with pytest.raises(NagError, match="left its weights at home") as caught:
        LocalExecutor(workers=2).run(store, Unloadable(), wanted(3))
    assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class EndsAtOnce:
    fingerprint = "e"

    def __reduce__(self):
        return os._exit, (9,)


def test_workers_that_die_before_they_begin_are_not_replaced_for_ever(store):
    with pytest.raises(NagError, match="die before they finish anything"):
        LocalExecutor(workers=2, max_attempts=2).run(store, EndsAtOnce(), wanted(3))
    assert {record.status for record in store.records()} == {"pending"}


@dataclass(frozen=True)
class Parent:
    """Starts a process of its own, notes it, and waits."""

    folder: str
    fingerprint = "e"

    def run(self, arch, seed, on_progress=None):
        import subprocess

        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(self.folder, f"{os.getpid()}.{child.pid}").touch()
        time.sleep(600)


def _drive(url, folder):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what it starts in the background
    LocalExecutor(workers=2).run(EvaluationStore(url), Parent(folder), wanted(2))


def alive(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_workers_and_what_they_started_end_with_their_driver_and_give_back_what_they_held(store, tmp_path, how):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nag.execution.executors"])
    (tmp_path / "pids").mkdir()
    driver = context.Process(target=_drive, args=(store.url, str(tmp_path / "pids")))
    driver.start()
    wait_for(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    pids = [int(pid) for path in (tmp_path / "pids").iterdir() for pid in path.name.split(".")]
    assert all(alive(pid) for pid in pids)
    os.kill(driver.pid, how)
    driver.join()
    wait_for(lambda: not any(alive(pid) for pid in pids), 60)
    wait_for(lambda: store.counts()["claimed"] == 0, 10)
    assert [record.attempts for record in store.records()] == [0, 0]


def test_ray_that_is_not_there_is_said_in_one_line(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingData, match=r'pip install "nag\[ray\]"'):
        RayExecutor().run(store, CheapTrial(), wanted(1))


def test_a_sqlite_store_and_a_cluster_elsewhere_are_refused(store):
    with pytest.raises(InvalidRequest, match=r"postgresql://"):
        RayExecutor(address="ray://elsewhere:10001").run(store, CheapTrial(), wanted(1))


@pytest.fixture(scope="module")
def ray_cluster():
    """A local cluster for all tests of this module, with two CPUs whatever the host has."""
    ray = pytest.importorskip("ray")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, _system_config={"worker_niceness": 0})
    yield ray
    ray.shutdown()


@pytest.mark.parametrize("trial", [lambda folder: CheapTrial(), pytest.param(TinyTraining, marks=pytest.mark.slow)])
def test_ray_gives_the_same_results_as_local_processes(ray_cluster, store, tmp_path, trial):
    (tmp_path / "running").touch()  # no pause
    requests, trial = [*wanted(6), *wanted(6, seed=3)], trial(str(tmp_path))
    far = RayExecutor(workers=2).run(store, trial, requests)
    near = LocalExecutor(workers=2).run(EvaluationStore(tmp_path / "near.db"), trial, requests)
    assert [record.key for record in far] == [request.key for request in requests]
    assert [replace(record.measurement, cpu_seconds=0) for record in far] == [
        replace(record.measurement, cpu_seconds=0) for record in near
    ]


@pytest.mark.slow
def test_a_ray_worker_killed_in_mid_training_is_retried(ray_cluster, store, tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nag.execution.executors"])
    mark = tmp_path / "running"
    killer = context.Process(target=_kill_when_running, args=(str(mark),))
    killer.start()
    records = RayExecutor(workers=2).run(store, TinyTraining(str(tmp_path)), wanted(3))
    killer.join()
    assert killer.exitcode == 0
    assert [record.status for record in records] == ["done"] * 3
    assert sorted(record.attempts for record in records) == [1, 1, 2]
    (again,) = [record for record in records if record.attempts == 2]
    undisturbed = TinyTraining(str(tmp_path)).run(again.architecture, 0)
    assert again.measurement.search_value == undisturbed.search_value
    assert again.measurement.curve == undisturbed.curve


def _kill_when_running(mark):
    wait_for(Path(mark).exists, 120)
    os.kill(int(Path(mark).read_text()), signal.SIGKILL)


@pytest.mark.slow
def test_ray_workers_that_exit_or_hang_end_as_failures(ray_cluster, store, tmp_path):
    faults = ["none", "exit", "hang", "raise"]
    requests = [wanted(1, seed=FaultyTrial.FAULTS.index(fault))[0] for fault in faults]
    records = RayExecutor(workers=2, timeout_seconds=1, max_attempts=2).run(store, FaultyTrial(str(tmp_path)), requests)
    assert [record.status for record in records] == ["done", "failed", "failed", "failed"]
    for record, words in zip(records[1:], ["the worker died", "took longer than 1 s", "RuntimeError: first line"], strict=True):
        assert record.error.startswith(words)


@pytest.mark.slow
def test_ray_without_the_gpus_that_are_asked_for_is_refused(ray_cluster, store):
    with pytest.raises(InvalidRequest, match="GPUs"):
        RayExecutor(gpus_per_trial=1000).run(store, CheapTrial(), wanted(1))
