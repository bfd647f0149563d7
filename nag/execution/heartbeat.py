"""Heartbeat thread of a worker: renews claims, enforces the time limit, detects the parent's death."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from nag.core.errors import NagError
from nag.evaluation.trials.trial import Measurement
from nag.execution.store import EvaluationKey, EvaluationStore

__all__ = ["Heartbeat"]

_TICK = 0.5
_PROGRESS_SECONDS = 5.0  # progress is stored no more often


class Heartbeat:
    """The claims of a worker, its running trial and unsaved results, and the thread that keeps the claims alive.

    The thread ends the process where a trial takes too long or the parent process is gone.

    Args:
        store: The store, as the worker uses it.
        worker: Name of the worker.
        lease_seconds: How long a lease lasts.
        timeout_seconds: Longest time of a trial; None for no limit.
        max_attempts: Attempts at an evaluation.
        quit_process: Ends the process at once.
    """

    def __init__(
        self,
        store: EvaluationStore,
        worker: str,
        lease_seconds: float,
        timeout_seconds: float | None,
        max_attempts: int,
        quit_process: Callable[[], object],
    ) -> None:
        self.worker, self.accepted = worker, 0
        self._store, self._lease, self._timeout = store, lease_seconds, timeout_seconds
        self._max_attempts, self._quit = max_attempts, quit_process
        self._lock = threading.RLock()
        self._progress: dict[EvaluationKey, float] = {}  # of all claims held
        self._results: dict[EvaluationKey, Measurement] = {}
        self._running: EvaluationKey | None = None
        self._begun = 0.0
        # A store of its own: what it cannot write in time is useless later, while the worker can wait longer.
        self._own_store = EvaluationStore(store.url, lease_seconds / 3, store.patience)
        self._parent = multiprocessing.parent_process()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._last_renewal, self._last_progress = time.monotonic(), {}  # type: float, dict[EvaluationKey, float]

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._over.set()
        self._thread.join()
        self._own_store.close()

    # -- called by the worker's thread ------------------------------------------------------------------------------

    def hold(self, keys: Iterable[EvaluationKey]) -> None:
        """Renews new claims from now on."""
        with self._lock:
            self._progress.update(dict.fromkeys(keys, 0.0))

    def holds(self, key: EvaluationKey) -> bool:
        """Whether a claim is held, as far as is known."""
        with self._lock:
            return key in self._progress

    def begin(self, key: EvaluationKey) -> None:
        """A trial begins."""
        with self._lock:
            self._running, self._begun = key, time.monotonic()

    def progressed(self, share: float) -> None:
        """Sets the share of the running trial that is done.

        Raises:
            NagError: The claim is lost, so that the result would not be accepted.
        """
        key = self._running
        if key is not None and key not in self._progress:
            raise NagError("the claim was lost to another worker")
        if key is not None:
            self._progress[key] = min(max(float(share), 0.0), 1.0)

    def end(self) -> None:
        """The running trial has ended."""
        with self._lock:
            self._running = None

    def fail(self, key: EvaluationKey, reason: str, retry: bool) -> None:
        """Stores that a trial failed."""
        with self._lock:
            self._progress.pop(key, None)
        self._store.fail(self.worker, key, reason, retry, self._max_attempts)

    def finish(self, key: EvaluationKey, result: Measurement) -> None:
        """Stores a result; where that cannot be done at once, it is kept and stored with the next one."""
        with self._lock:
            self._results[key] = result
        self._save_results()

    def _save_results(self) -> None:
        """Stores the results; any thread may do so, for storing one twice does no harm."""
        with self._lock:
            results = dict(self._results)
        accepted = self._store.complete(self.worker, results) if results else set()
        with self._lock:
            for key in results:
                self._progress.pop(key, None)
                if self._results.pop(key, None) is not None:
                    self.accepted += key in accepted

    # -- the heartbeat's thread -------------------------------------------------------------------------------------

    def _watch(self) -> None:
        tick = min(_TICK, self._lease / 6, (self._timeout or _TICK) / 4)
        while not self._over.wait(tick):
            if self._parent is not None and not self._parent.is_alive():
                self._abandon()
            self._enforce_timeout()
            with suppress(NagError):  # tried again at the next tick, or the lease lapses
                self._renew()

    def _enforce_timeout(self) -> None:
        with self._lock:
            key, seconds = self._running, time.monotonic() - self._begun
        if key is not None and self._timeout is not None and seconds > self._timeout:
            with suppress(NagError):
                reason = f"took longer than {self._timeout:g} s"
                self._own_store.fail(self.worker, key, reason, True, self._max_attempts)
            self._abandon()

    def _renew(self) -> None:
        with self._lock:
            progress = dict(self._progress)
        silent = time.monotonic() - self._last_renewal
        moved = progress != self._last_progress and silent > min(_PROGRESS_SECONDS, self._lease / 3)
        if progress and (moved or silent > self._lease / 3):
            self._last_renewal, self._last_progress = time.monotonic(), progress
            self._forget(set(progress) - self._own_store.extend(self.worker, progress, self._lease))

    def _forget(self, lost: Iterable[EvaluationKey]) -> None:
        with self._lock:
            for key in lost:
                self._progress.pop(key, None)

    def _abandon(self) -> None:
        """Stores what is finished, gives back the rest and ends the process."""
        with suppress(NagError):
            self._save_results()
            self._own_store.release(self.worker)
        self._quit()
