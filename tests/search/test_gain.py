"""What the strategies gain over chance, on measured architectures."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from nag.search import (
    LocalSearch,
    ModelBasedSearch,
    Problem,
    RandomSearch,
    RegularisedEvolution,
    Strategy,
    TreeSearch,
)
from nag.tasks import Objective, Observation, load_task


@cache
def measured() -> tuple[Problem, dict[str, float]]:
    """NAS-Bench-201 and the accuracy of each of its functions."""
    table = load_task("nasbench201/cifar10_12ep").table
    accuracy = dict(zip(table.space.canonical_hashes(table.dags), table.metric("cifar10_val_acc_12ep").tolist(), strict=True))
    return Problem(table.space, Objective.single("accuracy")), accuracy


@cache
def mean_best(make: Callable[[Problem, int], Strategy], queries: int = 100, seeds: int = 10) -> float:
    problem, accuracy = measured()
    best = []
    for seed in range(seeds):
        strategy = make(problem, seed)
        while len(strategy.history) < queries:
            strategy.ask(5)
            told = [
                Observation(arch, function, {"accuracy": accuracy[function]}) for function, arch in strategy.pending.items()
            ]
            strategy.tell(told)
        best.append(float(strategy.history.metric("accuracy").max()))
    return float(np.mean(best))


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("make", [RegularisedEvolution, LocalSearch, TreeSearch, ModelBasedSearch])
def test_strategies_beat_chance(make):
    assert mean_best(make) > mean_best(RandomSearch)
