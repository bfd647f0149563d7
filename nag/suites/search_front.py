"""Cells of the suite `search` with two objectives, against Optuna's NSGA-II."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from nag.core.errors import InvalidRequest
from nag.core.packages import require
from nag.evaluation import Evaluation, TableEvaluator, cpu_seconds, front
from nag.graphs import Architecture
from nag.search import Problem
from nag.search.study.loop import queries
from nag.search.study.measurable import measurable
from nag.suites import CellContext, Measurement, measurements
from nag.suites.parts.fronts import FrontValues, points_of
from nag.suites.search_cells import Make
from nag.tasks import Metric, Objective, Task, load_task
from nag.workflows.sources.proxies import proxies_of

__all__ = ["FrontRun"]

_TRIALS = 100  # maximum number of NSGA-II trials per query: repeated functions are not charged


@dataclass(frozen=True)
class FrontRun:
    """A search for a Pareto front: the task's search metric, and a secondary metric to minimise.

    Args:
        task: Name of the task.
        minimise: The secondary metric.
        strategies: Names of the strategies; NSGA-II is added.
        seeds: Number of seeds.
        queries: Number of queries of a search.
        proxies: Training-free columns that strategies may use.
        population: Population size of NSGA-II.
    """

    task: str
    minimise: str
    strategies: Sequence[str]
    seeds: int = 5
    queries: int = 100
    proxies: Sequence[str] = ()
    population: int = 10

    @property
    def protocol(self) -> str:
        """Measurement protocol."""
        return (
            f"*Two objectives*: on {self.task}, the search metric is maximised and {self.minimise} minimised with "
            f"{self.queries} queries; the hypervolume in report metric and secondary metric of the queries that are Pareto "
            "optimal in the two objectives, divided by that of the whole table's front, with the worst values of the table as "
            "reference point and with the nadir point of the front. NSGA-II is Optuna's, with a population of "
            f"{self.population}, the best of 10, 20 and 40 on other seeds; functions that it repeats are not charged."
        )

    def measure(self, name: str, make: Make | None, context: CellContext) -> list[Measurement]:
        """Searches once.

        Args:
            name: Name of the strategy.
            make: (problem=..., seed=...) -> the strategy; None for NSGA-II.
            context: Its seed.
        """
        task, before = load_task(self.task), cpu_seconds()
        found = list(_nsga(task, self, context.seed) if make is None else self._queries(task, make, context.seed))
        cost = cpu_seconds() - before
        side = self.minimise
        seen = [e for e in found if e.search_value is not None and e.report_value is not None and side in e.side]
        down = np.array([e.side[side] for e in seen])
        searched, reported = (
            points_of(task.utility(np.array(values, dtype=np.float64)), down)
            for values in ([e.search_value for e in seen], [e.report_value for e in seen])
        )
        table = points_of(task.utility(task.report_values), task.table.metric(side))
        quality = FrontValues.of(reported[front(searched)], table)
        values = {
            "hypervolume_ratio": quality.hypervolume_ratio,
            "hypervolume_ratio_nadir": quality.hypervolume_ratio_nadir,
            "front_found": quality.found,
            "queries": float(len(found)),
            "search_cpu_seconds": cost,
        }
        return measurements(task.space.name, task.name, name, f"front with {side}", values, len(found))

    def _queries(self, task: Task, make: Make, seed: int) -> Iterator[Evaluation]:
        """The queries of a strategy."""
        metrics = (Metric(task.search_metric, task.maximise), Metric(self.minimise, maximise=False))
        columns = proxies_of(task, self.proxies) if self.proxies else None
        problem = Problem(task.space, Objective(metrics, pareto=True), columns, measurable=measurable(task))
        strategy = make(problem=problem, seed=seed)
        return chain.from_iterable(queries(TableEvaluator(task), strategy, self.queries))


def _nsga(task: Task, run: FrontRun, seed: int) -> Iterator[Evaluation]:
    """NSGA-II over the operations of a space with fixed edges."""
    require("optuna", extra="peers")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    edges, names = _fixed_edges(task)
    sampler = optuna.samplers.NSGAIISampler(population_size=run.population, seed=seed)
    study = optuna.create_study(directions=["maximize" if task.maximise else "minimize", "minimize"], sampler=sampler)
    evaluator, charged = TableEvaluator(task), set[str]()
    for _ in range(_TRIALS * run.queries):
        trial = study.ask()
        ops = ("input", *(trial.suggest_categorical(f"node{i}", choices) for i, choices in enumerate(names)), "output")
        (evaluation,) = evaluator.evaluate([Architecture(ops, edges)])
        assert evaluation.search_value is not None  # the task's table is complete
        study.tell(trial, [evaluation.search_value, evaluation.side[run.minimise]])
        if evaluation.canonical_hash not in charged:
            charged.add(evaluation.canonical_hash)
            yield evaluation
        if len(charged) == run.queries:
            return


def _fixed_edges(task: Task) -> tuple[tuple[tuple[int, int], ...], list[list[str]]]:
    """The edges of all architectures of a space, and the allowed operations of each inner node.

    Raises:
        InvalidRequest: Architectures differ in their edges.
    """
    space, size = task.space, task.space.max_nodes
    allowed = torch.triu(torch.ones(size, size, dtype=torch.bool), 1)
    if bool((space.masks.edges.all(-1) & allowed).any()) or int(task.table.dags.mask.sum(1).min()) < size:
        raise InvalidRequest(f"NSGA-II needs a space with fixed edges, unlike {space.name}", "Choose a task of nasbench201.")
    names = [[space.vocabulary[k] for k in row.nonzero().flatten().tolist()] for row in space.masks.nodes[size, 1 : size - 1]]
    return space.to_architectures(task.table.dags[:1])[0].edges, names
