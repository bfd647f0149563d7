"""The best of what was observed is feasible, whatever the goal (W1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from nag.tasks import Goal, Limit, Objective


@dataclass(frozen=True)
class Seen:
    values: dict[str, float]


number = st.one_of(st.integers(-3, 3).map(float), st.just(math.nan))
observations = st.lists(st.builds(Seen, st.fixed_dictionaries({"a": number, "b": number})), max_size=8)
goals = st.builds(
    lambda up, more, limits: Goal((Objective("a", up), *([Objective("b", False)] if more else [])), limits),
    st.booleans(),
    st.booleans(),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from([1.0, {"min": 0}, {"max": 1, "min": -1}])),
)


def feasible(goal: Goal, seen: Seen) -> bool:
    def keeps(limit: Limit, value: float) -> bool:
        return (limit.max is None or value <= limit.max) and (limit.min is None or value >= limit.min)

    known = not any(math.isnan(seen.values[objective.metric]) for objective in goal.objectives)
    return known and all(keeps(limit, seen.values[name]) for name, limit in goal.limits.items())


@given(goals, observations)
def test_the_best_is_the_first_of_the_best_feasible_ones(goal, seen):
    kept = [each for each in seen if feasible(goal, each)]
    best = goal.best(seen)
    assert (best is None) == (not kept)
    if best is not None:
        sign = goal.objectives[0].sign
        assert best is max(kept, key=lambda each: sign * each.values["a"])


@given(goals, observations)
def test_the_best_can_be_found_one_by_one(goal, seen):
    best = nearest = None
    for each in seen:
        best = goal.best([each] if best is None else [best, each])
        nearest = goal.nearest([each] if nearest is None else [nearest, each])
    assert best is goal.best(seen)
    assert nearest is goal.nearest(seen)


def test_the_nearest_breaks_the_limits_least():
    goal = Goal.single("a", True, {"b": 1.0})
    seen = [Seen({"a": 9.0, "b": 3.0}), Seen({"a": 1.0, "b": 1.5}), Seen({"a": 2.0, "b": 1.5}), Seen({"a": math.nan, "b": 1.1})]
    assert goal.best(seen) is None
    assert goal.nearest(seen) is seen[2]
    assert goal.nearest([]) is None
