"""Objectives: one syntax, and the best of what was observed is feasible, whatever the objective."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nag.core.errors import InvalidRequest
from nag.tasks import Limit, Metric, Objective, parse_objective


@dataclass(frozen=True)
class Seen:
    values: dict[str, float]


number = st.one_of(st.integers(-3, 3).map(float), st.just(math.nan))
observations = st.lists(st.builds(Seen, st.fixed_dictionaries({"a": number, "b": number})), max_size=8)
FRONT, SUM = {"pareto": True}, {"weights": {"b": 0.5}}
objectives = st.builds(
    lambda up, kind, limits: Objective((Metric("a", up), *([Metric("b", False)] if kind else [])), limits, **kind),
    st.booleans(),
    st.sampled_from([{}, FRONT, SUM]),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from([1.0, {"min": 0}, {"max": 1, "min": -1}])),
)


def feasible(objective: Objective, seen: Seen) -> bool:
    def keeps(limit: Limit, value: float) -> bool:
        return (limit.max is None or value <= limit.max) and (limit.min is None or value >= limit.min)

    known = not any(math.isnan(seen.values[metric.name]) for metric in objective.metrics)
    return known and all(keeps(limit, seen.values[name]) for name, limit in objective.limits.items())


def worth(objective: Objective, seen: Seen) -> float:
    """The weighted sum, or the first metric of a front."""
    chosen = objective.metrics[:1] if objective.pareto else objective.metrics
    return sum(objective.weights.get(each.name, 1) * (1 if each.maximise else -1) * seen.values[each.name] for each in chosen)


@given(objectives, observations)
def test_the_best_is_the_first_of_the_best_feasible_ones(objective, seen):
    kept = [each for each in seen if feasible(objective, each)]
    best = objective.best(seen)
    assert (best is None) == (not kept)
    if best is not None:
        assert best is max(kept, key=lambda each: worth(objective, each))


@given(objectives, observations)
def test_the_best_can_be_found_one_by_one(objective, seen):
    best = nearest = None
    for each in seen:
        best = objective.best([each] if best is None else [best, each])
        nearest = objective.nearest([each] if nearest is None else [nearest, each])
    assert best is objective.best(seen)
    assert nearest is objective.nearest(seen)


def test_the_nearest_breaks_the_limits_least():
    objective = Objective.single("a", True, {"b": 1.0})
    seen = [Seen({"a": 9.0, "b": 3.0}), Seen({"a": 1.0, "b": 1.5}), Seen({"a": 2.0, "b": 1.5}), Seen({"a": math.nan, "b": 1.1})]
    assert objective.best(seen) is None
    assert objective.nearest(seen) is seen[2]
    assert objective.nearest([]) is None


def test_a_front_is_told_apart_from_a_weighted_sum():
    seen = [Seen({"a": 3.0, "b": 9.0}), Seen({"a": 2.0, "b": 1.0})]
    metrics = (Metric("a"), Metric("b", maximise=False))
    front, total = Objective(metrics, pareto=True), Objective(metrics, weights={"b": 0.5})
    assert front.utilities(seen).tolist() == [[3.0, -9.0], [2.0, -1.0]]
    assert total.utilities(seen).tolist() == [[-1.5], [1.5]]
    assert front.best(seen) is seen[0]
    assert total.best(seen) is seen[1]


def test_limits_alone_make_an_objective():
    objective = Objective(limits={"b": {"max": 5}})
    assert objective.best([Seen({"b": 9.0}), Seen({"b": 1.0})]).values["b"] == 1.0


@pytest.mark.parametrize("weights", [{"a": 0.0}, {"a": -1.0}, {"a": math.nan}, {"c": 1.0}])
def test_weights_are_above_zero_and_of_metrics_of_the_objective(weights):
    with pytest.raises(InvalidRequest, match="weight"):
        Objective((Metric("a"),), weights=weights)


def test_an_objective_is_read_from_plain_values():
    found = parse_objective(
        {"maximise": "accuracy", "minimise": {"latency_ms": 0.2}, "limits": {"latency_ms": {"max": 5}}},
        known=["accuracy", "latency_ms"],
    )
    metrics = (Metric("accuracy"), Metric("latency_ms", maximise=False))
    assert found == Objective(metrics, {"latency_ms": Limit(max=5)}, {"accuracy": 1.0, "latency_ms": 0.2})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"maximize": {"depth": 1}}, "Did you mean 'maximise'"),
        ({"maximise": {"dept": 1}}, "Did you mean 'depth'"),
        ({"maximise": {"depth": -1}}, "at least 0"),
        ({"maximise": {"depth": "much"}}, "at least 0"),
        ({"maximise": 3}, "not a mapping"),
        ({"maximise": {"depth": 1}, "minimise": {"depth": 1}}, "both maximised and minimised"),
        ({}, "neither"),
        ({"maximise": {"depth": 0}}, "neither"),
        ({"maximise": {"depth": 1}, "pareto": True}, "two metrics"),
        ({"maximise": {"depth": 1}, "pareto": "yes"}, "true or false"),
        ({"limits": {"depth": {"maximum": 1}}}, "Did you mean 'max'"),
        ({"limits": 5}, "not a mapping"),
        ({"limits": {"depth": {}}}, "the limit of 'depth' has no finite bound"),
        ({"limits": {"depth": {"max": "5ms"}}}, "finite numbers"),
        ({"limits": {"depth": {"max": 1, "min": 2}}}, "above max"),
        ({"limits": {"depth": {"max": 1}}, "risk": 0.5}, "no 'risk'"),
    ],
    ids=str,
)
def test_mistakes_are_named(config, message):
    with pytest.raises(InvalidRequest, match=message):
        parse_objective(config, known=["depth", "num_edges"])
