"""Objectives and limits, in histories and in searches whose truth is known."""

from __future__ import annotations

import math

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.core.pareto import crowding, front_numbers, ranks
from nag.graphs import Architecture
from nag.search import History, Problem, RandomSearch, TreeSearch
from nag.spaces import load_space
from nag.tasks import Metric, Objective

NB201 = load_space("nasbench201")
WORTH = {"nor_conv_3x3": 3.0, "nor_conv_1x1": 2.0, "avg_pool_3x3": 1.0}


def worth(arch: Architecture) -> float:
    return sum(WORTH.get(op, 0.0) for op in arch.ops)


def cost(arch: Architecture) -> float:
    return worth(arch) ** 2 + arch.ops.count("skip_connect")


def convolutions(arch: Architecture) -> float:
    return float(arch.ops.count("nor_conv_3x3"))


def test_fronts_are_peeled_off_one_by_one():
    values = torch.tensor([[3.0, 0.0], [0.0, 3.0], [1.0, 1.0], [2.0, 2.0], [0.0, 0.0], [3.0, 0.0]])
    assert front_numbers(values).tolist() == [0, 0, 1, 0, 2, 0]


def test_crowding_is_the_distance_of_the_neighbours():
    values = torch.tensor([[0.0, 4.0], [1.0, 3.0], [4.0, 0.0], [2.0, 1.0]])
    assert crowding(values).tolist() == [math.inf, 0.5 + 0.75, math.inf, 0.75 + 0.75]
    assert crowding(torch.ones(3, 2)).tolist() == [math.inf] * 3


def test_feasible_before_infeasible_before_failed():
    values = torch.tensor([[1.0], [9.0], [5.0], [math.nan], [9.5], [5.0]])
    violation = torch.tensor([0.0, 0.5, 0.0, math.inf, 0.1, 0.0])
    assert ranks(values, violation).tolist() == [1, 3, 0, 4, 2, 0]


def test_of_one_front_the_lonely_stand_first():
    values = torch.tensor([[0.0, 4.0], [1.0, 3.0], [4.0, 0.0], [2.0, 1.0], [0.0, 0.0]])
    assert ranks(values, torch.zeros(5)).tolist() == [0, 2, 0, 1, 3]


def test_a_history_knows_its_best_and_what_exceeds_a_limit(observe):
    objective = Objective.single("cost", maximise=False, limits={"convolutions": 2.0})
    cell = "|{}~0|+|{}~0|{}~1|+|nor_conv_1x1~0|none~1|skip_connect~2|"
    conv, pool = "nor_conv_3x3", "avg_pool_3x3"
    archs = [NB201.decode(cell.format(*ops)) for ops in [(conv, conv, conv), (conv, conv, pool), (conv, pool, pool)]]
    archs = [archs[0], archs[2], archs[1]]
    metrics = {"cost": cost, "convolutions": convolutions}
    history = History(NB201, objective).extended(observe(NB201, archs, metrics))
    assert history.violation.tolist() == [0.5, 0.0, 0.0]
    assert history.values[:, 0].tolist() == [-cost(arch) for arch in archs]
    assert history.best is history.observations[1]
    assert History(NB201, objective).best is None
    longer = history.extended([])
    assert torch.equal(longer.dags.ops, NB201.to_dags(archs).ops)


def test_histories_keep_their_graphs_as_they_grow(observe, search):
    strategy = RandomSearch(Problem(NB201, Objective.single("score")), 0)
    search(strategy, rounds=1, batch=3)
    before = strategy.history.dags
    asked = [told.architecture for told in strategy.history.observations] + search(strategy, rounds=2, batch=3)
    assert torch.equal(strategy.history.dags.ops, NB201.to_dags(asked).ops)
    assert torch.equal(strategy.history.dags.ops[:3], before.ops)


@pytest.mark.parametrize(("metrics", "limits"), [((), {}), ((Metric("a"), Metric("a")), {}), ((Metric("a"),), {"b": math.nan})])
def test_objectives_that_make_no_sense_are_refused(metrics, limits):
    with pytest.raises(InvalidRequest):
        Objective(metrics, limits)


def test_a_search_finds_the_best_that_is_feasible(apart, cells, search):
    """Of cells that cost at most 20, none is worth more than 4; the best of all, worth 15, are far from feasible."""
    strategy = apart(Problem(cells, Objective.single("worth", limits={"cost": 20.0})), 0)
    search(strategy, rounds=25, batch=3, worth=worth, cost=cost)
    assert strategy.history.best is not None
    assert worth(strategy.history.best.architecture) == 4


def test_a_search_goes_where_the_objective_points(apart, search):
    """Maximising and minimising one metric lead to opposite ends."""
    ends = []
    for maximise in (True, False):
        strategy = apart(Problem(NB201, Objective.single("worth", maximise)), 1)
        search(strategy, rounds=10, batch=4, worth=worth)
        ends.append(float(strategy.history.metric("worth")[20:].mean()))
        assert strategy.history.best.values["worth"] == (max if maximise else min)(strategy.history.metric("worth")).item()
    if not isinstance(strategy, RandomSearch):
        assert ends[0] > ends[1] + 1


def test_a_tree_search_does_without_halving(search):
    strategy = TreeSearch(Problem(NB201, Objective.single("worth")), 0, bisect=False)
    search(strategy, rounds=15, batch=4, worth=worth)
    first, second = strategy.history.metric("worth").view(2, 30).mean(1).tolist()
    assert second > first + 1


@pytest.mark.slow
def test_two_objectives_give_a_front(apart, search):
    """Worth up and cost down pull apart: both ends of the front, at 18 and at 0, are neared."""
    objective = Objective((Metric("worth"), Metric("cost", maximise=False)), pareto=True)
    strategy = apart(Problem(NB201, objective), 0)
    search(strategy, rounds=20, batch=4, worth=worth, cost=cost)
    on_front = strategy.history.values[front_numbers(strategy.history.values) == 0]
    assert float(on_front[:, 0].max()) >= 10
    assert float(on_front[:, 1].max()) >= -10
