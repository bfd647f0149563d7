"""Evaluators by what they do: look up, train, score without training, or call what the user wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nag.benchmarks import Task
from nag.builders import Builder, ProbeHash, builder_of
from nag.errors import InvalidRequest
from nag.evaluation import Evaluator, TableEvaluator, TrainingTask, TrainingTrial, suggested_training
from nag.evaluation.executors import Executor
from nag.evaluation.store import EvaluationStore
from nag.evaluation.stored_evaluator import StoredEvaluator, canonical_functions
from nag.evaluation.tasks import AnyTask
from nag.evaluation.trial import Trial
from nag.evaluation.user_trials import FunctionTrial, ShellTrial
from nag.graphs import Architecture
from nag.spaces import SearchSpace

__all__ = ["Bench", "evaluate_by_function", "evaluate_by_shell", "evaluate_by_table", "evaluate_by_training"]


@dataclass(frozen=True)
class Bench:
    """Where and how trials run.

    Args:
        store: URL or path of the evaluation store.
        executor: Runs trials.
        seed: Seed of every trial.
        make_builder: (space=...) -> what builds its networks.
        weights_folder: Where trained weights are kept.
        data_dir: Folder of tables and data; the environment variable NAG_DATA_DIR if None.
        probe: Whether functions are told apart by what networks compute, in place of the normal form.
    """

    store: str | Path
    executor: Executor
    seed: int = 0
    make_builder: Callable[..., Builder] = builder_of
    weights_folder: Path | None = None
    data_dir: str | Path | None = None
    probe: bool = False

    def stored(self, task: AnyTask, trial: Trial) -> StoredEvaluator:
        """An evaluator that runs a trial for whatever the store does not know."""
        functions = _ByProbe(task, self) if self.probe else canonical_functions
        return StoredEvaluator(task, trial, EvaluationStore(self.store), self.executor, self.seed, functions)


@dataclass(frozen=True)
class _ByProbe:
    """Functions by what networks of the task compute."""

    task: AnyTask
    bench: Bench

    @cached_property
    def _hash(self) -> ProbeHash:
        if not isinstance(self.task, TrainingTask):
            raise InvalidRequest(f"{self.task.name} has no data to probe networks with", "Use probe=false.")
        return ProbeHash(self.bench.make_builder(space=self.task.space), self.task.load_data(self.bench.data_dir).shape)

    def __call__(self, space: SearchSpace, archs: Sequence[Architecture]) -> list[str]:
        return [self._hash(arch) for arch in archs]


def evaluate_by_table(task: AnyTask, bench: Bench) -> Evaluator:
    """Looks up the task's benchmark table.

    Raises:
        InvalidRequest: The task has none.
    """
    if not isinstance(task, Task):
        hint = "evaluator=train" if isinstance(task, TrainingTask) else "evaluator=function or evaluator=shell"
        raise InvalidRequest(f"task {task.name} has no table to look up", f"Use {hint}.")
    return TableEvaluator(task)


def evaluate_by_training(task: AnyTask, bench: Bench, split_seed: int = 0, **options: Any) -> Evaluator:
    """Trains networks on the task's data.

    Args:
        task: The task.
        bench: Where and how.
        split_seed: Seed of the data's split.
        options: Of `NetworkTraining`; those that are None are what suits the data.

    Raises:
        InvalidRequest: The task has no data.
    """
    if not isinstance(task, TrainingTask):
        raise InvalidRequest(f"task {task.name} has no data to train on", "Name one such as digits/nasbench201.")
    trial = TrainingTrial(
        task.space,
        task.data_set,
        bench.make_builder(space=task.space),
        weights_folder=bench.weights_folder,
        data_dir=bench.data_dir,
        split_seed=split_seed,
        image_size=task.image_size,
    )
    given = {name: value for name, value in options.items() if value is not None}
    trial = replace(trial, options=replace(suggested_training(trial.load_data().shape), **given))
    return bench.stored(task, trial)


def evaluate_by_function(task: AnyTask, bench: Bench, function: str) -> Evaluator:
    """Calls a Python function, `path/to/file.py:name` or `package.module:name`."""
    place, _, name = function.rpartition(":")
    if place.endswith(".py"):
        function = f"{Path(place).expanduser().resolve()}:{name}"  # workers may run elsewhere
    return bench.stored(task, FunctionTrial(task.space, function, task.search_metric, task.report_metric))


def evaluate_by_shell(task: AnyTask, bench: Bench, command: str) -> Evaluator:
    """Runs a command; see `ShellTrial`."""
    return bench.stored(task, ShellTrial(task.space, command, task.search_metric, task.report_metric))
