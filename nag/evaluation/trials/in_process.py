"""Evaluators that run in this process and keep nothing: a trial, or a plain Python function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nag.core.errors import InvalidRequest
from nag.core.progress import OnCount, OnProgress, ignore_count, ignore_progress
from nag.core.stopwatch import Stopwatch
from nag.evaluation.evaluator import Evaluation, Evaluator, TableEvaluator
from nag.evaluation.networks.training_tasks import complete_training_task
from nag.evaluation.trials.function_names import canonical_functions
from nag.evaluation.trials.training_trial import TrainingTrial
from nag.evaluation.trials.trial import Measurement, Trial, fault_of
from nag.evaluation.trials.user_trials import measurement_of
from nag.graphs import Architecture
from nag.spaces import SearchSpace
from nag.tasks import Task, TrainedNetworks, UserEvaluator

__all__ = ["CallableTrial", "TrialEvaluator", "evaluator_of_task"]


@dataclass(frozen=True)
class CallableTrial:
    """Calls a Python function of an architecture; unlike `FunctionTrial` it needs no name to import it by.

    Args:
        function: An `Architecture`, and a `seed` if it has a parameter of that name -> the search metric, or a mapping of
            metrics that holds it.
        search_metric: Name of the number that a search may see.
        report_metric: Name of the number that results show; the search metric if None.

    Example:
        >>> from nag.evaluation import CallableTrial
        >>> from nag.spaces import load_space
        >>> arch = load_space("nas_bench_graph").sample(1, seed=0)[0]
        >>> CallableTrial(lambda arch: len(arch.ops)).run(arch, seed=0).search_value
        6.0
    """

    function: Callable[..., Any]
    search_metric: str = "value"
    report_metric: str | None = None

    @property
    def fingerprint(self) -> str:
        """Nothing is kept, so that results need no identity."""
        raise InvalidRequest("a function without an import path cannot be stored", "Use evaluator=function and a file.")

    def run(self, arch: Architecture, seed: int, on_progress: OnProgress = ignore_progress) -> Measurement:
        """Calls the function."""
        watch = Stopwatch()
        answer = self.function(arch, **({"seed": seed} if _takes_seed(self.function) else {}))
        return measurement_of(answer, self.search_metric, self.report_metric or self.search_metric, watch.cpu)


@dataclass(frozen=True)
class TrialEvaluator:
    """Runs a trial in this process, once for each canonical hash; a failure is an evaluation with an `error`.

    Args:
        space: Search space of the architectures.
        trial: Measures one architecture.
        seed: Seed of every trial.

    Example:
        >>> from nag.spaces import load_space
        >>> space = load_space("nasbench201")
        >>> evaluator = TrialEvaluator(space, CallableTrial(lambda arch: len(arch.edges)))
        >>> [found.search_value for found in evaluator.evaluate(space.sample(2, seed=0))]
        [10.0, 10.0]
    """

    space: SearchSpace
    trial: Trial
    seed: int = 0
    _known: dict[str, Measurement | str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def evaluate(self, archs: Sequence[Architecture], on_progress: OnCount = ignore_count) -> list[Evaluation]:
        """Measures architectures (see `Evaluator`)."""
        if not archs:
            return []
        found, hashes = [], canonical_functions(self.space, archs)
        for done, (arch, digest) in enumerate(zip(archs, hashes, strict=True)):
            reused = digest in self._known
            if not reused:
                self._known[digest] = self._measured(arch, done, len(archs), on_progress)
            found.append(_evaluation(arch, digest, self._known[digest], reused))
            on_progress(done + 1, len(archs))
        return found

    def _measured(self, arch: Architecture, done: int, total: int, on_progress: OnCount) -> Measurement | str:
        """The measurement, or why there is none."""
        try:
            measured = self.trial.run(arch, self.seed, lambda share: on_progress(done + share, total))
        except Exception as error:  # whatever a user's function raises
            return f"{type(error).__name__}: {error}"
        return fault_of(measured) or measured


def evaluator_of_task(task: Task, seed: int = 0) -> Evaluator:
    """What measures architectures of a task in this process: its table, its function, or training on its data.

    Args:
        task: The task.
        seed: Seed of every training.

    Raises:
        InvalidRequest: The task has neither a table nor data, or its networks do not read its data.
    """
    if task.has_table:
        return TableEvaluator(task)
    source = task.source
    if isinstance(source, TrainedNetworks):
        source = complete_training_task(task).networks
        trial = TrainingTrial(task.space, source.data_set, image_size=source.image_size, layout=source.layout)
        return TrialEvaluator(task.space, trial, seed)
    if isinstance(source, UserEvaluator) and source.function is not None:
        return TrialEvaluator(task.space, CallableTrial(source.function, task.search_metric, task.report_metric), seed)
    raise InvalidRequest(f"task {task.name} has neither a table nor data", "Pass a function of an architecture.")


def _evaluation(arch: Architecture, digest: str, found: Measurement | str, reused: bool) -> Evaluation:
    if isinstance(found, str):
        return Evaluation(arch, digest, None, None, None, {}, reused=reused, error=found)
    values = {name: value for name, value in vars(found).items() if name != "side"}
    return Evaluation(arch, digest, percentile=None, side=dict(found.side), reused=reused, **values)


def _takes_seed(function: Callable[..., Any]) -> bool:
    try:
        return "seed" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in
        return False
