"""The laws of every strategy, on every space that it can search."""

from __future__ import annotations

import pytest
import torch

from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.graphs import Architecture
from nag.search import ForbiddenMetric, Measurable, Problem, SpaceExhausted
from nag.search.draws import random_architectures
from nag.spaces import is_enumerable, load_space, space_from_mapping
from nag.spaces.layered import layered_space
from nag.tasks import Objective, Observation

TINY = {"name": "tiny", "operations": {"a": "parametric", "skip": "identity"}, "nodes": 4, "edges": "free"}
NB201 = load_space("nasbench201")
GOAL = Objective.single("score")
PLAIN = Problem(NB201, GOAL)  # shared, as its pool is made once


@pytest.mark.covering
def test_asks_valid_architectures_of_functions_that_are_new(make, problem, search):
    space = problem.space
    asked = search(make(problem, 0), rounds=2, batch=6)
    dags = space.to_dags(asked)
    assert len(asked) == len(set(space.canonical_hashes(dags))) == 12
    assert bool(space.is_valid(dags).all())


@pytest.mark.covering
def test_a_search_is_a_function_of_its_seed(make, problem, search):
    first, again, other = (search(make(problem, seed), rounds=2, batch=5) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.covering
def test_a_stored_history_is_gone_on_with(make, problem, search):
    undisturbed, resumed = make(problem, 3), make(problem, 3)
    search(undisturbed, rounds=2, batch=4)
    resumed.tell(undisturbed.history.observations[:5])
    resumed.tell(undisturbed.history.observations[5:])
    assert search(resumed, rounds=2, batch=2) == search(undisturbed, rounds=2, batch=2)


@pytest.mark.covering
def test_what_is_under_way_is_not_asked_again(make, problem, observe):
    strategy = make(problem, 0)
    waiting = strategy.ask(6)
    strategy.tell(observe(problem.space, waiting[:3], {"score": lambda arch: float(len(arch.edges))}))
    more = strategy.ask(3)
    assert len(set(problem.space.canonical_hashes(problem.space.to_dags([*waiting, *more])))) == 9


def test_a_finite_space_is_asked_out_and_then_exhausted(make, observe):
    space = space_from_mapping(TINY)
    problem = Problem(space, GOAL)
    strategy = make(problem, 0)
    sizes = []
    while len(strategy.history) < len(problem.pool_functions):
        archs = strategy.ask(3)
        sizes.append(len(archs))
        strategy.tell(observe(space, archs, {"score": lambda arch: float(len(arch.edges))}))
    assert sum(sizes) == len(problem.pool_functions) > 10
    assert all(size == 3 for size in sizes[:-1])
    with pytest.raises(SpaceExhausted, match="nothing left"):
        strategy.ask(3)


@pytest.mark.covering
@pytest.mark.parametrize(
    ("name", "count"), [("nasbench201", 8), pytest.param("nasbench201", 2, marks=pytest.mark.slow), ("layered", 3)]
)
def test_only_what_can_be_evaluated_is_asked(make, observe, name, count):
    space = layered_space(10, 12) if name == "layered" else load_space(name)
    dags = space.to_dags(random_architectures(space, 4 * count, torch.Generator().manual_seed(1)))
    hashes = space.canonical_hashes(dags)
    first = {function: row for row, function in reversed(list(enumerate(hashes)))}
    rows = sorted(first.values())[:count]
    known = Measurable(tuple(hashes[row] for row in rows), dags[torch.tensor(rows)])
    strategy = make(Problem(space, GOAL, measurable=known), 0)
    asked = []
    while len(asked) < count:
        archs = strategy.ask(3)
        strategy.tell(observe(space, archs, {"score": lambda arch: float(arch.ops.count(arch.ops[1]))}))
        asked += archs
    assert sorted(space.canonical_hashes(space.to_dags(asked))) == sorted(known.functions)
    with pytest.raises(SpaceExhausted, match=f"all {count} functions"):
        strategy.ask(1)


def test_a_strategy_cannot_see_the_report_metric(make):
    strategy = make(PLAIN, 0)
    with pytest.raises(ForbiddenMetric, match="report metric"):
        strategy.problem.report_metric  # noqa: B018
    (arch,) = strategy.ask(1)
    with pytest.raises(ForbiddenMetric, match="'test_acc'"):
        strategy.tell([Observation.of(NB201, arch, {"score": 1.0, "test_acc": 2.0})])
    assert len(strategy.history) == 0
    with pytest.raises(ForbiddenMetric, match="'test_acc'"):
        strategy.history.metric("test_acc")


def test_twins_and_strangers_are_not_taken(make, observe):
    strategy = make(PLAIN, 0)
    pooled = "|avg_pool_3x3~0|+|{}~0|{}~1|+|none~0|skip_connect~1|none~2|"
    arch, twin = (NB201.decode(pooled.format(*ops)) for ops in (("none", "skip_connect"), ("none", "none")))
    strategy.tell(observe(NB201, [arch], {"score": lambda _: 1.0}))
    with pytest.raises(InvalidRequest, match="reported before"):
        strategy.tell(observe(NB201, [twin], {"score": lambda _: 2.0}))
    (fresh,) = strategy.ask(1)
    with pytest.raises(InvalidRequest, match="not the canonical hash"):
        strategy.tell([Observation(fresh, "0" * 32, {"score": 1.0})])
    with pytest.raises(InvalidRequest, match="lacks the metric"):
        strategy.tell([Observation.of(NB201, fresh, {})])
    stranger = Architecture(("input", "output"), ((0, 1),))
    with pytest.raises(InvalidArchitecture):
        strategy.tell([Observation.of(NB201, stranger, {"score": 1.0})])
    with pytest.raises(InvalidRequest, match="at least 1"):
        strategy.ask(0)


def test_failed_evaluations_do_not_stop_a_search(make, search):
    strategy = make(PLAIN, 0)
    search(strategy, rounds=2, batch=3, score=lambda arch: float("nan"))
    assert strategy.history.best is None
    search(strategy, rounds=2, batch=3, score=lambda arch: 1.0 if "none" in arch.ops else float("nan"))
    assert len(strategy.history) == 12


@pytest.mark.covering
def test_scalable_strategies_never_enumerate(make, problem, search, monkeypatch):
    if not problem.space.max_nodes > 8:
        pytest.skip("small spaces are drawn from by enumeration")
    strategy = make(Problem(problem.space, GOAL), 0)  # none whose pool another test has made
    if not strategy.scalable:
        assert is_enumerable(problem.space)  # elsewhere every strategy must do without
        pytest.skip("scores the whole space")
    monkeypatch.setattr("nag.search.problem.enumerate_space", None)
    monkeypatch.setattr("nag.search.draws.sample_uniform", None)
    assert len(search(strategy, rounds=3, batch=3)) == 9
