"""Measuring architectures as one function: of a task, of an evaluator, or of a plain Python function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nag.core.errors import InvalidRequest, NagError
from nag.evaluation.evaluator import Evaluation, Evaluator
from nag.evaluation.trials.in_process import CallableTrial, TrialEvaluator, evaluator_of_task
from nag.graphs import Architecture
from nag.spaces import SearchSpace
from nag.tasks import Metric, Observations, Task
from nag.tracking import terminal_progress

__all__ = ["evaluate"]


def evaluate(
    target: Task | Evaluator | Callable[..., Any],
    architectures: Sequence[Architecture],
    space: SearchSpace | None = None,
    *,
    seed: int = 0,
    progress: bool = True,
) -> Observations:
    """Measures architectures in this process.

    Args:
        target: What measures: a task (its table, or training on its data); an evaluator; or a function of an `Architecture`
            (and of `seed`, if it has such a parameter) that returns a number, or a mapping of metrics that holds `value`.
        architectures: n architectures.
        space: Their search space; a task has its own.
        seed: Seed of every measurement.
        progress: Whether to show a bar on a terminal.

    Returns:
        The n architectures with their metrics; nan where one could not be measured.

    Raises:
        InvalidRequest: No space is given, or there is nothing to measure.
        NagError: Nothing could be measured.

    Example:
        >>> import nag
        >>> space = nag.load_space("nas_bench_graph")
        >>> nag.evaluate(lambda arch: len(arch.edges), space.sample(3, seed=0), space)
        Observations(3 of nas_bench_graph: value (higher is better))
    """
    task: Any = target if hasattr(target, "search_metric") else None
    space = space if task is None else task.space
    if space is None:
        raise InvalidRequest("no search space is given", "Pass that of the architectures.")
    if not architectures:
        raise InvalidRequest("there is no architecture to measure", "Pass some.")
    with terminal_progress(progress).progress(100, f"measuring {len(architectures)} architectures", "percent") as shown:
        found = _evaluator(target, task, space, seed).evaluate(
            architectures, lambda done, total: shown.update(round(100 * done / max(total, 1)))
        )
    if all(each.error for each in found):
        raise NagError(f"no architecture could be measured: {found[0].error.rstrip('.')}", "Try one by itself.")
    return _observations(space, task, found)


def _evaluator(target: Any, task: Any, space: SearchSpace, seed: int) -> Evaluator:
    if task is not None:
        return evaluator_of_task(task, seed)
    if hasattr(target, "evaluate"):
        measures: Evaluator = target
        return measures
    if not callable(target):
        raise InvalidRequest(f"a {type(target).__name__} measures nothing", "Pass a task, or a function of an architecture.")
    return TrialEvaluator(space, CallableTrial(target), seed)


def _observations(space: SearchSpace, task: Any, found: Sequence[Evaluation]) -> Observations:
    """All metrics of evaluations; of those beside the search and the report metric of a task, less is better."""
    search, report = ("value", "value") if task is None else (task.search_metric, task.report_metric)
    maximise = task is None or task.maximise
    side = list(dict.fromkeys(name for each in found for name in each.side if name not in (search, report)))
    columns = {report: [each.report_value for each in found], search: [each.search_value for each in found]}
    columns |= {name: [each.side.get(name) for each in found] for name in side}
    metrics = [Metric(name, maximise) for name in dict.fromkeys((search, report))]
    metrics += [Metric(name, task is None) for name in side]
    values = {each.name: [math.nan if v is None else v for v in columns[each.name]] for each in metrics}
    archs = tuple(each.architecture for each in found)
    return Observations(space, archs, values, tuple(metrics))  # type: ignore[arg-type]
