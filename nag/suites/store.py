"""The suite `store`: throughput of the evaluation store, and look-up time among many rows."""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from nag.core.progress import OnProgress, ignore_progress
from nag.evaluation import Stopwatch
from nag.evaluation.trials import trial as trials
from nag.execution.executors import LocalExecutor
from nag.execution.store import EvaluationKey, EvaluationStore, Request
from nag.graphs import Architecture
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.page import PagedSuite

__all__ = ["NoTrial", "StoreSuite"]

_TASK = "store"
_NATIVE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
# The size of a NAS-Bench-201 cell with an operation on each edge, and a result with a curve of twelve epochs.
_CELL = Architecture(
    ("input", *("nor_conv_3x3",) * 6, "output"),
    ((0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7)),
)
_RESULT = trials.Measurement(0.5, 0.5, {"params_m": 1.0}, [{"epoch": float(i), "loss": 0.5} for i in range(12)], 12, 1.0)


@dataclass(frozen=True)
class NoTrial:
    """A trial that takes no time, so that only the store is measured."""

    fingerprint: str = "none"

    def run(self, arch: Architecture, seed: int, on_progress: OnProgress = ignore_progress) -> trials.Measurement:
        """Returns the same result for all architectures."""
        return _RESULT


@dataclass(frozen=True)
class StoreSuite(PagedSuite):
    """Measures the store on a SQLite file in the suite's folder.

    Args:
        evaluations: Number of evaluations that are requested, claimed and completed.
        workers: Number of worker processes.
        rows: Number of rows of the store for look-ups.
        look_ups: Number of records that are looked up at once.
    """

    evaluations: int
    workers: int
    rows: int
    look_ups: int

    name = "store"

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """Two cells for each seed."""
        pairs = zip(options.cells(1, self.complete, "completed"), options.cells(1, self.look_up, "look_ups"), strict=True)
        return [cell for pair in pairs for cell in pair]

    def complete(self, context: CellContext) -> list[Measurement]:
        """Times the completion of evaluations by the local executor."""
        seed = context.seed
        with _empty_store(context.folder) as store:
            executor = LocalExecutor(workers=self.workers)
            executor.run(store, NoTrial(), [_request(seed, -i) for i in range(1, self.workers + 1)])  # imports what it needs
            requests = [_request(seed, i) for i in range(self.evaluations)]
            watch = Stopwatch()
            records = executor.run(store, NoTrial(), requests)
            seconds = watch.wall
        if any(record.measurement != _RESULT for record in records):
            raise RuntimeError("the store returned other results than those entered")
        values = {
            "evaluations_per_second": self.evaluations / seconds,
            "seconds": seconds,
            "evaluations": float(self.evaluations),
        }
        return measurements("", _TASK, "sqlite", f"processes={self.workers}", values)

    def look_up(self, context: CellContext) -> list[Measurement]:
        """Times look-ups among many rows."""
        rng, seconds = random.Random(context.seed), defaultdict[str, list[float]](list)
        with _empty_store(context.folder) as store:
            store.add((_request(context.seed, i), _RESULT) for i in range(self.rows))
            store.close()
            for repeat in range(5):
                keys = [_request(context.seed, i).key for i in rng.sample(range(self.rows), self.look_ups)]
                for name, spent in _looked_up(store, keys, _request(context.seed, -1 - repeat)).items():
                    seconds[name].append(spent)
                store.close()
            megabytes = Path(store.name).stat().st_size / 1e6
        values = {
            **{name: median(spent) for name, spent in seconds.items()},
            **{"look_ups": float(self.look_ups), "rows": float(self.rows), "megabytes": megabytes},
        }
        return measurements("", _TASK, "sqlite", f"rows={self.rows}", values)


def _looked_up(store: EvaluationStore, keys: Sequence[EvaluationKey], new: Request) -> dict[str, float]:
    """Seconds of each operation on a store; adds one record."""
    watch = Stopwatch()
    found = store.find(keys)
    read = watch.wall
    right = [record.measurement == _RESULT for record in found.values()]
    seconds = {"look_up_seconds": read, "decoded_seconds": watch.wall}
    if found.keys() != set(keys) or not all(right):
        raise RuntimeError("the store found other records than those entered")
    watch = Stopwatch()
    store.states(keys)
    seconds["state_seconds"] = watch.wall
    store.request([new])
    watch = Stopwatch()
    (claimed,) = store.claim("suite", _TASK, NoTrial().fingerprint, 60.0)
    store.complete("suite", {claimed.key: _RESULT})
    return {**seconds, "claim_seconds": watch.wall}


def _request(seed: int, number: int) -> Request:
    function = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=16).hexdigest()
    return Request(EvaluationKey(function, _TASK, NoTrial().fingerprint, seed), _CELL, _NATIVE)


@contextmanager
def _empty_store(results: Path) -> Iterator[EvaluationStore]:
    """A temporary store on the disk of the results."""
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".store", dir=results) as folder:
        store = EvaluationStore(Path(folder) / "store.db")
        try:
            yield store
        finally:
            store.close()
