"""Limits: one syntax, and which values keep them."""

from __future__ import annotations

import math

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.tasks import Limit, Metric, Objective, parse_limits, parse_objective


def test_a_number_is_the_bound_on_the_bad_side_of_a_metric():
    found = parse_limits({"accuracy": 90, "latency": 3}, {"accuracy": True, "latency": False})
    assert found == {"accuracy": Limit(min=90.0), "latency": Limit(max=3.0)}
    assert parse_limits({"params": 2}) == {"params": Limit(max=2.0)}


@pytest.mark.parametrize("limits", [{"a": 1.5}, {"a": {"min": 1}}, {"b": {"max": 2, "min": 1}}, {"a": 2, "b": 3}])
def test_searching_and_sampling_read_the_same_syntax(limits):
    objective = Objective((Metric("a"), Metric("b", maximise=False)), limits, pareto=True)
    found = parse_objective({"maximise": ["a"], "minimise": ["b"], "limits": limits})
    assert dict(objective.limits) == dict(found.limits) == parse_limits(limits, {"a": True})
    assert parse_limits({name: limit.bounds for name, limit in objective.limits.items()}) == objective.limits


def test_a_number_in_an_objective_knows_the_direction_of_a_predictors_metric():
    assert parse_objective({"limits": {"accuracy": 90}}, maximised={"accuracy": True}).limits == {"accuracy": Limit(min=90.0)}
    found = parse_objective({"minimise": ["accuracy"], "limits": {"accuracy": 90}}, maximised={"accuracy": True})
    assert found.limits == {"accuracy": Limit(max=90.0)}


@pytest.mark.parametrize("bound", [math.nan, math.inf, "x", True, None, {}, [1], {"max": math.nan}, {"max": "3"}, {"most": 3}])
def test_bounds_that_are_no_finite_numbers_are_refused(bound):
    with pytest.raises(InvalidRequest, match="latency"):
        parse_limits({"latency": bound})


def test_violation_is_the_share_of_the_bound_on_either_side():
    values = torch.tensor([0.5, 1.0, 2.0, 5.0, math.nan], dtype=torch.float64)
    found = Limit(max=2, min=1).violation(values)
    assert found[:4].tolist() == [0.5, 0.0, 0.0, 1.5]
    assert bool(found[4].isnan())
