"""Spaces, strategies and a small loop that the tests of the search share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import pytest

from nag.diffusion import Evolution
from nag.graphs import Architecture
from nag.predictors import GNNPredictor
from nag.search import (
    BayesianOptimisation,
    EvolutionaryDenoising,
    Generated,
    InitialDesign,
    LocalSearch,
    ModelBasedSearch,
    Mutants,
    PredictorSurrogate,
    Problem,
    RandomSearch,
    RegularisedEvolution,
    RoBoT,
    Strategy,
    Thompson,
    TreeSearch,
)
from nag.spaces import SearchSpace, layered_space, load_space, space_from_mapping
from nag.tasks import Objective, Observation

SMALL = Mutants(parents=3, count=20, rounds=2, random=20)


def bayesian(problem: Problem, seed: int, **options) -> BayesianOptimisation:
    """Bayesian optimisation with few candidates; the pool of NAS-Bench-101 takes half a minute."""
    options = {"start": InitialDesign(3, draws=60), "candidates": SMALL, "pool": problem.space.name != "nasbench101", **options}
    return BayesianOptimisation(problem, seed, **options)


STRATEGIES: dict[str, Callable[[Problem, int], Strategy]] = {
    "random": RandomSearch,
    "evolution": lambda problem, seed: RegularisedEvolution(problem, seed, population=6, tournament=3),
    "local_search": lambda problem, seed: LocalSearch(problem, seed, initial=4, width=8),
    "mcts": TreeSearch,
    "smbo": lambda problem, seed: ModelBasedSearch(problem, seed, rollouts=12, initial=4),
    "gp": lambda problem, seed: bayesian(problem, seed, proxies=False),
    "default": lambda problem, seed: bayesian(problem, seed, candidates=Generated(count=8, beside=SMALL)),
    "default_scalable": lambda problem, seed: bayesian(problem, seed, pool=False),
    "bananas": lambda problem, seed: bayesian(
        problem,
        seed,
        model=PredictorSurrogate(partial(GNNPredictor, width=8, layers=1, members=2, steps=3)),
        acquisition=Thompson(),
        start=InitialDesign(labels=3, share=1.0, draws=60),
        pool=False,
        refit=3,
    ),
    "robot": lambda problem, seed: RoBoT(
        problem, seed, explore=4, weights=60, draws=100, pool=problem.space.name != "nasbench101"
    ),
    "evolutionary_denoising": lambda problem, seed: EvolutionaryDenoising(
        problem, seed, evolution=Evolution(population=4, generations=3)
    ),
}
FREE = {
    "name": "free",
    "operations": {"conv": "parametric", "wide": "parametric", "pool": "mergeable"},
    "nodes": [2, 5],
    "edges": "free",
    "constraints": {"all_nodes_on_a_path": True},
}
CHAIN = {
    "name": "chain",
    "operations": {f"op_{i}": "parametric" for i in range(20)} | {"skip": "identity", "pool": "mergeable"},
    "nodes": 17,
    "edges": [[i, i + 1] for i in range(16)],
}  # 22^15 architectures
WIRED = [[0, 1], [1, 2], [0, 3], [3, 4], [2, 5], [4, 5], [5, 6]]
CONVOLUTIONS = {"nor_conv_3x3": "parametric", "nor_conv_1x1": "parametric", "avg_pool_3x3": "mergeable"}
CELLS = {"name": "cells", "operations": {**CONVOLUTIONS, "skip_connect": "identity"}, "nodes": 7, "edges": WIRED}  # 4^5
SPACES: dict[str, Callable[[], SearchSpace]] = {
    **{name: (lambda name=name: load_space(name)) for name in ("nasbench201", "nasbench101", "nas_bench_graph", "tpu_tiles")},
    "layered_30": lambda: layered_space(30, 12),
    "chain": lambda: space_from_mapping(CHAIN),
    "free": lambda: space_from_mapping(FREE),
}
Score = Callable[[Architecture], float]


def uneven(arch: Architecture) -> float:
    """Something to learn, of any architecture: how many nodes have the operation of the second, less the edges."""
    return sum(op == arch.ops[1] for op in arch.ops) - 0.1 * len(arch.edges)


@pytest.fixture(scope="session")
def observe():
    """Gives the observations of architectures: space, architectures, and metric -> score."""

    def get(space: SearchSpace, archs: Sequence[Architecture], metrics: dict[str, Score]) -> list[Observation]:
        functions = space.canonical_hashes(space.to_dags(archs))
        return [
            Observation(arch, function, {name: score(arch) for name, score in metrics.items()})
            for arch, function in zip(archs, functions, strict=True)
        ]

    return get


@pytest.fixture(scope="session")
def search(observe):
    """Asks and tells by a score of architectures, round after round, and gives all that was asked."""

    def run(strategy: Strategy, rounds: int, batch: int, **metrics: Score) -> list[Architecture]:
        asked = []
        for _ in range(rounds):
            archs = strategy.ask(batch)
            strategy.tell(observe(strategy.problem.space, archs, metrics or {"score": uneven}))
            asked += archs
        return asked

    return run


LARGER = ("nasbench201", "nasbench101", "nas_bench_graph", "tpu_tiles", "layered_30")  # than what says the same: free, chain
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in LARGER else []) for name in SPACES]


@pytest.fixture(scope="session")
def cells() -> SearchSpace:
    """Cells of one wiring and five operations, of which convolutions are worth most."""
    return space_from_mapping(CELLS)


@pytest.fixture(params=NAMES)
def space(request) -> SearchSpace:
    return SPACES[request.param]()


@cache
def problem_of(name: str) -> Problem:
    """The same for all tests, as its pool is made once."""
    return Problem(SPACES[name](), Objective.single("score"))


@pytest.fixture(params=STRATEGIES)
def make(request) -> Callable[[Problem, int], Strategy]:
    return STRATEGIES[request.param]


ALIKE = ("gp", "default_scalable", "bananas")  # the strategy of `default` with other options


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] if name in ALIKE else []) for name in STRATEGIES])
def apart(request) -> Callable[[Problem, int], Strategy]:
    """As `make`, of strategies that choose in different ways."""
    return STRATEGIES[request.param]


@pytest.fixture(params=NAMES)
def problem(request) -> Problem:
    return problem_of(request.param)
