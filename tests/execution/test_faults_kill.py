"""Kill -9 of workers and drivers at random instants: nothing finished is lost, nothing is done twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from store_trials import CheapTrial, wanted

from nag.execution.executors import LocalExecutor
from nag.execution.store import EvaluationStore

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")

AMOUNTS = [20, pytest.param(200, marks=pytest.mark.slow)]  # kills
TRIALS, OF_DRIVERS = 8, 5  # trials for each kill, and kills of workers and drivers for each of a driver
DRIVERS, WORKERS = 2, 4
MOST_BEGUN = 6  # trials begun between two kills, so that all kills fall before the trials can be done
LONGEST = 0.03  # seconds of a trial

# The database itself keeps account of what becomes done, of whatever happens to a row that is done, and of claims that
# another worker ended before their lease did (drivers end those of workers whose death they saw, for another reason).
SQLITE_AUDIT = """
CREATE TABLE audit (event TEXT, function TEXT, seed INTEGER, worker TEXT, search_value REAL, finished REAL);
CREATE TRIGGER becomes_done AFTER UPDATE ON evaluations WHEN NEW.status = 'done'
BEGIN INSERT INTO audit VALUES ('done', NEW.function, NEW.seed, NEW.worker, NEW.search_value, NEW.finished); END;
CREATE TRIGGER was_done AFTER UPDATE ON evaluations WHEN OLD.status = 'done'
BEGIN INSERT INTO audit VALUES ('changed', NEW.function, NEW.seed, NEW.worker, NEW.search_value, NEW.finished); END;
CREATE TRIGGER is_gone AFTER DELETE ON evaluations
BEGIN INSERT INTO audit VALUES ('deleted', OLD.function, OLD.seed, OLD.worker, OLD.search_value, OLD.finished); END;
CREATE TRIGGER is_taken AFTER UPDATE ON evaluations
WHEN OLD.status = 'claimed' AND NEW.lease_end < OLD.lease_end AND NEW.error <> OLD.error AND NEW.error LIKE '% or was lost%'
BEGIN INSERT INTO audit VALUES ('taken early', OLD.function, OLD.seed, OLD.worker, NULL, NULL); END;
"""
POSTGRESQL_AUDIT = """
CREATE TABLE audit
  (event TEXT, function TEXT, seed BIGINT, worker TEXT, search_value DOUBLE PRECISION, finished DOUBLE PRECISION);
CREATE FUNCTION note() RETURNS trigger AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO audit VALUES ('deleted', OLD.function, OLD.seed, OLD.worker, OLD.search_value, OLD.finished);
  ELSIF OLD.status = 'done' THEN
    INSERT INTO audit VALUES ('changed', NEW.function, NEW.seed, NEW.worker, NEW.search_value, NEW.finished);
  ELSIF OLD.status = 'claimed' AND NEW.lease_end < OLD.lease_end AND NEW.error <> OLD.error
      AND NEW.error LIKE '% or was lost%' THEN
    INSERT INTO audit VALUES ('taken early', OLD.function, OLD.seed, OLD.worker, NULL, NULL);
  ELSIF NEW.status = 'done' THEN
    INSERT INTO audit VALUES ('done', NEW.function, NEW.seed, NEW.worker, NEW.search_value, NEW.finished);
  END IF;
  RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER note AFTER UPDATE OR DELETE ON evaluations FOR EACH ROW EXECUTE FUNCTION note();
"""


def database(url):
    parsed = make_url(url)
    return create_engine(parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed)


def install_audit(url):
    engine = database(url)
    with engine.begin() as connection:
        raw = connection.connection.driver_connection
        if engine.dialect.name == "sqlite":
            raw.executescript(SQLITE_AUDIT)
        else:
            raw.execute(POSTGRESQL_AUDIT)
    engine.dispose()


def read_audit(url):
    engine = database(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM audit")).all()
    engine.dispose()
    return rows


def requests(count):
    """Each with a seed of its own, by which the trials' log names it."""
    return [request for i in range(count) for request in wanted(1, first=i, seed=i)]


