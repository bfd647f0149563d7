"""A search as one function: of a task, of an evaluator, or of a plain Python function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nag.core.errors import InvalidRequest
from nag.core.numbers import Count
from nag.core.signatures import conform_value
from nag.evaluation import Evaluation, Evaluator
from nag.evaluation.trials.in_process import CallableTrial, TrialEvaluator, evaluator_of_task
from nag.search.bayesian import BayesianOptimisation
from nag.search.guided import Generated
from nag.search.problem import Problem
from nag.search.strategy import Strategy
from nag.search.study.loop import queries
from nag.search.study.measurable import measurable
from nag.search.study.results import check_limits
from nag.search.study.study import Study
from nag.spaces import SearchSpace
from nag.tasks import Objective, Task
from nag.tracking import terminal_progress

__all__ = ["DEFAULT_STRATEGY", "search"]

DEFAULT_STRATEGY: Callable[..., Strategy] = partial(BayesianOptimisation, candidates=Generated())
"""Initial design by zero-cost proxies where there are some, then Bayesian optimisation with a graph-kernel Gaussian process."""


def search(
    target: Task | Evaluator | Callable[..., Any],
    space: SearchSpace | Problem | None = None,
    *,
    budget: int,
    objective: Objective | str | None = None,
    strategy: Callable[..., Strategy] = DEFAULT_STRATEGY,
    batch: int = 1,
    seed: int = 0,
    progress: bool = True,
) -> Study:
    """Searches for the best architectures with few evaluations.

    Args:
        target: What is searched for: a task; an evaluator; or a function of an `Architecture` (and of `seed`, if it has such
            a parameter) that returns a number, or a mapping of metrics.
        space: Where to search; a task has its own. A `Problem` also names proxies, a prior or a trained generator that the
            strategy may use.
        budget: Queries: different functions that are evaluated.
        objective: What is optimised under which limits, or the name of a metric to maximise; the task's search metric, or
            what the function returns, if None.
        strategy: (problem=..., seed=...) -> the strategy.
        batch: Queries after which the strategy is updated.
        seed: Seed of all randomness.
        progress: Whether to show a bar on a terminal.

    Returns:
        All queries; fewer than the budget where the space has no more.

    Raises:
        InvalidRequest: A number is below 1, no space is given, no architecture of the task keeps the limits, or no query was
            measured.

    Example:
        >>> import nag
        >>> def size(architecture):
        ...     return len(architecture.edges)
        >>> study = nag.search(size, nag.load_space("nas_bench_graph"), budget=8, seed=0)
        >>> len(study), study.best.architecture in [query.architecture for query in study]
        (8, True)
    """
    _check_counts(budget=budget, batch=batch)
    problem, evaluator = _problem_of(target, space, objective, seed)
    made = strategy(problem=problem, seed=seed)
    found: list[Evaluation] = []
    with terminal_progress(progress).progress(budget, f"searching {problem.space.name}", "queries") as shown:
        for evaluations in queries(evaluator, made, budget, batch):
            found += evaluations
            shown.update(len(found))
    study = Study(problem.space, problem.objective, tuple(found))
    _check_measured(study)
    return study


def _problem_of(
    target: Any, space: SearchSpace | Problem | None, objective: Objective | str | None, seed: int
) -> tuple[Problem, Evaluator]:
    """What a strategy sees, and what measures."""
    if isinstance(target, Task):
        return _problem_of_task(target, space, objective, seed)
    if space is None:
        raise InvalidRequest("no search space is given", "Pass one: nag.search(function, nag.load_space(NAME), budget=50).")
    chosen = objective if isinstance(objective, Objective) else Objective.single("value" if objective is None else objective)
    problem = space if isinstance(space, Problem) else Problem(space, chosen)
    if hasattr(target, "evaluate"):
        return problem, target
    if not callable(target):
        raise InvalidRequest(f"a {type(target).__name__} measures nothing", "Pass a task, or a function of an architecture.")
    return problem, TrialEvaluator(problem.space, CallableTrial(target, problem.objective.metrics[0].name), seed)


def _problem_of_task(
    task: Task, space: SearchSpace | Problem | None, objective: Objective | str | None, seed: int
) -> tuple[Problem, Evaluator]:
    if isinstance(space, Problem):
        problem = space
    else:
        chosen = (
            objective if isinstance(objective, Objective) else Objective.single(objective or task.search_metric, task.maximise)
        )
        problem = Problem(task.space, chosen, measurable=measurable(task))
    if problem.space != task.space or (space is not None and not isinstance(space, Problem) and space != task.space):
        raise InvalidRequest(f"task {task.name} is of {task.space.name}, not of the space given", "Leave the space out.")
    if problem.objective.metrics[0].name != task.search_metric:
        first = problem.objective.metrics[0].name
        raise InvalidRequest(f"task {task.name} is searched on {task.search_metric}, not on {first}", "Name it first.")
    check_limits(task, problem.objective)
    return problem, evaluator_of_task(task, seed)


def _check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        conform_value(name, value, Count)


def _check_measured(study: Study) -> None:
    if any(each.search_value is not None for each in study.evaluations):
        return
    first = next((each.error for each in study.evaluations if each.error), "the evaluator knows none of the architectures")
    raise InvalidRequest(f"none of {len(study)} queries was measured, the first because: {first}", "Try one by itself.")
