"""The suite of searches: what it counts, and what it lets strategies see."""

from __future__ import annotations

import pytest

from nag.core.errors import InvalidRequest
from nag.evaluation import TableEvaluator
from nag.search import ForbiddenMetric, LocalSearch, Problem, RandomSearch
from nag.search.study.loop import queries
from nag.suites import CellContext
from nag.suites.search_cells import Search, measure_best
from nag.suites.search_front import FrontRun
from nag.tasks import Objective, load_task

TASK = "nas_bench_graph/cora"


def measured(tmp_path, make, seed=0):
    found = Search(TASK, "some", make, queries=60, regrets=(10, 60)).measure(CellContext(tmp_path, seed))
    assert {m.labels for m in found} == {60}
    return {m.metric: m.value for m in found}


@pytest.mark.slow
def test_regret_is_that_of_the_best_by_the_search_metric_and_counts_begin_at_one(tmp_path):
    found, task = measured(tmp_path, RandomSearch), load_task(TASK)
    strategy = RandomSearch(Problem(task.space, Objective.single(task.search_metric, task.maximise)), 0)
    asked = [e for (e,) in queries(TableEvaluator(task), strategy, 60)]
    for number in (10, 60):
        best = max(asked[:number], key=lambda e: e.search_value)
        assert found[f"regret_{number}"] == pytest.approx(task.best - best.report_value)
        assert found[f"search_regret_{number}"] == pytest.approx(task.search_values.max() - best.search_value)
    reached = [i for i, e in enumerate(asked, 1) if e.percentile >= 99.9]
    assert found["queries_to_top"] == (reached[0] if reached else None)
    assert found["reached_optimum"] == float(found["queries_to_optimum"] is not None)
    assert found["labels_of_other_tasks"] == 0


def test_the_best_by_the_search_metric_are_measured_by_the_report_metric(tmp_path):
    task = load_task(TASK)
    found = {(m.method, m.metric): m.value for m in measure_best(TASK, (10, 50), CellContext(tmp_path))}
    best = sorted(task.rows, key=lambda row: -task.search_values[row])
    for number, method in ((1, "the best by valid_perf"), (20, "the 20 best by valid_perf")):
        value = found[method, "best_value"]
        assert value == pytest.approx(task.report_values[best[:number]].mean())
        assert found[method, "regret_10"] == found[method, "regret_50"] == pytest.approx(task.best - value) != 0


@pytest.mark.slow
def test_a_search_learns_from_what_it_is_told(tmp_path):
    regrets = [[measured(tmp_path, make, seed=seed)["regret_60"] for seed in range(4)] for make in (LocalSearch, RandomSearch)]
    assert sum(regrets[0]) < sum(regrets[1])


def test_what_is_told_in_a_search_is_the_search_metric_alone():
    task = load_task(TASK)
    strategy = RandomSearch(Problem(task.space, Objective.single(task.search_metric, task.maximise)), 0)
    next(queries(TableEvaluator(task), strategy, 1))
    assert set(strategy.history.observations[0].values) == {task.search_metric} != {task.report_metric}
    with pytest.raises(ForbiddenMetric):
        strategy.history.metric(task.report_metric)


@pytest.mark.slow
@pytest.mark.data
def test_the_same_budget_for_strategies_and_for_the_library(tmp_path):
    run = FrontRun("nasbench201/cifar100", "1080ti_1_ms", ["random"], queries=30)
    for make in (RandomSearch, None):
        found = {m.metric: m.value for m in run.measure("some", make, CellContext(tmp_path))}
        assert found["queries"] == 30
        assert 0 < found["hypervolume_ratio_nadir"] < found["hypervolume_ratio"] < 1
    again = {m.metric: m.value for m in run.measure("some", None, CellContext(tmp_path))}
    assert again["hypervolume_ratio"] == found["hypervolume_ratio"]


def test_nsga_needs_a_space_with_fixed_edges(tmp_path):
    run = FrontRun(TASK, "latency", [], queries=5)
    with pytest.raises(InvalidRequest, match="fixed edges"):
        run.measure("NSGA-II", None, CellContext(tmp_path))
