"""Evaluators by what they do: look up, train, score without training, or call what the user wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nag.core.errors import InvalidRequest
from nag.core.imports import FunctionPath
from nag.evaluation import Evaluator, TableEvaluator, TrainingTrial, load_task_data, suggested_training
from nag.evaluation.trials.function_names import Functions, canonical_functions
from nag.evaluation.trials.proxy_names import ProxyName
from nag.evaluation.trials.proxy_trial import ProxyTrial
from nag.evaluation.trials.trial import Trial
from nag.evaluation.trials.user_trials import FunctionTrial, ShellTrial
from nag.execution.executors import Executor, LocalExecutor
from nag.execution.store import EvaluationStore
from nag.execution.stored_evaluator import StoredEvaluator
from nag.graphs import Architecture
from nag.networks import Builder, ProbeHash, builder_of, check_builder
from nag.proxies import proxy_named
from nag.spaces import SearchSpace
from nag.tasks import Task, TrainedNetworks

__all__ = [
    "EvaluationContext",
    "evaluate_by_function",
    "evaluate_by_proxy",
    "evaluate_by_shell",
    "evaluate_by_table",
    "evaluate_by_training",
]


@dataclass(frozen=True)
class EvaluationContext:
    """Where and how trials run.

    Args:
        store: URL or path of the evaluation store.
        executor: Runs trials.
        seed: Seed of every trial.
        make_builder: (space=...) -> what builds its networks.
        weights_folder: Where trained weights are kept.
        data_dir: Folder of tables and data; the environment variable NAG_DATA_DIR if None.
        probe: Whether functions are identified by the outputs of networks instead of the normal form.
        retry_failed: Whether what had failed before is tried again.
    """

    store: str | Path = field(repr=False)  # it may hold a password
    executor: Executor
    seed: int = 0
    make_builder: Callable[..., Builder] = builder_of
    weights_folder: Path | None = None
    data_dir: str | Path | None = None
    probe: bool = False
    retry_failed: bool = True

    def stored(self, task: Task, trial: Trial, functions: Functions = canonical_functions) -> StoredEvaluator:
        """An evaluator that runs a trial for whatever the store does not know.

        Args:
            task: The task.
            trial: Measures one architecture.
            functions: What tells functions apart, unless they are probed.
        """
        functions = _ByProbe(self._probe_of(task)) if self.probe else functions
        store = EvaluationStore(self.store)
        return StoredEvaluator(task, trial, store, self.executor, self.seed, functions, self.retry_failed)

    def _probe_of(self, task: Task) -> ProbeHash:
        if not isinstance(task.source, TrainedNetworks):
            raise InvalidRequest(f"{task.name} has no data to probe networks with", "Use probe=false.")
        return ProbeHash(self.make_builder(space=task.space), load_task_data(task.source, self.data_dir).shape)


@dataclass(frozen=True)
class _ByProbe:
    """Functions by what networks of the task compute."""

    probe: ProbeHash

    def __call__(self, space: SearchSpace, archs: Sequence[Architecture]) -> list[str]:
        return [self.probe(arch) for arch in archs]


def evaluate_by_table(task: Task, context: EvaluationContext) -> Evaluator:
    """Looks up the task's benchmark table.

    Raises:
        InvalidRequest: The task has none.
    """
    if not task.has_table:
        trained = isinstance(task.source, TrainedNetworks)
        hint = "evaluator=train" if trained else "evaluator=function or evaluator=shell"
        raise InvalidRequest(f"task {task.name} has no table to look up", f"Use {hint}.")
    if context.probe:
        raise InvalidRequest("probe=true tells functions apart by networks, a table does so by graphs", "Use probe=false.")
    return TableEvaluator(task)


def evaluate_by_training(task: Task, context: EvaluationContext, split_seed: int = 0, **choices: Any) -> Evaluator:
    """Trains networks on the task's data.

    Args:
        task: The task.
        context: Where and how.
        split_seed: Seed of the data's split.
        choices: Options of `NetworkTraining`; those that are None are what suits the data.

    Raises:
        InvalidRequest: The task has no data, the builder cannot build the space's networks, or there is no such device.
    """
    source = task.networks
    trial = TrainingTrial(
        task.space,
        source.data_set,
        context.make_builder(space=task.space),
        weights_folder=context.weights_folder,
        data_dir=context.data_dir,
        split_seed=split_seed,
        image_size=source.image_size,
        layout=source.layout,
    )
    given = {name: value for name, value in choices.items() if value is not None}
    shape = trial.load_data().shape
    options = replace(suggested_training(shape), **given)
    check_builder(trial.used_builder, task.space, shape)
    if isinstance(context.executor, LocalExecutor):  # the devices of a cluster are elsewhere
        options.make_fabric()
    trial = replace(trial, options=options)
    return context.stored(task, trial)


def evaluate_by_proxy(
    task: Task,
    context: EvaluationContext,
    proxy: ProxyName,
    data_set: str | None = None,
    batch_size: int = 64,
    initialisations: int = 1,
) -> Evaluator:
    """Scores networks without training.

    Args:
        task: The task; where it has no data of its own, only its search space counts.
        context: Where and how.
        proxy: Name of the proxy.
        data_set: Name or path of the data that the networks see; None for the task's own.
        batch_size: Examples that they see.
        initialisations: Initial weights that a score is averaged over.

    Raises:
        InvalidRequest: No such proxy, or there is no data.
    """
    own = task.source if isinstance(task.source, TrainedNetworks) and data_set is None else None
    if data_set is None and own is None:
        raise InvalidRequest(f"task {task.name} has no data for networks to see", "Give evaluator.data_set=digits, say.")
    trial = ProxyTrial(
        task.space,
        str(own.data_set if own else data_set),
        proxy_named(proxy),
        context.make_builder(space=task.space),
        batch_size,
        initialisations,
        data_dir=context.data_dir,
        image_size=own.image_size if own else None,
        layout=own.layout if own else None,
    )
    check_builder(trial.used_builder, task.space, trial.load_data().shape)
    return context.stored(task, trial, canonical_functions if proxy_named(proxy).functional else spelled_functions)


def spelled_functions(space: SearchSpace, archs: Sequence[Architecture]) -> list[str]:
    """What tells architectures apart up to isomorphism, for scores that see what carries no signal too."""
    return [f"graph:{digest}" for digest in space.hashes(space.to_dags(archs))]


def evaluate_by_function(task: Task, context: EvaluationContext, function: FunctionPath) -> Evaluator:
    """Calls a Python function, `path/to/file.py:name` or `package.module:name`."""
    place, _, name = function.rpartition(":")
    if place.endswith(".py"):
        function = f"{Path(place).expanduser().resolve()}:{name}"  # workers may run elsewhere
    return context.stored(task, FunctionTrial(task.space, function, task.search_metric, task.report_metric))


def evaluate_by_shell(task: Task, context: EvaluationContext, command: str) -> Evaluator:
    """Runs a command; see `ShellTrial`."""
    return context.stored(task, ShellTrial(task.space, command, task.search_metric, task.report_metric))
