"""What an executor does, and the loop that all of them share."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nag.core.errors import InvalidRequest, NagError
from nag.core.progress import OnCount, ignore_count
from nag.core.signatures import checked
from nag.evaluation.trials.trial import Trial
from nag.execution.store import EvaluationKey, EvaluationStore, Record, Request
from nag.execution.worker import WorkOptions, worker_name
from nag.graphs import Architecture

__all__ = ["Executor", "WorkerPool", "task_and_evaluator"]

_SHORTEST_POLL, _LONGEST_POLL = 0.1, 5.0
_SPARE_DEATHS = 3
_PATIENCE_AT_THE_END = 5.0


@checked
@dataclass(frozen=True)
class Executor(WorkOptions, ABC):
    """Runs trials in worker processes of its own; the options of the workers are its own, and the same for every executor.

    Example:
        >>> from nag.execution.executors import Executor, LocalExecutor
        >>> isinstance(LocalExecutor(workers=2), Executor)
        True
    """

    @abstractmethod
    def run(
        self,
        store: EvaluationStore,
        trial: Trial,
        requests: Sequence[Request],
        on_progress: OnCount = ignore_count,
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
                where all writers of the store are trusted.

        Returns:
            The record of each request, in order, failed ones with their `error`.

        Raises:
            InvalidRequest: The trial cannot be sent to another process, or the requests do not belong together.
            NagError: The store cannot be used, or the workers die without finishing anything.
        """


class WorkerPool(ABC):
    """The worker processes of one run: replaced when they die, given up when too many do.

    A sub-class says how a worker is started, waited for and stopped.

    Args:
        options: How the workers work.
    """

    def __init__(self, options: WorkOptions) -> None:
        self.options = options
        self._names: set[str] = set()
        self._most, self._deaths, self._finished = 0, 0, -1

    @abstractmethod
    def start(self, name: str) -> None:
        """Starts a worker."""

    @abstractmethod
    def wait(self, seconds: float) -> dict[str, str]:
        """Waits until a worker has ended, at most so long.

        Returns:
            Name of each worker that has ended since the last call -> how it died; empty where it ended by itself.

        Raises:
            NagError: A worker ended with an error of its own, not of a trial.
        """

    @abstractmethod
    def stop(self) -> None:
        """Ends all workers at once."""

    def run(self, store: EvaluationStore, requests: Sequence[Request], workers: int, on_progress: OnCount) -> list[Record]:
        """Keeps at most so many workers running until all requests are finished; see `Executor.run`."""
        store.request(requests)
        keys, patience = [request.key for request in requests], self.options.patience
        patient = EvaluationStore(store.url, patience, patience)  # giving up would end trials that ran for long
        try:
            while True:
                self._finish(patient, keys, workers, on_progress)
                records = patient.find(keys)
                if all(record.state.finished for record in records.values()):
                    return [records[key] for key in keys]
                # else another run has asked for another try of what had failed
        finally:
            self._release(store.url)
            patient.close()

    def _finish(self, store: EvaluationStore, keys: Collection[EvaluationKey], workers: int, on_progress: OnCount) -> None:
        """Raises `NagError` where a worker could not work, or too many died in a row."""
        left, total = set(keys), len(set(keys))
        while True:
            start = time.monotonic()
            states = store.states(left)
            left = {key for key, state in states.items() if not state.finished}
            pause = min(max(_SHORTEST_POLL, 10 * (time.monotonic() - start)), _LONGEST_POLL)
            on_progress(total - len(left) + sum(states[key].progress for key in left), total)
            if not left:
                return
            self._fill(min(workers, len(left)))
            self._await(store, pause, total - len(left))

    def _fill(self, count: int) -> None:
        while len(self._names) < count:
            name = worker_name()
            self._names.add(name)
            self.start(name)
        self._most = max(self._most, count)

    def _await(self, store: EvaluationStore, seconds: float, finished: int) -> None:
        """Waits for workers to end and frees the claims of those that died."""
        if finished != self._finished:
            self._deaths, self._finished = 0, finished
        attempts = self.options.max_attempts
        for name, death in self.wait(seconds).items():
            self._names.discard(name)
            if death:
                self._deaths += 1
                store.lapse(name, f"the worker died ({death})", attempts)
            # With fewer deaths than this, it may be evaluations that kill; with more, one of them would have failed. (One
            # more than its attempts, for a death with several claims is charged to none.)
            if self._deaths > self._most * (attempts + 1) + _SPARE_DEATHS:
                raise NagError(f"the workers die before they finish anything ({death})", "Try one trial by itself.")

    def _release(self, url: str) -> None:
        """Ends all workers and gives their claims back."""
        self.stop()
        with suppress(NagError):  # else they lapse
            store = EvaluationStore(url, patience=_PATIENCE_AT_THE_END)
            for name in self._names:  # what they did for others; of what was asked here, all is finished or given up
                store.release(name)


def task_and_evaluator(requests: Sequence[Request]) -> tuple[str, str]:
    """What all requests have in common.

    Raises:
        InvalidRequest: There is no such thing.
    """
    found = {(request.key.task, request.key.evaluator) for request in requests}
    if len(found) != 1:
        raise InvalidRequest(f"requests of {len(found)} tasks and evaluators", "Run those of one at a time.")
    return found.pop()
