"""Stage: search for the best architecture with few labels; a killed search goes on to the result that it would have had."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nag.core.documents import shortened
from nag.core.errors import DamagedFile, InvalidRequest, NagError
from nag.core.files import finite
from nag.core.numbers import Count
from nag.core.signatures import checked
from nag.evaluation import Evaluation, Evaluator
from nag.graphs import Architecture
from nag.search import Strategy
from nag.search.study.loop import queries
from nag.search.study.results import SearchResults, check_limits, values_of
from nag.spaces import SearchSpace
from nag.tasks import Objective, Observation, Task
from nag.workflows.export import best_network
from nag.workflows.run_folder.history import HistoryFile, history_row, tracked_metrics, tracked_table
from nag.workflows.run_folder.run import RunFolder, stage

__all__ = ["SearchPlan", "search"]


@checked
@dataclass(frozen=True)
class SearchPlan:
    """How long a search is.

    Args:
        budget: Queries: different functions that are evaluated.
        batch: Queries that are evaluated side by side; the strategy is updated after each batch.

    Raises:
        InvalidRequest: A number is less than 1.
    """

    budget: Count
    batch: Count = 1


@stage
def search(
    run: RunFolder,
    task: Task,
    evaluator: Evaluator,
    strategy: Strategy,
    plan: SearchPlan,
    consumed: Mapping[str, float] | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> Path:
    """Asks a strategy, evaluates, tells it, until the budget is spent.

    The history is appended to after each batch. As what a strategy asks is a function of problem, seed and history, a
    search that was killed is resumed exactly as if it had not been, and one that has ended goes on with a greater budget to
    what that budget would have given; evaluations that had finished are in the evaluator's store.

    Args:
        run: Run folder; gets `history.jsonl`, one line a query.
        task: What is searched for; the strategy sees the metrics of its objective alone.
        evaluator: Measures.
        strategy: Proposes; nothing was reported to it.
        plan: How long.
        consumed: What the strategy's models cost before: labels of other tasks, CPU seconds of training.
        warn: Called with one line about a torn line of the history, and of a space that was exhausted.

    Returns:
        Path of `history.jsonl`.

    Raises:
        InvalidRequest: The folder holds another search, one that would be lost, or more queries than the budget; no
            architecture of the task's table keeps the limits; or no query was measured, or none that is feasible.
        DamagedFile: Its history is damaged.
    """
    run.depends_on(batch=str(plan.batch))
    run.lock()
    check_limits(task, strategy.problem.objective)
    history = HistoryFile(run.path / "history.jsonl", run.identity, run.resume, run.overwrite, warn, run.differences)
    begun = _retell(run, history, strategy, plan, warn)
    run.start()
    run.record_identity()
    results = SearchResults(strategy.problem.objective)
    results.add(history.rows)
    with run.tracker.progress(plan.budget, f"searching {task.name}", "queries", initial=len(history.rows)) as progress, history:
        progress.update(len(history.rows))
        for evaluations in queries(evaluator, strategy, plan.budget - len(history.rows), plan.batch, begun):
            _record(run, history, evaluations, results, task.space)
            progress.update(len(history.rows))
            progress.note(results.note)
    _finish(run, task, evaluator, history, {**results.metrics(task, history.rows), **(consumed or {})}, strategy)
    _tell_shortfall(results, task, plan, warn)
    return history.path


def _retell(
    run: RunFolder, history: HistoryFile, strategy: Strategy, plan: SearchPlan, warn: Callable[[str], None]
) -> list[Observation]:
    """Tells the strategy the whole batches of a history; returns what was measured of a batch that a kill cut short."""
    rows, problem = history.rows, strategy.problem
    if len(rows) > plan.budget:
        raise InvalidRequest(f"'{run.path}' holds {len(rows)} queries, the budget is {plan.budget}", f"Use budget={len(rows)}.")
    told = [_told(row, problem.objective, problem.space, history.path) for row in rows]
    whole = len(rows) - len(rows) % plan.batch
    _tell_stored(strategy, told[:whole], history.path)
    for name in run.changes() if rows else ():
        warn(f"the content of '{name}' has changed since the search began; what was measured before stays as it is")
    return told[whole:]


def _record(
    run: RunFolder, history: HistoryFile, evaluations: Sequence[Evaluation], results: SearchResults, space: SearchSpace
) -> None:
    """Writes down a batch."""
    first = len(history.rows) + 1
    if run.overwrite and not run.resume and first == 1:
        run.discard_metrics()  # of the history that is replaced now
    history.append([finite(history_row(query, evaluation, space)) for query, evaluation in enumerate(evaluations, first)])
    for row in history.rows[first - 1 :]:
        results.add([row])
        run.tracker.log({**tracked_metrics(row), **results.logged(row)}, row["query"])


def _finish(
    run: RunFolder, task: Task, evaluator: Evaluator, history: HistoryFile, metrics: dict[str, Any], strategy: Strategy
) -> None:
    """Writes `metrics.json`, which also names the trained network of the best architecture."""
    run.tracker.table("queries", *tracked_table(history.rows))
    winner = metrics["best_arch"]
    network = best_network(run.path, evaluator, None if winner is None else task.space.decode(winner))
    about = {**metrics, "strategy": type(strategy).__name__, "best_network": network}
    run.finish(about, files=tuple(filter(None, (history.path.name, network))))


def _tell_shortfall(results: SearchResults, task: Task, plan: SearchPlan, warn: Callable[[str], None]) -> None:
    """Tells what the search could not give; its files stay.

    Raises:
        InvalidRequest: Nothing was measured, or nothing feasible.
    """
    if not results.queries:
        raise InvalidRequest(f"the strategy asked for nothing in {task.space.name}", "Choose another strategy.")
    if not results.measured:
        reason = results.first_error or "the evaluator knows none of the architectures"
        what = f"none of {results.queries} queries was measured, the first because: {shortened(reason)}"
        raise InvalidRequest(what, "Mend the cause and search again with overwrite=true.")
    if results.queries < plan.budget:
        warn(f"the space was exhausted after {results.queries} of {plan.budget} queries")
    if infeasible := results.infeasible():
        raise InvalidRequest(
            infeasible, "Widen the limits with overwrite=true, or search on with a greater budget and resume=true."
        )


def _tell_stored(strategy: Strategy, told: Sequence[Observation], path: Path) -> None:
    """Tells a strategy what a history holds.

    Raises:
        DamagedFile: A query occurs twice, or is not the function that it is said to be.
    """
    try:
        strategy.tell(told)
    except NagError as error:
        raise DamagedFile(f"'{path}' is damaged: {error.what}", "Start the search again: overwrite=true.") from error


def _told(row: dict[str, Any], objective: Objective, space: SearchSpace, path: Path) -> Observation:
    """What was reported to the strategy of a query."""
    try:
        arch = Architecture(tuple(str(op) for op in row["ops"]), tuple((int(u), int(v)) for u, v in row["edges"]))
        space.validate(arch)
        return Observation(arch, str(row["canonical_hash"]), values_of(objective, row["search_value"], row["side"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"'{path}' is damaged", "Start the search again: overwrite=true.") from error
