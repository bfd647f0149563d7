"""Runs trials on a Ray cluster; only this module knows Ray, and imports it when it is needed."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from nag.core.errors import InvalidRequest, MissingData, NagError
from nag.core.numbers import Count, NonNegative
from nag.core.packages import require
from nag.core.progress import OnCount, ignore_count
from nag.core.signatures import checked
from nag.evaluation.trials.trial import Trial
from nag.execution.executors.executor import Executor, WorkerPool, task_and_evaluator
from nag.execution.store import EvaluationStore, Record, Request
from nag.execution.worker import WorkOptions, one_line, work
from nag.graphs import Architecture

__all__ = ["RayExecutor"]

_SECONDS_TO_STOP = 10.0
# By default Ray's workers give way to all else on their host, so that next to one busy process they hardly move.
_OF_LOCAL_CLUSTERS: dict[str, Any] = {"include_dashboard": False, "_system_config": {"worker_niceness": 0}}


@checked
@dataclass(frozen=True)
class RayExecutor(Executor):
    """Runs trials on a Ray cluster (Moritz et al. 2018): a local one that lasts as long as the run, or one that is there.

    Each worker is a Ray task that holds its CPUs and GPUs; one that is lost, with its process or its node, is replaced,
    and what it was at is tried again at once. Where Ray is initialised already, that cluster is used.

    Args:
        address: Address of a running cluster, such as `auto` or `HOST:6379`; None starts a local one.
        workers: Number of workers; None for as many as the cluster has room for. How each works, `WorkOptions` says.
        cpus_per_trial: CPUs that a worker reserves.
        gpus_per_trial: GPUs that a worker reserves; a fraction lets several share one.
        runtime_env: Ray's description of what workers need on their nodes, such as `{"pip": ["nag"]}`.

    Raises:
        InvalidRequest: A number makes no sense.
        MissingData: Ray is not installed.

    Example:
        >>> from nag.execution.executors import RayExecutor
        >>> RayExecutor(address="auto", gpus_per_trial=0.5).cpus_per_trial
        1
    """

    address: str | None = None
    workers: Count | None = None
    cpus_per_trial: NonNegative = 1
    gpus_per_trial: NonNegative = 0
    runtime_env: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        require("ray", extra="ray", otherwise="use executor=local")

    def run(
        self,
        store: EvaluationStore,
        trial: Trial,
        requests: Sequence[Request],
        on_progress: OnCount = ignore_count,
        name_of: Callable[[Architecture], str] | None = None,
    ) -> list[Record]:
        """Enters requests in the store and returns when each is done or failed; see `Executor.run`.

        Raises:
            InvalidRequest: A SQLite store and a cluster of several hosts, or a cluster without the GPUs.
            NagError: The cluster cannot be reached.
        """
        if not requests:
            return []
        if store.is_local and (self.address or "").startswith("ray://"):
            raise _elsewhere(self.address)
        task, evaluator = task_and_evaluator(requests)
        with _cluster(self.address, self.runtime_env) as ray:
            if store.is_local:
                _check_one_host(ray, self.address)
            workers = self.workers or max(1, self._room(ray))
            pool = _RayPool(ray, self, (store.url, ray.put(trial), ray.put(name_of), task, evaluator, self))
            return pool.run(store, requests, workers, on_progress)

    def _room(self, ray: Any) -> int:
        """How many workers the cluster has room for.

        Raises:
            InvalidRequest: The cluster has no GPU.
        """
        there = ray.cluster_resources()
        if there.get("GPU", 0) < self.gpus_per_trial:
            raise InvalidRequest(f"the cluster has {there.get('GPU', 0):g} GPUs", "Set executor.gpus_per_trial=0.")
        room = [
            there.get(kind, 0) / each for kind, each in (("CPU", self.cpus_per_trial), ("GPU", self.gpus_per_trial)) if each
        ]
        return int(min(room, default=1))


class _RayPool(WorkerPool):
    """Workers that are Ray tasks."""

    def __init__(self, ray: Any, executor: RayExecutor, arguments: tuple[Any, ...]) -> None:
        super().__init__(executor)
        self._ray, self._arguments = ray, arguments
        # Ray itself must not start a task again: the new one would be another worker with the name of the lost one.
        options = {"num_cpus": executor.cpus_per_trial, "num_gpus": executor.gpus_per_trial, "max_retries": 0}
        self._serve = ray.remote(_serve).options(**options)
        self._tasks: dict[Any, str] = {}

    def start(self, name: str) -> None:
        self._tasks[self._serve.remote(*self._arguments, name)] = name

    def wait(self, seconds: float) -> dict[str, str]:
        ready, _ = self._ray.wait(list(self._tasks), num_returns=1, timeout=seconds)
        return {self._tasks.pop(reference): self._death(reference) for reference in ready}

    def stop(self) -> None:
        for reference in self._tasks:
            self._ray.cancel(reference, force=True)
        if self._tasks:
            self._ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=_SECONDS_TO_STOP)
        self._tasks.clear()

    def _death(self, reference: Any) -> str:
        """How a worker that has ended died; empty where it ended by itself.

        Raises:
            NagError: It ended with an error of its own.
        """
        try:
            error = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as raised:  # it could not even begin
            error = str(raised).strip().splitlines()[-1]
        except self._ray.exceptions.RayError as raised:
            return type(raised).__name__
        if error:
            raise NagError(f"a worker ended: {error}")
        return ""


def _serve(
    url: str,
    trial: Trial,
    name_of: Callable[[Architecture], str] | None,
    task: str,
    evaluator: str,
    options: WorkOptions,
    name: str,
) -> str:
    """The Ray task: the error that the worker ended with, in one line, or nothing."""
    try:
        work(url, trial, task, evaluator, options, name, name_of=name_of)
    except Exception as error:
        return one_line(error)
    return ""


@contextmanager
def _cluster(address: str | None, runtime_env: Mapping[str, Any] | None) -> Iterator[Any]:
    """Ray, connected to a cluster; one that was started here ends here.

    Raises:
        MissingData: The installation of Ray is broken.
        NagError: The cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except Exception as error:  # whatever an installation of it does
        raise _broken(error) from error
    ours = not ray.is_initialized()
    if ours:
        try:
            ray.init(
                address=address or "local",
                runtime_env=None if runtime_env is None else dict(runtime_env),
                logging_level=logging.ERROR,
                log_to_driver=False,
                **(_OF_LOCAL_CLUSTERS if address is None else {}),
            )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise NagError(f"the Ray cluster '{address or 'local'}' cannot be used", one_line(error)[:200]) from error
    try:
        yield ray
    finally:
        if ours:
            with suppress(ConnectionError, RuntimeError):
                ray.shutdown()


def _broken(error: Exception) -> MissingData:
    return MissingData(f"package ray is broken: {one_line(error)}", "Install it again, or take executor=local.")


def _check_one_host(ray: Any, address: str | None) -> None:
    """Raises `InvalidRequest` unless all nodes of the cluster are this host, where a SQLite file is."""
    hosts = {node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}
    if hosts != {socket.gethostname()}:
        raise _elsewhere(address)


def _elsewhere(address: str | None) -> InvalidRequest:
    what = f"a SQLite store serves one host, and the Ray cluster '{address or 'local'}' is elsewhere or has several"
    return InvalidRequest(what, "Give a PostgreSQL store: postgresql://USER@HOST/NAME.")
