"""Measures architectures by trials, each once for all time: what the store holds is not measured again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nag.core.progress import OnCount, ignore_count
from nag.evaluation.evaluator import Evaluation
from nag.evaluation.trials.function_names import FunctionNames, Functions, canonical_functions
from nag.evaluation.trials.trial import Trial
from nag.execution.executors import Executor
from nag.execution.store import EvaluationKey, EvaluationStore, Record, Request
from nag.graphs import Architecture
from nag.tasks import Task

__all__ = ["StoredEvaluator"]


@dataclass(frozen=True)
class StoredEvaluator:
    """Runs a trial for each function that the store does not know, and waits for all.

    Args:
        task: The task.
        trial: Measures one architecture.
        store: Keeps the results.
        executor: Runs trials.
        seed: Seed of every trial.
        functions: Names the functions of architectures; those of one function share a trial.
        retry_failed: Whether what had failed before is tried again, once by each evaluator.
    """

    task: Task
    trial: Trial
    store: EvaluationStore
    executor: Executor
    seed: int = 0
    functions: Functions = field(default=canonical_functions)
    retry_failed: bool = True
    _tried: set[EvaluationKey] = field(default_factory=set, init=False, repr=False, compare=False)

    def evaluate(self, archs: Sequence[Architecture], on_progress: OnCount = ignore_count) -> list[Evaluation]:
        """Measures architectures; what failed has an `error` and no values."""
        if not archs:
            return []
        space = self.task.space
        fingerprint = self.trial.fingerprint
        keys = [EvaluationKey(name, self.task.name, fingerprint, self.seed) for name in self.functions(space, archs)]
        requests = [Request(key, arch, space.encode(arch)) for key, arch in zip(keys, archs, strict=True)]
        if self.retry_failed:
            self.store.retry(request for request in reversed(requests) if request.key not in self._tried)
            self._tried.update(keys)
        known = {key for key, state in self.store.states(keys).items() if state.finished}
        records = self.executor.run(self.store, self.trial, requests, on_progress, FunctionNames(space, self.functions))
        hashes, seen, found = canonical_functions(space, archs), set(known), []
        for arch, digest, record in zip(archs, hashes, records, strict=True):
            found.append(_evaluation(arch, digest, record, record.key in seen))
            seen.add(record.key)
        return found


def _evaluation(arch: Architecture, digest: str, record: Record, reused: bool) -> Evaluation:
    measured = record.measurement
    if measured is None:
        return Evaluation(arch, digest, None, None, None, {}, reused=reused, error=record.error or record.status)
    return Evaluation(
        architecture=arch,
        canonical_hash=digest,
        search_value=measured.search_value,
        report_value=measured.report_value,
        percentile=None,
        side=dict(measured.side),
        curve=measured.curve,
        epochs=measured.epochs,
        cpu_seconds=measured.cpu_seconds,
        gpu_seconds=measured.gpu_seconds,
        reused=reused,
    )