def drive(url, log, count):
    # Workers are forked from the server that forked this driver too: one of its own would take seconds to import nag.
    multiprocessing.forkserver._forkserver.ensure_running = lambda: None
    executor = LocalExecutor(workers=WORKERS // DRIVERS, lease_seconds=5, max_attempts=10**6)
    executor.run(EvaluationStore(url, patience=60), CheapTrial(log, LONGEST), requests(count))


def parents():
    """Process -> parent, of all that live."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(path.parent.name)] = int(parent)
    return found


@dataclass
class Drivers:
    """Driver processes; they and their workers are children of one server that forks them."""

    url: str
    log: str
    trials: int
    running: list = field(default_factory=list)
    all: set = field(default_factory=set)
    seen: set = field(default_factory=set)

    def __post_init__(self):
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["nag.execution.executors"])

    def fill(self):
        self.running = [process for process in self.running if process.is_alive()]
        while len(self.running) < DRIVERS:
            process = self.context.Process(target=drive, args=(self.url, self.log, self.trials))
            process.start()
            self.running.append(process)
            self.all.add(process.pid)

    def workers(self):
        parent_of = parents()
        servers = {parent_of.get(process.pid) for process in self.running} - {None}
        found = [child for child, parent in parent_of.items() if parent in servers and child not in self.all]
        self.seen.update(found)
        return found

    def kill_worker(self, rng):
        workers = self.workers()
        if not workers:
            return False
        with suppress(ProcessLookupError):
            os.kill(rng.choice(workers), signal.SIGKILL)
            return True
        return False

    def kill_driver(self, rng):
        self.workers()
        process = rng.choice(self.running)
        process.kill()
        process.join()


def await_begun(log, count, seconds=10.0):
    """Waits until so many more trials have begun (where nothing runs, no longer than so many seconds)."""
    end, size = time.monotonic() + seconds, log.stat().st_size if log.exists() else 0
    while time.monotonic() < end:
        with suppress(OSError):
            if log.read_bytes()[size:].count(b"\n") >= count:
                return
        time.sleep(0.01)


def table(store):
    """All that does not depend on who measured when."""
    return [(r.key, r.architecture, r.native, r.status, r.error, repr(r.measurement)) for r in store.records()]


@pytest.mark.parametrize("number", AMOUNTS)
def test_kills_of_workers_and_drivers_change_nothing(number, store_url, tmp_path):
    rng, log, trials = random.Random(0), tmp_path / "log", number * TRIALS
    store = EvaluationStore(store_url, patience=60)
    install_audit(store_url)
    store.request(requests(trials))
    drivers = Drivers(store_url, str(log), trials)
    drivers.fill()
    kills = 0
    while kills < number:
        await_begun(log, rng.randint(0, MOST_BEGUN))
        time.sleep(LONGEST * rng.random())
        if kills % OF_DRIVERS == OF_DRIVERS - 1:
            drivers.kill_driver(rng)
            drivers.fill()
            kills += 1
        else:
            assert any(process.is_alive() for process in drivers.running), "no driver is left"
            kills += drivers.kill_worker(rng)
    assert store.counts()["done"] < trials  # the last kill still hit somebody at work
    assert {row.event for row in read_audit(store_url)} <= {"done"}
    for process in drivers.running:
        process.join(300)
        assert process.exitcode == 0

    # Nothing finished was lost or done twice, as the database saw it.
    audit, records = read_audit(store_url), store.records()
    assert {row.event for row in audit} == {"done"}
    assert sorted(row.function for row in audit) == [request.key.function for request in requests(trials)]
    accepted = {row.function: (row.worker, row.search_value, row.finished) for row in audit}
    assert accepted == {r.key.function: (r.worker, r.measurement.search_value, r.finished) for r in records}

    # Nor was it begun again, as the trials saw it.
    finished = {r.key.seed: r.finished for r in records}
    begun = [line.split() for line in log.read_text().splitlines()]
    assert all(float(start) <= finished[int(seed)] for seed, start, _ in begun)
    assert len(begun) > trials  # some were killed on the way
    assert len({pid for _, _, pid in begun}) > number / 4

    # And all is as if nobody had been killed.
    undisturbed = EvaluationStore(tmp_path / "undisturbed.db")
    LocalExecutor(workers=WORKERS).run(undisturbed, CheapTrial(), requests(trials))
    assert table(store) == table(undisturbed)
    end = time.monotonic() + 20
    while left := drivers.seen & parents().keys():
        assert time.monotonic() < end, f"workers {left} outlived their drivers"
        time.sleep(0.1)
