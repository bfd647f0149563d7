"""Enumeration against brute force, and uniform draws where nothing is enumerated."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch
from scipy import stats

import nag.spaces.enumeration
from nag.core.errors import InvalidRequest
from nag.graphs import Architecture
from nag.spaces import SearchSpace, enumerate_space, is_enumerable, sample_uniform, space_from_mapping

OPERATIONS = {"conv": "parametric", "pool": "mergeable"}
PATHS = {"all_nodes_on_a_path": True}
SPACES = {
    "paths": {"nodes": [2, 5], "constraints": {"all_nodes_on_a_path": True, "max_edges": 6}},
    "anything": {"nodes": [2, 4]},
    "trees": {"nodes": 5, "constraints": {"in_degree": 1, "output_from_leaves": True}},
    "masks": {"nodes": [3, 5], "required": [[0, 1]], "forbidden": [[0, 4], [1, 3]], "constraints": PATHS},
    "positions": {"nodes": 4, "allowed": [["conv"], ["conv", "pool"]]},
}  # fmt: skip


@pytest.fixture(params=SPACES)
def space(request) -> SearchSpace:
    return space_from_mapping({"name": request.param, "operations": OPERATIONS, "edges": "free", **SPACES[request.param]})


def brute_force(space: SearchSpace) -> list[Architecture]:
    """All valid labelled graphs."""
    graphs = []
    for n in range(space.min_nodes, space.max_nodes + 1):
        pairs = list(itertools.combinations(range(n), 2))
        for edges in itertools.product([False, True], repeat=len(pairs)):
            for ops in itertools.product(OPERATIONS, repeat=n - 2):
                graphs.append(Architecture(("input", *ops, "output"), tuple(itertools.compress(pairs, edges))))
    valid = space.is_valid(space.to_dags(graphs)).tolist()
    return list(itertools.compress(graphs, valid))


def smallest_spelling(arch: Architecture) -> tuple:
    """The same for isomorphic graphs, by trying every order."""
    orders = itertools.permutations(range(arch.num_nodes))
    return min(
        (tuple(arch.ops[v] for v in order), tuple(sorted((order.index(u), order.index(v)) for u, v in arch.edges)))
        for order in orders
    )


def test_enumeration_has_one_graph_of_each_class(space):
    classes = {smallest_spelling(arch) for arch in brute_force(space)}
    found = [smallest_spelling(arch) for arch in space.to_architectures(enumerate_space(space))]
    assert len(found) == len(set(found))
    assert set(found) == classes


@pytest.mark.parametrize("rules", [{"all_nodes_on_a_path": True, "max_edges": 6}, {}], ids=["paths", "anything"])
def test_orbits_find_what_hashing_finds(rules, monkeypatch):
    operations = {"conv": "parametric", "pool": "mergeable", "id": "identity"}
    space = space_from_mapping({"name": "o", "operations": operations, "edges": "free", "nodes": [2, 5], "constraints": rules})
    by_orbits = enumerate_space.__wrapped__(space)
    monkeypatch.setattr(nag.spaces.enumeration, "_shared_ends", lambda _: True)
    by_hashing = enumerate_space.__wrapped__(space)
    assert len(by_orbits) > 300
    for name in ("ops", "adjacency", "mask"):
        assert torch.equal(getattr(by_orbits, name), getattr(by_hashing, name))


def test_rejection_draws_classes_uniformly(space, monkeypatch):
    everything = enumerate_space(space)
    monkeypatch.setattr(nag.spaces.enumeration, "is_enumerable", lambda _: False)
    draws = sample_uniform(space, 40 * len(everything), seed=1)
    assert len(draws) == 40 * len(everything)
    assert bool(space.is_valid(draws).all())
    counts = Counter(space.hashes(draws))
    assert set(counts) <= set(space.hashes(everything))
    assert stats.chisquare([counts[digest] for digest in space.hashes(everything)]).pvalue > 1e-4


def test_rejection_follows_the_seed(space, monkeypatch):
    monkeypatch.setattr(nag.spaces.enumeration, "is_enumerable", lambda _: False)
    first, again, other = (space.hashes(sample_uniform(space, 100, seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_draws_from_the_enumeration_are_uniform(space):
    everything = enumerate_space(space)
    counts = Counter(space.hashes(sample_uniform(space, 40 * len(everything), seed=2)))
    assert stats.chisquare([counts[digest] for digest in space.hashes(everything)]).pvalue > 1e-4


def test_large_spaces_are_sampled_instead():
    space = space_from_mapping(
        {"name": "large", "operations": {f"op{i}": "parametric" for i in range(9)}, "nodes": 8, "edges": "free"}
    )
    assert not is_enumerable(space)
    with pytest.raises(InvalidRequest, match="too large to enumerate"):
        enumerate_space(space)
    draws = sample_uniform(space, 50, seed=0)
    assert len(draws) == 50
    assert bool(space.is_valid(draws).all())


def test_spaces_that_can_be_neither_enumerated_nor_sampled_say_so():
    space = space_from_mapping({"name": "huge", "operations": OPERATIONS, "nodes": 12, "edges": "free"})
    with pytest.raises(InvalidRequest, match="not feasible"):
        sample_uniform(space, 1, seed=0)


def test_a_space_that_holds_next_to_nothing_is_told_after_a_while(monkeypatch):
    """Nine nodes on a path need eight edges."""
    monkeypatch.setattr(nag.spaces.enumeration, "_FIRST_TRIES", 2)
    operations = {f"op{i}": "parametric" for i in range(8)}
    rules = {"max_edges": 1, "all_nodes_on_a_path": True}
    space = space_from_mapping({"name": "none", "operations": operations, "nodes": 9, "edges": "free", "constraints": rules})
    with pytest.raises(InvalidRequest, match="0 valid architectures of none found in 131072 draws, of 5"):
        sample_uniform(space, 5, seed=0)
