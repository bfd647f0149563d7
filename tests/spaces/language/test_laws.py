"""Laws of the space language, on small spaces and on random ones: what is counted is what enumeration finds."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from nag.spaces.language import (
    NotCountable,
    TypedSpace,
    description_to_mapping,
    typed_space_from_mapping,
    typed_space_from_text,
)

OPERATIONS: dict[str, Any] = {
    "conv": {"kernel": [3, 5], "groups": [1, 2]},
    "pool": {"role": "mergeable", "size": {"min": 2, "max": 3}},
    "skip": "identity",
}
CELLS: dict[str, Any] = {
    "bottleneck": {
        "nodes": {"a": "skip", "b": {"choice": ["pool", {"operation": "conv", "groups": 1}]}},
        "edges": [["input", "a"], ["a", "b"], ["input", "b"], ["b", "output"]],
        "shared": False,
    },
    "free": {"nodes": [1, 2], "in_degree": {"min": 1, "max": 2}, "of": {"choice": ["skip", "pool"]}, "max_edges": 2},
    "edged": {"inputs": 2, "nodes": 2, "in_degree": 2, "operations_on": "edges", "of": {"optional": True, "operation": "skip"}},
}


def space(graph: list[Any], **more: Any) -> dict[str, Any]:
    """A description with the operations above."""
    return {"name": "small", "operations": OPERATIONS, "graph": graph, **more}


SMALL: dict[str, dict[str, Any]] = {
    "one operation": space(["conv"]),
    "optional before a repetition of the same": space(
        [{"optional": True, "operation": "skip"}, {"repeat": [1, 2], "of": "skip"}]
    ),
    "overlapping attributes": space([{"choice": [{"operation": "conv", "kernel": 3}, {"operation": "conv", "groups": 1}]}]),
    "two optional parts": space([{"optional": True, "of": "pool"}, {"optional": True, "of": {"choice": ["pool", "skip"]}}]),
    "nested repetitions": space([{"repeat": [1, 2], "of": {"repeat": [0, 2], "choice": ["skip", "pool"]}}]),
    "shared repetition": space(
        [{"repeat": [0, 1, 2], "shared": True, "of": ["skip", {"optional": True, "operation": "pool"}]}]
    ),
    "shared powers": space([{"repeat": [1, 2, 4], "shared": True, "of": ["skip", {"repeat": [0, 1, 2], "of": "pool"}]}]),
    "powers of one operation": space([{"repeat": [1, 2, 4], "shared": True, "of": [{"repeat": [1, 2], "of": "skip"}]}]),
    "sections with arguments": space(
        [{"repeat": [1, 2], "of": "skip", "stride": 2}, {"repeat": [1, 2], "of": "skip", "width": [8, 16]}, "pool"],
    ),
    "cells": space(["bottleneck", "free"], cells={name: CELLS[name] for name in ("bottleneck", "free")}),
    "operations on edges": space([{"repeat": [1, 2], "cell": "edged"}], cells={"edged": CELLS["edged"]}),
    "cells within cells": space(
        ["outer"],
        cells={
            "bottleneck": CELLS["bottleneck"],
            "outer": {"nodes": 2, "of": {"choice": ["skip", {"cell": "bottleneck"}]}, "in_degree": 1, "output": "all"},
        },
    ),
    "recursion": space(["tree"], blocks={"tree": {"choice": ["skip", ["pool", {"block": "tree", "depth": 2}, "skip"]]}}),
    "recipe": space(["conv"], recipe={"lr": {"min": 0.001, "max": 0.1, "levels": 3, "log": True}, "mix": [True, False]}),
    "node condition": space(
        [{"repeat": [1, 2], "of": {"choice": ["conv", "skip"]}}], conditions=["conv.groups == 2 -> conv.kernel == 3"]
    ),
    "condition on a repetition": space(
        [{"repeat": [1, 2], "of": "conv", "name": "a", "width": 8}, {"repeat": [1, 2], "of": "pool", "name": "b", "width": 8}],
        conditions=["a.repeat == 2 -> conv.kernel < 5", "a.repeat == 1 or b.repeat == 1"],
    ),
    "condition with the recipe": space(
        [{"repeat": [1, 2], "of": "conv", "name": "a"}],
        recipe={"resolution": [32, 64]},
        conditions=["resolution == 64 -> not (a.repeat == 2 and conv.groups in [2])", "a[1].kernel != 3 or resolution < 64"],
    ),
    "condition on an ambiguous sequence": space(
        [{"repeat": [0, 1, 2], "of": "skip", "name": "a"}, {"repeat": [0, 1, 2], "of": "skip", "name": "b"}],
        conditions=["a.repeat == b.repeat or a.repeat > 1"],
    ),
    "condition within cells": space(
        [{"cell": "bottleneck"}, {"optional": True, "cell": "bottleneck"}],
        cells={"bottleneck": CELLS["bottleneck"]},
        conditions=["pool.size == 2", "conv.kernel == 5"],
    ),
}


def steps() -> st.SearchStrategy[Any]:
    """Random steps of a graph."""
    leaf = st.sampled_from(
        [
            "skip",
            "pool",
            {"operation": "conv", "kernel": 3},
            {"operation": "conv", "groups": [1]},
            {"operation": "pool", "size": 2},
        ]
    )

    def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        numbers = st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True)
        return st.one_of(
            st.lists(inner, min_size=1, max_size=2),
            st.builds(lambda of: {"optional": True, "of": of}, inner),
            st.builds(lambda options: {"choice": options}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(
                lambda of, repeat, shared: {"repeat": repeat, "of": [of, "skip"], "shared": shared},
                inner,
                numbers,
                st.booleans(),
            ),
        )

    return st.recursive(leaf, larger, max_leaves=4)


def descriptions() -> st.SearchStrategy[dict[str, Any]]:
    """Random descriptions, some with conditions."""
    conditions = st.sampled_from(
        [
            "conv.kernel == 3 or conv.groups == 1",
            "resolution == 32 -> pool.size == 2",
            "not (conv.groups == 2 and resolution == 64)",
        ]
    )
    section = st.one_of(steps(), st.builds(lambda of: {"of": of, "stride": 2}, steps()))
    return st.builds(
        lambda graph, chosen: space(graph, recipe={"resolution": [32, 64]}, conditions=chosen),
        st.lists(section, min_size=1, max_size=2),
        st.lists(conditions, max_size=2, unique=True),
    )


QUICK = settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", params=SMALL)
def small(request) -> TypedSpace:
    return typed_space_from_mapping(SMALL[request.param])


def check_count(space: TypedSpace) -> None:
    try:
        found = space.enumerate(limit=3000)
    except NotCountable:
        return
    assert space.count() == len(set(found)) == len(found)
    assert set(space.sample(5 if found else 0, seed=1)) <= set(found)


def check_round_trips(space: TypedSpace, designs) -> None:
    for design in designs:
        assert space.is_valid(design)
        assert space.decode(space.encode(design)) == design
        decided = space.decide(design)
        assert space.derive(decided) == design
        assert (
            space.derive(
                yaml.safe_load(yaml.safe_dump({n: list(o) if isinstance(o, tuple) else o for n, o in decided.items()}))
            )
            == design
        )
        assert space.decide(space.derive(decided)) == decided
        check_decisions(space, decided)


def check_decisions(space: TypedSpace, decided) -> None:
    """A decision is made exactly where the flat list says that it exists."""
    fixed = {each.name: each.options[0] for part in space.parts for each in part.decisions if len(each.options) == 1}
    made = {**fixed, **decided}
    existing = [each.name for each in space.decisions if all(made.get(name) in options for name, options in each.given)]
    assert [name for name in existing if name in decided] == list(decided)
    assert all(name in decided for name in existing if not name.endswith(".inputs"))  # a limit of edges may leave one option


def check_neighbours(space: TypedSpace, designs) -> None:
    for design in designs:
        neighbours = space.neighbours(design)
        assert design not in neighbours
        assert len(set(neighbours)) == len(neighbours)
        for neighbour in neighbours[:20]:
            assert space.is_valid(neighbour)
            assert design in space.neighbours(neighbour)


def test_the_count_is_the_number_of_distinct_designs(small):
    check_count(small)


def test_round_trips(small):
    check_round_trips(small, small.sample(20, seed=2))


def test_neighbours_are_mutual_and_distinct(small):
    check_neighbours(small, small.sample(3, seed=3))


def test_a_drawn_neighbour_is_a_neighbour(small):
    source = random.Random(0)
    for design in small.sample(3, seed=4):
        drawn = small.draw_neighbour(design, source)
        assert drawn is None or drawn in small.neighbours(design)


def test_draws_are_uniform(small):
    """Over designs, not over derivations: at most a thousandth of honest samplers fails."""
    designs = small.enumerate()
    if not 1 < len(designs) <= 400:
        pytest.skip("one design, or too many for a short test")
    drawn = Counter(small.sample(10 * len(designs), seed=5))
    assert chisquare([drawn[design] for design in designs]).pvalue > 1e-3


def test_the_same_seed_draws_the_same(small):
    assert small.sample(5, seed=6) == small.sample(5, seed=6)


def test_a_graph_is_acyclic_and_ends_at_the_output(small):
    for design in small.sample(5, seed=7):
        graph = small.graph(design)
        assert (graph.operations[0], graph.operations[-1]) == ("input", "output")
        assert all(u < v for u, v in graph.edges)
        assert {v for _, v in graph.edges} == set(range(1, len(graph.nodes)))


@QUICK
@given(descriptions())
def test_random_spaces_are_counted_as_they_are_enumerated(description):
    check_count(typed_space_from_mapping(description))


@QUICK
@given(descriptions(), st.integers(0, 100))
def test_random_spaces_have_round_trips(description, seed):
    space = typed_space_from_mapping(description)
    check_round_trips(space, space.sample(3 if space.count() else 0, seed))


@QUICK
@given(descriptions(), st.integers(0, 100))
def test_neighbours_in_random_spaces_are_mutual(description, seed):
    space = typed_space_from_mapping(description)
    designs = space.sample(1 if space.count() else 0, seed)
    if all(len(list(space.derivations(design))) < 20 for design in designs):
        check_neighbours(space, designs)


def test_a_space_read_from_yaml_is_that_of_the_mapping(small):
    source = small.description.source
    assert typed_space_from_text(yaml.safe_dump(source, sort_keys=False)).description == small.description


def test_a_description_is_written_as_it_is_read(small):
    text = yaml.safe_dump(description_to_mapping(small.description), sort_keys=False)
    assert typed_space_from_text(text).description == small.description


def test_rejection_is_uniform_where_conditions_cannot_be_counted():
    names = [f"c[{copy}].size" for copy in range(8)]
    condition = " or ".join(f"{name} == 3" for name in names)
    space = typed_space_from_mapping(space_of_pools(8) | {"conditions": [condition]})
    with pytest.raises(NotCountable, match="4096 cases"):
        space.count()
    drawn = Counter(space.sample(255 * 8, seed=0))
    expected = {space.derive(dict(zip(names, sizes, strict=True))) for sizes in list(product((2, 3), repeat=8))[1:]}
    assert set(drawn) <= expected
    assert chisquare([drawn[design] for design in expected]).pvalue > 1e-3


def space_of_pools(number: int) -> dict[str, Any]:
    return space([{"repeat": number, "of": "pool", "name": "c"}])


def test_choices_shared_by_too_many_sequences_are_told():
    long = typed_space_from_mapping(
        space([{"repeat": [1, 2], "shared": True, "of": {"repeat": 16, "of": "pool"}, "name": "a"}])
    )
    with pytest.raises(NotCountable, match="'a' shares the choices of more than 20000 sequences"):
        long.count()
