"""The worker: one process that claims evaluations, measures them and stores the results."""

from __future__ import annotations

import faulthandler
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from pydantic import Field

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture, NagError
from nag.core.numbers import LONGEST_LEASE, Count, NonNegative
from nag.core.secrets import masked
from nag.core.signatures import checked
from nag.core.stopwatch import cpu_seconds
from nag.evaluation.trials.trial import Trial, fault_of
from nag.execution.heartbeat import Heartbeat
from nag.execution.store import EvaluationStore, Record
from nag.graphs import Architecture

__all__ = ["WorkOptions", "one_line", "work", "worker_name"]

_GRACE = 5.0  # for the heartbeat to store why, before the process is ended from below
_LONGEST_PAUSE = 1.0  # between two looks at the store while others hold all that is left


@checked
@dataclass(frozen=True)
class WorkOptions:
    """How a worker works.

    Args:
        lease_seconds: How long a claim lasts without a sign of life, an hour at most; signs come several times as often.
        timeout_seconds: Longest time of a trial; None for no limit.
        max_attempts: Attempts at an evaluation before it has failed.
        threads: CPU threads of the worker. Results may differ in their last digits with other numbers of threads.
        patience: Seconds for which a store that is locked, full or out of reach is tried again.
        batch_seconds: Trials that take less are claimed several at once, as many as take so long.

    Raises:
        InvalidRequest: A number makes no sense.
    """

    lease_seconds: Annotated[float, Field(ge=0.1, le=LONGEST_LEASE)] = 60.0
    timeout_seconds: Annotated[float, Field(ge=0.01)] | None = None
    max_attempts: Count = 3
    threads: Count = 1
    patience: NonNegative = 600.0
    batch_seconds: NonNegative = 0.25


def worker_name() -> str:
    """A name that no other worker ever has: host, process and chance."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(6)}"


def one_line(error: BaseException) -> str:
    """An error in one line, without secrets."""
    if isinstance(error, NagError):
        return masked(str(error))
    words = shortened(masked(str(error)), 300)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def work(
    store_url: str,
    trial: Trial,
    task: str,
    evaluator: str,
    options: WorkOptions,
    name: str | None = None,
    quit_process: Callable[[], object] = lambda: os._exit(70),
    name_of: Callable[[Architecture], str] | None = None,
) -> int:
    """Runs trials until nothing of a task and an evaluator is pending or claimed, regardless of which process requested it.

    A trial that raises is tried again, at most `max_attempts` times in all; one that raises a `NagError`, or returns
    what is no finite value, has failed at once. One that takes longer than `timeout_seconds` counts as failed, and the
    process ends, for a thread cannot be stopped; so it does when its parent process is gone, after it has entered what
    is finished and has given back the rest. If the process is killed, its claims lapse with their leases.

    Args:
        store_url: URL of the store.
        trial: Measures one architecture.
        task: Which evaluations are worked at.
        evaluator: Which evaluations are worked at; the trial's fingerprint.
        options: How.
        name: Name of the worker, unlike all that there ever were; None for one of its own.
        quit_process: Ends the process in the two cases above.
        name_of: Name of the function of an architecture, by which what was claimed is checked against its key before it
            is run; None where all writers of the store are trusted.

    Returns:
        Number of results that the store accepted.

    Raises:
        NagError: The store cannot be used.
    """
    name = worker_name() if name is None else name
    torch.set_num_threads(options.threads)
    store = EvaluationStore(store_url, options.patience, options.patience)
    lease, timeout, attempts = options.lease_seconds, options.timeout_seconds, options.max_attempts
    heartbeat = Heartbeat(store, name, lease, timeout, attempts, quit_process)
    heartbeat.start()
    try:
        return _Worker(store, heartbeat, trial, options, name_of).work(task, evaluator)
    except BaseException:
        with suppress(NagError):
            store.release(name)
        raise
    finally:
        heartbeat.stop()
        store.close()


@contextmanager
def _last_resort(timeout_seconds: float | None) -> Iterator[None]:
    """Ends the process where a trial hangs in native code that lets no other thread of Python run, not even the heartbeat."""
    if timeout_seconds is None:
        yield
        return
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(timeout_seconds + _GRACE, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


class _Worker:
    """Claims, measures and stores."""

    def __init__(
        self,
        store: EvaluationStore,
        heartbeat: Heartbeat,
        trial: Trial,
        options: WorkOptions,
        name_of: Callable[[Architecture], str] | None,
    ) -> None:
        self.store, self.heartbeat, self.trial, self.options, self.name_of = store, heartbeat, trial, options, name_of
        self.limit = 1

    def work(self, task: str, evaluator: str) -> int:
        options, pause, shortest = self.options, 0.0, min(0.02, self.options.lease_seconds / 10)
        while True:
            claims = self.store.claim(
                self.heartbeat.worker, task, evaluator, options.lease_seconds, self.limit, options.max_attempts
            )
            if claims:
                pause = 0.0
                self._measure_all(claims)
            elif self.store.has_open(task, evaluator):  # others are at it, and may die
                pause = min(max(shortest, 2 * pause), _LONGEST_PAUSE, options.lease_seconds)
                time.sleep(pause)
            else:
                return self.heartbeat.accepted

    def _measure_all(self, claims: list[Record]) -> None:
        start = time.monotonic()
        self.heartbeat.hold(claim.key for claim in claims)
        for claim in claims:
            if self.heartbeat.holds(claim.key):  # else it lapsed, as on a host that slept
                self._measure(claim)
        if self.options.max_attempts > 1:  # what is claimed with others may be begun once more than it should
            each = max((time.monotonic() - start) / len(claims), 1e-6)
            self.limit = max(1, min(int(self.options.batch_seconds / each), 2 * self.limit, 64))

    def _measure(self, claim: Record) -> None:
        key, before = claim.key, cpu_seconds()
        self.heartbeat.begin(key)
        fault, retry = "", False
        try:
            with _last_resort(self.options.timeout_seconds):
                result = self.trial.run(self._architecture(claim), key.seed, self.heartbeat.progressed)
            fault = fault_of(result)
        except NagError as error:
            fault = one_line(error)
        except (Exception, SystemExit) as error:
            fault, retry = one_line(error), True
        finally:
            self.heartbeat.end()
        if fault:
            self.heartbeat.fail(key, fault, retry)
        else:
            cost = result.cpu_seconds or cpu_seconds() - before
            self.heartbeat.finish(key, replace(result, cpu_seconds=cost))

    def _architecture(self, claim: Record) -> Architecture:
        """What a row says is to be measured, if that is what its key names."""
        arch = claim.architecture
        if self.name_of is not None and self.name_of(arch) != claim.key.function:
            what = "the architecture in the store is not the one of its key"
            raise InvalidArchitecture(what, "Run the command again: it enters its own.")
        return arch
