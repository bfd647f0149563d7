"""Laws of the one shipped space that is too large to enumerate, and of what it needs: its rules and its codec."""

from __future__ import annotations

import pytest
import torch

from nag.core.errors import InvalidArchitecture, InvalidSpace
from nag.graphs import Architecture, DagBatch, random_layered_dags
from nag.spaces import layered_space, load_space, space_from_mapping
from nag.tasks import load_task

SMALL = "op_29,op_7,op_4,op_18;0>1,0>2,1>3,2>3,2>4,3>4,4>5"


@pytest.fixture(scope="module")
def space():
    return load_space("tpu_tiles")


@pytest.fixture(scope="module")
def programs() -> DagBatch:
    return load_task("tpu_tiles/runtime").table.dags


@pytest.mark.data
def test_all_programs_are_valid(space, programs):
    assert bool(space.is_valid(programs).all())
    assert int(programs.num_nodes.min()) == 4
    assert int(programs.num_nodes.max()) == space.max_nodes == 115


@pytest.mark.data
def test_native_strings_restore_all_programs(space, programs):
    archs = space.to_architectures(programs)
    assert [space.codec.decode(space.encode(arch)) for arch in archs] == archs
    for arch in archs[:: len(archs) // 20]:
        assert space.decode(f"  {space.encode(arch)}\n") == arch


@pytest.mark.data
def test_all_programs_keep_every_rule_and_random_graphs_do_not(space, programs):
    for rule in space.constraints:
        assert bool(rule.satisfied(programs, space.semantics).all())
    other = random_layered_dags(20, 30, len(space.vocabulary), torch.Generator().manual_seed(0))
    assert not bool(space.is_valid(other).any())


def test_a_program_by_hand_is_valid(space):
    arch = space.decode(SMALL)
    assert arch.ops == ("input", "op_29", "op_7", "op_4", "op_18", "output")
    assert space.encode(arch) == SMALL


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (SMALL.replace("1>3,", "1>3,1>5,"), "output must have exactly 1"),
        (SMALL.replace("0>2,", "0>2,1>2,"), "must read nothing else"),
        (SMALL.replace("op_7", "op_8"), "op_7, op_19, op_29"),
        (SMALL.replace("0>2,", "1>2,"), "op_7, op_19, op_29"),
        (SMALL.replace("3>4,", ""), "lies on no path"),
        (SMALL.replace("0>1,", "", 1), "edge 0->1 is missing"),
        (SMALL.replace("1>3", "3>1"), "lies on no path"),
        (SMALL.replace("1>3", "1>3,3>1"), "cycle"),
        (SMALL.replace("1>3", "1>3,1>3"), "listed twice"),
        (SMALL.replace("1>3", "1>33"), "unknown node"),
        (SMALL.replace("op_4", "op_47"), "'op_47' is not in the vocabulary"),
        (SMALL.replace("op_4", "output"), "cannot be 'output'"),
        (SMALL.replace(";", ":"), "is no list of operations and edges"),
        (SMALL.replace("1>3", "1-3"), "is no list of operations and edges"),
        (SMALL.replace("1>3", "1>-3"), "is no list of operations and edges"),
        (SMALL.replace("1>3", ""), "is no list of operations and edges"),
        (SMALL.replace("op_4", ""), "is no list of operations and edges"),
        ("", "is no list of operations and edges"),
        ("op_29;0>1,1>2", "has 3 nodes"),
    ],
)
def test_what_is_no_program_is_refused_with_its_reason(space, text, what):
    with pytest.raises(InvalidArchitecture) as caught:
        space.decode(text)
    assert what in caught.value.what
    assert caught.value.hint


def test_the_batched_check_agrees_with_each_rule(space):
    broken = [
        Architecture(("input", "op_29", "op_4", "output"), edges)
        for edges in (
            ((0, 1), (1, 2), (2, 3)),
            ((0, 1), (1, 2), (1, 3), (2, 3)),
            ((0, 1), (0, 2), (1, 2), (2, 3)),
            ((0, 1), (1, 2)),
        )
    ]
    assert space.is_valid(space.to_dags(broken)).tolist() == [True, False, False, False]


@pytest.mark.parametrize("readers", [True, [], ["gcn"], "conv", [["conv"]], 3])
def test_input_readers_must_be_known_operations(readers):
    mapping = {"name": "x", "operations": {"conv": "parametric"}, "nodes": 4, "edges": "free"}
    with pytest.raises(InvalidSpace, match="'input_readers' needs a list of operations"):
        space_from_mapping({**mapping, "constraints": {"input_readers": readers}})
    assert space_from_mapping({**mapping, "constraints": {"input_readers": False}}).constraints == ()


def test_edge_lists_restore_graphs_of_any_size():
    large = layered_space(60, 7, min_nodes=2)
    dags = random_layered_dags(100, 60, 7, torch.Generator().manual_seed(1), min_nodes=2)
    archs = large.to_architectures(dags)
    assert [large.codec.decode(large.encode(arch)) for arch in archs] == archs
    assert {arch.num_nodes for arch in archs} > {2, 60}


def test_edge_lists_take_nodes_in_any_order(space):
    swapped = "op_18,op_4,op_7,op_29;0>4,0>3,4>2,3>2,3>1,2>1,1>5"
    first, second = space.to_dags([space.decode(SMALL)]), space.to_dags([space.decode(swapped)])
    assert space.hashes(first) == space.hashes(second)
