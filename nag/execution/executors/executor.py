"""What an executor does, and the loop that all of them share."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Protocol

from nag.core.errors import InvalidRequest, NagError
from nag.evaluation.trial import Trial
from nag.execution.store import EvaluationKey, EvaluationStore, Record, Request
from nag.execution.worker import WorkOptions, worker_name
from nag.graphs import Architecture

__all__ = ["Executor", "WorkerPool", "drive", "ignore_count"]

_SHORTEST_POLL, _LONGEST_POLL = 0.1, 5.0
_SPARE_DEATHS = 3
_PATIENCE_AT_THE_END = 5.0


def ignore_count(done: float, total: int) -> None:
    """An `on_progress` that does nothing."""


class Executor(Protocol):
    """Runs trials in processes of its own."""

    def run(
        self,
        store: EvaluationStore,
        trial: Trial,
        requests: Sequence[Request],
        on_progress: Callable[[float, int], None] = ignore_count,
        name_of: Callable[[Architecture], str] | None = None,
    ) -> list[Record]:
        """Enters requests in the store and returns when each is done or failed, regardless of which process did it.

        Args:
            store: The store; what it holds already is not measured again.
            trial: Measures one architecture.
            requests: What is wanted, all of one task and one evaluator; functional twins may be among them.
            on_progress: Told several times a second how many evaluations are finished, shares of the running ones
                included, and how many there are.
            name_of: Name of the function of an architecture, by which workers check what they claim against its key; None
                where whoever writes to the store is trusted.

        Returns:
            The record of each request, in order, failed ones with their `error`.

        Raises:
            InvalidRequest: The trial cannot be sent to another process, or the requests do not belong together.
            NagError: The store cannot be used, or the workers die without finishing anything.
        """
        ...


class WorkerPool(Protocol):
    """The worker processes of one run."""

    def start(self, name: str) -> None:
        """Starts a worker."""
        ...

    def wait(self, seconds: float) -> dict[str, str]:
        """Waits until a worker has ended, at most so long.

        Returns:
            Name of each worker that has ended since the last call -> how it died; empty where it ended by itself.

        Raises:
            NagError: A worker ended with an error of its own, not of a trial.
        """
        ...

    def stop(self) -> None:
        """Ends all workers at once."""
        ...


def drive(
    store: EvaluationStore,
    pool: WorkerPool,
    workers: int,
    requests: Sequence[Request],
    options: WorkOptions,
    on_progress: Callable[[float, int], None],
) -> list[Record]:
    """Keeps a pool of workers running until all requests are finished; see `Executor.run`."""
    store.request(requests)
    keys = [request.key for request in requests]
    patient = EvaluationStore(store.url, options.patience, options.patience)  # giving up would end trials that ran for long
    run = _Run(patient, pool, options, on_progress)
    try:
        while True:
            run.finish(keys, workers)
            records = patient.find(keys)
            if all(record.state.finished for record in records.values()):
                return [records[key] for key in keys]
            # else another run has asked for another try of what had failed
    finally:
        run.stop()
        patient.close()


def task_and_evaluator(requests: Sequence[Request]) -> tuple[str, str]:
    """What all requests have in common.

    Raises:
        InvalidRequest: There is no such thing.
    """
    found = {(request.key.task, request.key.evaluator) for request in requests}
    if len(found) != 1:
        raise InvalidRequest(f"requests of {len(found)} tasks and evaluators", "Run those of one at a time.")
    return found.pop()


class _Run:
    """The requests that are open, and the workers of their pool: replaced when they die, stopped when too many do."""

    def __init__(
        self, store: EvaluationStore, pool: WorkerPool, options: WorkOptions, on_progress: Callable[[float, int], None]
    ) -> None:
        self._store, self._pool, self._options, self._on_progress = store, pool, options, on_progress
        self._names: set[str] = set()
        self._most, self._deaths, self._finished = 0, 0, -1

    def finish(self, keys: Collection[EvaluationKey], workers: int) -> None:
        """Keeps at most so many workers running until all requests are finished.

        Raises:
            NagError: A worker could not work, or too many died in a row.
        """
        left, total = set(keys), len(set(keys))
        while True:
            start = time.monotonic()
            states = self._store.states(left)
            left = {key for key, state in states.items() if not state.finished}
            pause = min(max(_SHORTEST_POLL, 10 * (time.monotonic() - start)), _LONGEST_POLL)
            self._on_progress(total - len(left) + sum(states[key].progress for key in left), total)
            if not left:
                return
            self._fill(min(workers, len(left)))
            self._wait(pause, total - len(left))

    def _fill(self, count: int) -> None:
        while len(self._names) < count:
            name = worker_name()
            self._names.add(name)
            self._pool.start(name)
        self._most = max(self._most, count)

    def _wait(self, seconds: float, finished: int) -> None:
        """Waits for workers to end and frees the claims of those that died."""
        if finished != self._finished:
            self._deaths, self._finished = 0, finished
        for name, death in self._pool.wait(seconds).items():
            self._names.discard(name)
            if death:
                self._deaths += 1
                self._store.lapse(name, f"the worker died ({death})", self._options.max_attempts)
            # With fewer deaths than this, it may be evaluations that kill; with more, one of them would have failed. (One
            # more than its attempts, for a death with several claims is charged to none.)
            if self._deaths > self._most * (self._options.max_attempts + 1) + _SPARE_DEATHS:
                raise NagError(f"the workers die before they finish anything ({death})", "Try one trial by itself.")

    def stop(self) -> None:
        """Ends all workers and gives their claims back."""
        self._pool.stop()
        with suppress(NagError):  # else they lapse
            store = EvaluationStore(self._store.url, patience=_PATIENCE_AT_THE_END)
            for name in self._names:  # what they did for others; of what was asked here, all is finished or given up
                store.release(name)
