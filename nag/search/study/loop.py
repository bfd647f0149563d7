"""The loop of a search: ask a strategy, evaluate, tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nag.evaluation import Evaluation, Evaluator
from nag.search.strategy import SpaceExhausted, Strategy
from nag.search.study.results import values_of
from nag.tasks import Objective, Observation

__all__ = ["observation_of", "queries"]


def queries(
    evaluator: Evaluator, strategy: Strategy, budget: int, batch: int = 1, begun: Sequence[Observation] = ()
) -> Iterator[list[Evaluation]]:
    """Asks, evaluates and tells, batch by batch, until the budget or the space is spent; gives what came out.

    A whole batch is asked for each time, also where the budget ends within it, so that the queries of a small budget are
    the first ones of a greater budget.

    Args:
        evaluator: Measures.
        strategy: Proposes; it sees the metrics of its objective alone.
        budget: Queries.
        batch: Queries at a time.
        begun: What was measured of the first batch before, in an earlier run; it was not reported to the strategy yet.

    Example:
        >>> import nag
        >>> from nag.evaluation import CallableTrial, TrialEvaluator
        >>> from nag.search.study import queries
        >>> space = nag.load_space("nas_bench_graph")
        >>> evaluator = TrialEvaluator(space, CallableTrial(lambda arch: len(arch.edges)))
        >>> strategy = nag.search.RandomSearch(nag.Problem(space, nag.Objective.single("value")), seed=0)
        >>> [len(evaluations) for evaluations in queries(evaluator, strategy, budget=5, batch=2)]
        [2, 2, 1]
    """
    while budget > 0:
        try:
            asked = strategy.ask(batch)
        except SpaceExhausted:
            return
        functions = {architecture: function for function, architecture in strategy.pending.items()}
        known = {observation.canonical_hash for observation in begun}
        new = [architecture for architecture in asked if functions[architecture] not in known]
        evaluations = evaluator.evaluate(new[: min(batch - len(begun), budget)])
        found = [observation_of(evaluation, strategy.problem.objective) for evaluation in evaluations]
        strategy.tell([*begun, *found])
        begun = ()
        budget -= len(evaluations)
        yield evaluations


def observation_of(evaluation: Evaluation, objective: Objective) -> Observation:
    """What a strategy may see of an evaluation: the metrics of the objective, never the report metric.

    Example:
        >>> from nag.evaluation import CallableTrial, TrialEvaluator
        >>> from nag.search.study import observation_of
        >>> from nag.spaces import load_space
        >>> from nag.tasks import Objective
        >>> space = load_space("nas_bench_graph")
        >>> found = TrialEvaluator(space, CallableTrial(lambda arch: len(arch.edges))).evaluate(space.sample(1, seed=0))
        >>> observation_of(found[0], Objective.single("value")).values
        {'value': 7.0}
    """
    values = values_of(objective, evaluation.search_value, evaluation.side)
    return Observation(evaluation.architecture, evaluation.canonical_hash, values)
