"""What an executor does, and the loop that all of them share."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from nag.core.errors import InvalidRequest, NagError
from nag.evaluation.trial import Trial
from nag.execution.store import EvaluationKey, EvaluationStore, Record, Request
from nag.execution.worker import WorkOptions, worker_name
from nag.graphs import Architecture

__all__ = ["Crew", "Ended", "Executor", "drive", "ignore_count"]

_SHORTEST_POLL, _LONGEST_POLL = 0.1, 5.0
_SPARE_DEATHS = 3
_PATIENCE_AT_THE_END = 5.0


def ignore_count(done: float, total: int) -> None:
    """The `on_progress` of a run that nobody watches."""


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
        """Enters requests in the store and returns when each is done or failed, by whomever.

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


@dataclass(frozen=True)
class Ended:
    """A worker that is no more.

    Args:
        name: Its name.
        death: How it died, if something made it; empty where it ended by itself.
        complaint: The error that it ended with, in one line, where that was not a trial's; else empty.
    """

    name: str
    death: str = ""
    complaint: str = ""


class Crew(Protocol):
    """The workers of one run."""

    def start(self, name: str) -> None:
        """Starts a worker."""
        ...

    def wait(self, seconds: float) -> list[Ended]:
        """Waits until a worker has ended, at most so long, and tells of those that have, of each once."""
        ...

    def stop(self) -> None:
        """Ends all workers at once."""
        ...


def drive(
    store: EvaluationStore,
    crew: Crew,
    workers: int,
    requests: Sequence[Request],
    options: WorkOptions,
    on_progress: Callable[[float, int], None],
) -> list[Record]:
    """Keeps a crew at work until all requests are finished; see `Executor.run`."""
    store.request(requests)
    keys = [request.key for request in requests]
    patient = EvaluationStore(
        store.url, options.patience, options.patience
    )  # to give up would end trials that have run for long
    watch, staff = _Watch(patient, keys, on_progress), _Staff(patient, crew, options)
    try:
        while True:
            while watch.look():
                staff.fill(min(workers, len(watch.open)))
                staff.wait(watch.pause, watch.finished)
            records = patient.find(keys)
            if all(record.state.finished for record in records.values()):
                return [records[key] for key in keys]
            watch = _Watch(patient, keys, on_progress)  # another run has asked for another try of what had failed
    finally:
        staff.dismiss()
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


class _Watch:
    """How far the requests are."""

    def __init__(
        self, store: EvaluationStore, keys: Collection[EvaluationKey], on_progress: Callable[[float, int], None]
    ) -> None:
        self._store, self._on_progress = store, on_progress
        self.open = set(keys)
        self._total = len(self.open)
        self.pause = _SHORTEST_POLL

    @property
    def finished(self) -> int:
        return self._total - len(self.open)

    def look(self) -> bool:
        """Looks at the store; whether anything is still open."""
        start = time.monotonic()
        states = self._store.states(self.open)
        self.open = {key for key, state in states.items() if not state.finished}
        running = sum(states[key].progress for key in self.open)
        self.pause = min(max(_SHORTEST_POLL, 10 * (time.monotonic() - start)), _LONGEST_POLL)
        self._on_progress(self.finished + running, self._total)
        return bool(self.open)


class _Staff:
    """The names of the workers, and what becomes of their claims."""

    def __init__(self, store: EvaluationStore, crew: Crew, options: WorkOptions) -> None:
        self._store, self._crew, self._options = store, crew, options
        self._present: set[str] = set()
        self._most = 0
        self._deaths, self._finished = 0, -1

    def fill(self, count: int) -> None:
        while len(self._present) < count:
            name = worker_name()
            self._present.add(name)
            self._crew.start(name)
        self._most = max(self._most, count)

    def wait(self, seconds: float, finished: int) -> None:
        """Waits for workers to end and frees their claims.

        Raises:
            NagError: A worker could not work, or too many died in a row.
        """
        if finished != self._finished:
            self._deaths, self._finished = 0, finished
        for ended in self._crew.wait(seconds):
            self._present.discard(ended.name)
            if ended.complaint:
                raise NagError(f"a worker ended: {ended.complaint}")
            if ended.death:
                self._deaths += 1
                self._store.lapse(ended.name, f"the worker died ({ended.death})", self._options.max_attempts)
            # With fewer deaths than this, it may be evaluations that kill; with more, one of them would have failed. (One
            # more than its attempts, for a death with several claims is charged to none.)
            if self._deaths > self._most * (self._options.max_attempts + 1) + _SPARE_DEATHS:
                raise NagError(f"the workers die before they finish anything ({ended.death})", "Try one trial by itself.")

    def dismiss(self) -> None:
        self._crew.stop()
        with suppress(NagError):  # else they lapse
            store = EvaluationStore(self._store.url, patience=_PATIENCE_AT_THE_END)
            for name in self._present:  # what they did for others; of what was asked here, all is finished or given up
                store.release(name)
