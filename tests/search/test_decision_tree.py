"""The decision tree and the random edits against what the spaces hold."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
import torch
from scipy import stats

from nag.core.errors import InvalidRequest
from nag.graphs import Architecture
from nag.search.decision_tree import DecisionTree
from nag.search.draws import random_architectures
from nag.search.mcts import halvings
from nag.spaces import SearchSpace, enumerate_space, layered_space, load_space, space_from_mapping
from nag.spaces.neighbourhood import random_neighbours

OPERATIONS = {"conv": "parametric", "pool": "mergeable"}
PATHS = {"all_nodes_on_a_path": True}
SMALL = {
    "paths": {"nodes": [2, 5], "constraints": {**PATHS, "max_edges": 6}},
    "tight": {"nodes": [4, 5], "constraints": {**PATHS, "max_edges": 5}},
    "few_edges": {"nodes": 4, "constraints": {"max_edges": 2}},
    "anything": {"nodes": [2, 4]},
    "trees": {"nodes": 5, "constraints": {"in_degree": 1, "output_from_leaves": True}},
    "one_result": {"nodes": [3, 5], "constraints": {**PATHS, "output_in_degree": 1}},
    "trees_with_one_result": {"nodes": 5, "constraints": {**PATHS, "output_in_degree": 2, "in_degree": 1}},
    "tensors": {
        "nodes": [4, 6],
        "required": [[0, 1]],
        "constraints": {**PATHS, "output_in_degree": 1, "input_feeds_leaves": True, "input_readers": ["pool"]},
    },
    "masks": {"nodes": [3, 5], "required": [[0, 1]], "forbidden": [[0, 4], [1, 3]], "constraints": PATHS},
    "positions": {"nodes": 4, "allowed": [["conv"], ["conv", "pool"]]},
    "fixed": {"nodes": 5, "edges": [[0, 1], [0, 2], [1, 3], [2, 3], [3, 4]]},
}


@pytest.fixture(params=SMALL)
def small(request) -> SearchSpace:
    return space_from_mapping({"name": request.param, "operations": OPERATIONS, "edges": "free", **SMALL[request.param]})


def every_leaf(tree: DecisionTree) -> list[Architecture]:
    """All that a tree leads to, by trying the last decision that has another option left."""
    found, ahead = [], []
    while True:
        steps = iter(ahead)
        outcome = tree.walk(lambda decision, steps=steps: next(steps, 0))
        found.append(outcome.architecture)
        path = list(outcome.path)
        while path and path[-1][1] == path[-1][0] - 1:
            path.pop()
        if not path:
            return found
        ahead = [index for _, index in path[:-1]] + [path[-1][1] + 1]


def test_the_tree_leads_to_valid_architectures_alone_and_to_all(small):
    leaves = every_leaf(DecisionTree(small))
    dags = small.to_dags(leaves)
    assert len(set(leaves)) == len(leaves)
    assert bool(small.is_valid(dags).all())
    assert set(small.hashes(dags)) == set(small.hashes(enumerate_space(small)))


def test_a_path_leads_to_one_architecture_and_is_found_again(small):
    tree, source = DecisionTree(small), random.Random(1)
    by_path: dict[tuple, Architecture] = {}
    for outcome in (tree.random(source) for _ in range(300)):
        assert tree.path_of(outcome.architecture) == outcome.path
        assert by_path.setdefault(outcome.path, outcome.architecture) == outcome.architecture
    assert len(set(by_path.values())) == len(by_path) > 5


def test_the_tree_holds_what_is_valid(space):
    tree, rng = DecisionTree(space), torch.Generator().manual_seed(0)
    archs = random_architectures(space, 8, rng)
    assert bool(space.is_valid(space.to_dags(archs)).all())
    for arch in archs:
        steps = iter(tree.path_of(arch))
        assert tree.walk(lambda decision, steps=steps: next(steps)[1]).architecture == arch


def test_decisions_without_rules_are_uniform():
    space = space_from_mapping({"name": "free", "operations": OPERATIONS, "edges": "free", "nodes": 4})
    tree, source = DecisionTree(space), random.Random(2)
    counts = Counter(tree.random(source).architecture for _ in range(8_000))
    assert len(counts) == 2**6 * 2**2
    assert stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_large_graphs_keep_to_their_number_of_edges():
    description = {"name": "many", "operations": OPERATIONS, "nodes": 40, "edges": "free"}
    space = space_from_mapping({**description, "constraints": {**PATHS, "max_edges": 41}})
    archs = random_architectures(space, 10, torch.Generator().manual_seed(0))
    assert bool(space.is_valid(space.to_dags(archs)).all())


def test_a_space_without_architectures_says_so():
    description = {"name": "none", "operations": OPERATIONS, "nodes": 30, "edges": "free"}
    space = space_from_mapping({**description, "constraints": {**PATHS, "max_edges": 5}})
    with pytest.raises(InvalidRequest, match="no valid architecture"):
        random_architectures(space, 2, torch.Generator().manual_seed(0))


def test_random_edits_are_the_neighbours(small):
    rng = torch.Generator().manual_seed(0)
    everything = small.to_architectures(enumerate_space(small))
    for arch in everything[:: max(1, len(everything) // 3)]:
        listed = set(small.hashes(small.to_dags(near))) if (near := small.neighbours(arch)) else set()
        edits = random_neighbours(small, arch, 1000, rng)
        own = small.hashes(small.to_dags([arch]))[0]
        assert set(small.hashes(small.to_dags(edits)) if edits else []) - {own} == listed


@pytest.mark.parametrize("name", ["nasbench101", "nas_bench_graph", "tpu_tiles"])
def test_random_edits_are_valid_and_follow_the_generator(name):
    space = load_space(name)
    arch = random_architectures(space, 1, torch.Generator().manual_seed(3))[0]
    first, again = (random_neighbours(space, arch, 10, torch.Generator().manual_seed(4)) for _ in range(2))
    assert first == again
    assert len(first) == 10
    assert bool(space.is_valid(space.to_dags(first)).all())


def test_what_has_no_neighbour_has_no_random_one():
    space = space_from_mapping({"name": "one", "operations": {"conv": "parametric"}, "nodes": 3, "edges": [[0, 1], [1, 2]]})
    assert random_neighbours(space, Architecture(("input", "conv", "output"), ((0, 1), (1, 2))), 1, torch.Generator()) == []


@pytest.mark.parametrize("count", [2, 3, 7, 8])
def test_halvings_tell_options_apart(count):
    ways = [tuple(halvings(count, index)) for index in range(count)]
    assert len(set(ways)) == count
    assert all(a != b[: len(a)] for a, b in itertools.permutations(ways, 2))


def test_a_tree_of_graphs_of_30_nodes_is_deep():
    outcome = DecisionTree(layered_space(30, 12)).random(random.Random(0))
    assert sum(options == 10 for options, _ in outcome.path) == 28
    assert len(outcome.path) > 300
