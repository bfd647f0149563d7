"""What a worker's two threads share, and the second thread: it keeps the leases, the time and an eye on the parent."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from nag.core.errors import NagError
from nag.evaluation.trial import Measurement
from nag.execution.store import EvaluationKey, EvaluationStore

__all__ = ["Guard", "Shift"]

_TICK = 0.5
_NEWS_SECONDS = 5.0  # progress is noted no more often


class Shift:
    """The claims that a worker holds, the one that it is at, and the results that it has not entered yet.

    Args:
        store: The store.
        worker: Name of the worker.
    """

    def __init__(self, store: EvaluationStore, worker: str) -> None:
        self.store, self.worker, self.accepted = store, worker, 0
        self._lock = threading.RLock()
        self._progress: dict[EvaluationKey, float] = {}  # of all claims held
        self._results: dict[EvaluationKey, Measurement] = {}
        self._running: EvaluationKey | None = None
        self._begun = 0.0

    # -- the worker's thread ----------------------------------------------------------------------------------------

    def take(self, keys: Iterable[EvaluationKey]) -> None:
        """Holds new claims."""
        with self._lock:
            self._progress.update(dict.fromkeys(keys, 0.0))

    def holds(self, key: EvaluationKey) -> bool:
        """Whether a claim is held, as far as is known."""
        with self._lock:
            return key in self._progress

    def begin(self, key: EvaluationKey) -> None:
        """Begins a trial."""
        with self._lock:
            self._running, self._begun = key, time.monotonic()

    def progressed(self, share: float) -> None:
        """Notes the share of the running trial that is done.

        Raises:
            NagError: The claim is lost, so that the result would not be accepted.
        """
        key = self._running
        if key is not None and key not in self._progress:
            raise NagError("the claim was lost to another worker")
        if key is not None:
            self._progress[key] = min(max(float(share), 0.0), 1.0)

    def end(self) -> None:
        """Ends a trial."""
        with self._lock:
            self._running = None

    def finish(self, key: EvaluationKey, result: Measurement) -> None:
        """Keeps a result until `enter`."""
        with self._lock:
            self._results[key] = result

    def fail(self, key: EvaluationKey, reason: str, retry: bool, max_attempts: int) -> None:
        """Enters that a trial failed."""
        with self._lock:
            self._progress.pop(key, None)
        self.store.fail(self.worker, key, reason, retry, max_attempts)

    def enter(self) -> None:
        """Enters the results; any thread may do so, for to enter one twice does no harm."""
        with self._lock:
            results = dict(self._results)
        accepted = self.store.complete(self.worker, results) if results else set()
        with self._lock:
            for key in results:
                self._progress.pop(key, None)
                if self._results.pop(key, None) is not None:
                    self.accepted += key in accepted

    # -- the guard's thread -----------------------------------------------------------------------------------------

    def running_for(self) -> tuple[EvaluationKey | None, float]:
        """The running trial and its seconds so far."""
        with self._lock:
            return self._running, time.monotonic() - self._begun

    def progress(self) -> dict[EvaluationKey, float]:
        """All claims held, and their progress."""
        with self._lock:
            return dict(self._progress)

    def keep(self, held: set[EvaluationKey], of: Iterable[EvaluationKey]) -> None:
        """Forgets those claims that the store says are lost."""
        with self._lock:
            for key in set(of) - held:
                self._progress.pop(key, None)


class Guard:
    """Extends the leases of a worker; ends the process where a trial takes too long or the parent process is gone.

    Args:
        shift: What the worker is at.
        lease_seconds: How long a lease lasts.
        timeout_seconds: Longest time of a trial; None for no limit.
        max_attempts: Attempts at an evaluation.
        quit_process: Ends the process at once.
    """

    def __init__(
        self,
        shift: Shift,
        lease_seconds: float,
        timeout_seconds: float | None,
        max_attempts: int,
        quit_process: Callable[[], object],
    ) -> None:
        self._shift, self._lease, self._timeout = shift, lease_seconds, timeout_seconds
        self._max_attempts, self._quit = max_attempts, quit_process
        # A store of its own: what it cannot enter in time is of no use any more, while the worker has more patience.
        self._store = EvaluationStore(shift.store.url, lease_seconds / 3, shift.store.patience)
        self._parent = multiprocessing.parent_process()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._last_sign, self._last_progress = time.monotonic(), {}  # type: float, dict[EvaluationKey, float]

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ends to watch."""
        self._over.set()
        self._thread.join()
        self._store.close()

    def _watch(self) -> None:
        tick = min(_TICK, self._lease / 6, (self._timeout or _TICK) / 4)
        while not self._over.wait(tick):
            if self._parent is not None and not self._parent.is_alive():
                self._abandon()
            key, seconds = self._shift.running_for()
            if key is not None and self._timeout is not None and seconds > self._timeout:
                self._give_up(key, f"took longer than {self._timeout:g} s")
            with suppress(NagError):  # tried again at the next tick, or the lease lapses
                self._give_sign()

    def _give_sign(self) -> None:
        silent, progress = time.monotonic() - self._last_sign, self._shift.progress()
        news = progress != self._last_progress and silent > min(_NEWS_SECONDS, self._lease / 3)
        if progress and (news or silent > self._lease / 3):
            self._last_sign, self._last_progress = time.monotonic(), progress
            self._shift.keep(self._store.extend(self._shift.worker, progress, self._lease), progress)

    def _give_up(self, key: EvaluationKey, reason: str) -> None:
        with suppress(NagError):
            self._store.fail(self._shift.worker, key, reason, True, self._max_attempts)
        self._abandon()

    def _abandon(self) -> None:
        """Enters what is finished, gives back the rest and ends the process."""
        with suppress(NagError):
            self._shift.enter()
            self._store.release(self._shift.worker)
        self._quit()
