"""The suite `store`: what the store of evaluations takes on, in results a second and in look-ups among many rows."""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nag.evaluation import trial as trials
from nag.execution.executors import LocalExecutor
from nag.execution.store import EvaluationKey, EvaluationStore, Request
from nag.graphs import Architecture
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen

__all__ = ["NoTrial", "StorePreset", "StoreSuite", "measure_look_ups", "measure_throughput"]

_TASK = "store"
_NATIVE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
# The size of a NAS-Bench-201 cell with an operation on each edge, and a result with a curve of twelve epochs.
_CELL = Architecture(
    ("input", *("nor_conv_3x3",) * 6, "output"),
    ((0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7)),
)
_RESULT = trials.Measurement(0.5, 0.5, {"params_m": 1.0}, [{"epoch": float(i), "loss": 0.5} for i in range(12)], 12, 1.0)


@dataclass(frozen=True)
class StorePreset:
    """How much the suite computes.

    Args:
        evaluations: Evaluations that are requested, claimed and completed.
        workers: Processes that do so.
        rows: Rows among which records are looked up.
        look_ups: Records that are looked up at once.
    """

    evaluations: int
    workers: int
    rows: int
    look_ups: int


@dataclass(frozen=True)
class NoTrial:
    """A trial that takes no time, so that the store's share is all there is."""

    fingerprint: str = "none"

    def run(
        self, arch: Architecture, seed: int, on_progress: Callable[[float], None] = trials.ignore_progress
    ) -> trials.Measurement:
        """The same result for all."""
        return _RESULT


class StoreSuite(Suite):
    """Measures the store on a SQLite file in the suite's folder.

    Args:
        presets: Name -> how much is computed.
    """

    def __init__(self, presets: Mapping[str, StorePreset]) -> None:
        self.presets = presets

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "store"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Store of evaluations"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Rates of whole evaluations, and seconds of look-ups."""
        completed = (
            Column("evaluations_per_second", "evaluations a s", ".0f"),
            Column("seconds", "s", ".2f"),
            Column("evaluations", "evaluations", ".0f"),
        )
        look_ups = (
            Column("look_up_seconds", "records, s", ".3f"),
            Column("decoded_seconds", "records with curves, s", ".3f"),
            Column("state_seconds", "states, s", ".3f"),
            Column("claim_seconds", "claim and complete one, s", ".4f"),
            Column("look_ups", "look-ups", ".0f"),
            Column("rows", "rows", ".0f"),
            Column("megabytes", "MB", ".0f"),
        )
        return (
            Table("completed evaluations a second", completed, ("processes=*",)),
            Table("look-ups", look_ups, ("rows=*",)),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        return (
            "A SQLite file on the disk of the output folder, write-ahead mode, full synchronisation: a result counts when "
            "the disk has acknowledged it. *Completed*: requests are entered, claimed by worker processes of the local "
            "executor, measured by a trial that returns at once a curve of twelve epochs, completed and read back; the "
            "time is that of the whole run, start of the processes included, after a run that lets the executor import "
            "this package. *Look-ups*: keys drawn at random from all rows, in one call; the median of five calls, each of "
            "other keys and with a new connection; *with curves* adds the time to decode all results. Rows have an "
            "architecture of eight nodes and the same result."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """Two cells a seed.

        Raises:
            InvalidRequest: An unknown preset.
        """
        preset = chosen(self.presets, options)
        return [
            Cell(cell_key(name, f"seed{seed}"), seed, partial(measure, preset, seed))
            for seed in options.seeds_from(1)
            for name, measure in (("completed", measure_throughput), ("look_ups", measure_look_ups))
        ]


def measure_throughput(preset: StorePreset, seed: int, workshop: ArtifactCache) -> list[Measurement]:
    """Completes evaluations by the local executor."""
    with _empty_store(workshop) as store:
        executor = LocalExecutor(workers=preset.workers)
        executor.run(store, NoTrial(), [_request(seed, -i) for i in range(1, preset.workers + 1)])  # imports what it needs
        requests = [_request(seed, i) for i in range(preset.evaluations)]
        start = time.perf_counter()
        records = executor.run(store, NoTrial(), requests)
        seconds = time.perf_counter() - start
    if any(record.measurement != _RESULT for record in records):
        raise RuntimeError("the store did not give back what was entered")
    values = {
        "evaluations_per_second": preset.evaluations / seconds,
        "seconds": seconds,
        "evaluations": preset.evaluations,
    }
    return _rows(f"processes={preset.workers}", values)


def measure_look_ups(preset: StorePreset, seed: int, workshop: ArtifactCache) -> list[Measurement]:
    """Looks records up among many."""
    rng = random.Random(seed)
    with _empty_store(workshop) as store:
        store.add((_request(seed, i), _RESULT) for i in range(preset.rows))
        store.close()
        looked: list[float] = []
        decoded: list[float] = []
        states: list[float] = []
        claims: list[float] = []
        for repeat in range(5):
            keys = [_request(seed, i).key for i in rng.sample(range(preset.rows), preset.look_ups)]
            with _timed(looked):
                found = store.find(keys)
            with _timed(decoded):
                right = [record.measurement == _RESULT for record in found.values()]
            if found.keys() != set(keys) or not all(right):
                raise RuntimeError("the store did not find what was entered")
            with _timed(states):
                store.states(keys)
            store.request([_request(seed, -1 - repeat)])
            with _timed(claims):
                (claimed,) = store.claim("suite", _TASK, NoTrial().fingerprint, 60.0)
                store.complete("suite", {claimed.key: _RESULT})
            store.close()
        values = {
            "look_up_seconds": _median(looked),
            "decoded_seconds": _median([a + b for a, b in zip(looked, decoded, strict=True)]),
            "state_seconds": _median(states),
            "claim_seconds": _median(claims),
            "look_ups": preset.look_ups,
            "rows": preset.rows,
            "megabytes": Path(store.name).stat().st_size / 1e6,
        }
    return _rows(f"rows={preset.rows}", values)


def _request(seed: int, number: int) -> Request:
    function = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=16).hexdigest()
    return Request(EvaluationKey(function, _TASK, NoTrial().fingerprint, seed), _CELL, _NATIVE)


def _rows(setting: str, values: Mapping[str, float]) -> list[Measurement]:
    return [Measurement("", _TASK, "sqlite", setting, metric, value) for metric, value in values.items()]


def _median(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) // 2]


@contextmanager
def _timed(into: list[float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    into.append(time.perf_counter() - start)


@contextmanager
def _empty_store(workshop: ArtifactCache) -> Iterator[EvaluationStore]:
    """A store on the disk that the results are on; it is gone afterwards."""
    workshop.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".store", dir=workshop.folder) as folder:
        store = EvaluationStore(Path(folder) / "store.db")
        try:
            yield store
        finally:
            store.close()
