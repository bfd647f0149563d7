from dataclasses import FrozenInstanceError

import pytest

from nag.core.errors import InvalidArchitecture
from nag.graphs import Architecture

OPS = ("input", "a", "b", "output")


def test_edges_are_sorted_and_plain():
    arch = Architecture(list(OPS), [[2, 3], [0, 2], [0, 1]])
    assert arch.edges == ((0, 1), (0, 2), (2, 3))
    assert arch.ops == OPS
    assert arch.num_nodes == 4


def test_equal_node_for_node_and_hashable():
    first = Architecture(OPS, ((0, 1), (1, 3)))
    same = Architecture(list(OPS), [(1, 3), (0, 1)])
    assert first == same
    assert len({first, same}) == 1
    assert first != Architecture(OPS, ((0, 2), (2, 3)))
    assert first != Architecture(("input", "b", "b", "output"), ((0, 1), (1, 3)))


def test_frozen():
    arch = Architecture(OPS, ((0, 1),))
    with pytest.raises(FrozenInstanceError):
        arch.edges = ()


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([(1, 0)], "edge 1->0 breaks the topological order"),
        ([(2, 2)], "edge 2->2 breaks the topological order"),
        ([(0, 4)], "edge 0->4 leaves the graph"),
        ([(-1, 2)], "edge -1->2 leaves the graph"),
        ([(0, 1), (1, 3), (0, 1)], "listed twice"),
    ],
)
def test_wrong_edges_are_refused(edges, message):
    with pytest.raises(InvalidArchitecture, match=message) as caught:
        Architecture(OPS, edges)
    assert caught.value.hint


def test_from_unordered_keeps_an_order_that_is_topological():
    edges = [(0, 2), (1, 3), (0, 1), (2, 3)]
    assert Architecture.from_unordered(dict(enumerate(OPS)), edges) == Architecture(OPS, edges)


def test_from_unordered_sorts_names_of_any_kind():
    ops = {"out": "output", "late": "b", "early": "a", "in": "input"}
    arch = Architecture.from_unordered(ops, [("in", "early"), ("early", "late"), ("late", "out"), ("in", "out")])
    assert arch == Architecture(("input", "a", "b", "output"), ((0, 1), (1, 2), (2, 3), (0, 3)))


@pytest.mark.parametrize("edges", [[(0, 1), (1, 2), (2, 1), (2, 3)], [(1, 1)], [(0, 1), (1, 2), (2, 3), (3, 0)]])
def test_cycles_are_refused(edges):
    with pytest.raises(InvalidArchitecture, match="cycle"):
        Architecture.from_unordered(dict(enumerate(OPS)), edges)


def test_unknown_node_is_refused():
    with pytest.raises(InvalidArchitecture, match="0->9 names an unknown node"):
        Architecture.from_unordered(dict(enumerate(OPS)), [(0, 9)])


def test_repeated_edge_is_refused_in_any_order():
    with pytest.raises(InvalidArchitecture, match="listed twice"):
        Architecture.from_unordered(dict(enumerate(OPS)), [(0, 1), (0, 1)])


@pytest.mark.parametrize("edges", [[(0, [])], [({}, 1)], [0, 1], [(0, 1, 2)], [(0.5, 1)], [("0", "1")], [None], 7, [(0, None)]])
def test_edges_that_are_no_pairs_of_numbers_are_refused(edges):
    with pytest.raises(InvalidArchitecture):
        Architecture(OPS, edges)


@pytest.mark.parametrize("edges", [[(0, [])], [0, 1], [(0, 1, 2)], [(0, 10**400)], [("0", "1")], [None]])
def test_edges_that_name_no_nodes_are_refused(edges):
    with pytest.raises(InvalidArchitecture) as caught:
        Architecture.from_unordered(dict(enumerate(OPS)), edges)
    assert len(str(caught.value)) < 400


def test_operations_are_texts():
    with pytest.raises(InvalidArchitecture, match="is no text"):
        Architecture(("input", 3, "output"), ())


def test_huge_indices_give_a_short_error():
    with pytest.raises(InvalidArchitecture) as caught:
        Architecture(OPS, [(0, 10**4000)])
    assert len(str(caught.value)) < 400


def test_large_graphs_in_reverse_order_are_sorted_quickly():
    size = 3000
    ops = {size - v: "a" for v in range(size)}
    arch = Architecture.from_unordered(ops, [(v, v + 1) for v in range(1, size)])
    assert arch.edges == tuple((v, v + 1) for v in range(size - 1))
