"""Runs trials in processes of this host."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from nag.core.errors import InvalidRequest, NagError
from nag.core.numbers import Count
from nag.core.progress import OnCount, ignore_count
from nag.core.signatures import checked
from nag.evaluation.trials.trial import Trial
from nag.execution.executors.executor import Executor, WorkerPool, task_and_evaluator
from nag.execution.store import EvaluationStore, Record, Request
from nag.execution.worker import WorkOptions, one_line, work
from nag.graphs import Architecture

__all__ = ["LocalExecutor"]

_SECONDS_TO_STOP = 5.0
_STARTS, _PAUSE = 4, 0.2


@checked
@dataclass(frozen=True)
class LocalExecutor(Executor):
    """Runs trials in processes of this host, which end when this one does.

    Workers are forked from a server process that has imported this package and the trial's module once and nothing else, so
    that they start in milliseconds and no thread or device is forked with them; where there is no such server (Windows), each
    is spawned.

    Args:
        workers: Number of processes; None for one for each CPU that this one may use. How each works, `WorkOptions` says.

    Raises:
        InvalidRequest: A number makes no sense.

    Example:
        >>> from nag.execution.executors import LocalExecutor
        >>> LocalExecutor(workers=2, timeout_seconds=600.0).max_attempts
        3
    """

    workers: Count | None = None

    def run(
        self,
        store: EvaluationStore,
        trial: Trial,
        requests: Sequence[Request],
        on_progress: OnCount = ignore_count,
        name_of: Callable[[Architecture], str] | None = None,
    ) -> list[Record]:
        """Enters requests in the store and returns when each is done or failed; see `Executor.run`."""
        if not requests:
            return []
        pool = _ProcessPool(store.url, trial, name_of, *task_and_evaluator(requests), self)
        return pool.run(store, requests, self.workers or _cpus(), on_progress)


class _ProcessPool(WorkerPool):
    """Worker processes, each the head of a process group, so that what a trial starts ends with it."""

    def __init__(
        self,
        url: str,
        trial: Trial,
        name_of: Callable[[Architecture], str] | None,
        task: str,
        evaluator: str,
        options: WorkOptions,
    ) -> None:
        super().__init__(options)
        try:
            # Plain pickle: the one of multiprocessing would share tensors by file descriptors that end with this process.
            pickled = pickle.dumps((trial, name_of))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InvalidRequest(
                f"the trial cannot be sent to a worker: {error}", "Define it in a module, not inside a function."
            ) from error
        self._arguments = (url, pickled, task, evaluator, options)
        self._context = _context(type(trial).__module__)
        self._processes: dict[str, tuple[BaseProcess, Connection]] = {}

    def start(self, name: str) -> None:
        for attempt in range(_STARTS):
            ours, theirs = self._context.Pipe(duplex=False)
            process = self._context.Process(target=_serve, args=(*self._arguments, name, theirs), name=name)  # type: ignore[attr-defined]
            try:
                process.start()
            except (EOFError, OSError) as error:  # the server that forks workers was killed meanwhile; the next start makes one
                ours.close()
                if attempt == _STARTS - 1:
                    raise NagError(
                        f"no worker process can be started ({one_line(error)})", "Check memory and limits."
                    ) from error
                time.sleep(_PAUSE)  # until the operating system reports that the server is gone
            else:
                self._processes[name] = process, ours
                return
            finally:
                theirs.close()

    def wait(self, seconds: float) -> dict[str, str]:
        wait([process.sentinel for process, _ in self._processes.values()], seconds)
        deaths = {}
        for name, (process, words) in list(self._processes.items()):
            if process.is_alive():
                continue
            error = ""
            with suppress(EOFError, OSError):
                error = words.recv() if words.poll() else ""
            deaths[name] = f"exit code {process.exitcode}" if process.exitcode else ""
            self._remove(name)
            if error:
                raise NagError(f"a worker ended: {error}")
        return deaths

    def stop(self) -> None:
        for process, _ in self._processes.values():
            _end_group(process.pid)
            process.kill()
        for name, (process, _) in list(self._processes.items()):
            process.join(_SECONDS_TO_STOP)
            self._remove(name)

    def _remove(self, name: str) -> None:
        process, words = self._processes.pop(name)
        _end_group(process.pid)
        words.close()
        if not process.is_alive():
            process.close()


def _serve(url: str, pickled: bytes, task: str, evaluator: str, options: WorkOptions, name: str, words: Connection) -> None:
    """The main function of a worker process."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    try:
        trial, name_of = pickle.loads(pickled)
        work(url, trial, task, evaluator, options, name, _quit, name_of)
    except KeyboardInterrupt:
        os._exit(130)
    except Exception as error:
        words.send(one_line(error))
        os._exit(71)


def _quit() -> None:
    _end_group(os.getpid())
    os._exit(70)


def _end_group(leader: int | None) -> None:
    """Kills a process group, its leader included, if it has not ended yet."""
    if leader is not None and hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _context(module: str) -> BaseContext:
    """What starts processes; modules of this package alone are imported before a fork, since others may start threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    own = [module] if module.startswith("nag.") else []
    context.set_forkserver_preload(["__main__", "nag.execution.worker", *own])  # if no server runs yet
    return context


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
