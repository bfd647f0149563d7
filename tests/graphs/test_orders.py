"""Random topological orders."""

import itertools

import torch

from nag.graphs import DagBatch, ancestors, canonical_forms, random_topological_orders
from nag.spaces import enumerate_space, load_space


def diamond() -> DagBatch:
    """Input, three nodes of which 1 -> 2, output; node 3 hangs free between the ends."""
    adjacency = torch.zeros(1, 6, 6, dtype=torch.int64)
    for u, v in ((0, 1), (1, 2), (2, 4), (0, 3), (3, 4)):
        adjacency[0, u, v] = 1
    mask = torch.tensor([[True] * 5 + [False]])
    return DagBatch(torch.tensor([[0, 2, 3, 4, 1, 0]]), adjacency, mask)


def test_ancestors_are_what_paths_reach():
    reach = ancestors(diamond())[0]
    expected = {(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 4), (2, 4), (3, 4)}
    assert {(u, v) for u, v in itertools.product(range(6), repeat=2) if reach[u, v]} == expected


def test_every_order_that_keeps_the_ends_occurs_and_no_other():
    dags = diamond()[torch.zeros(600, dtype=torch.int64)]
    orders = random_topological_orders(dags, torch.Generator().manual_seed(0))
    found = {tuple(row) for row in orders.tolist()}
    assert found == {(0, 1, 2, 3, 4, 5), (0, 1, 3, 2, 4, 5), (0, 3, 1, 2, 4, 5)}


def test_reordered_graphs_are_the_same_graphs():
    space = load_space("nas_bench_graph")
    dags = enumerate_space(space)[::97]
    moved = dags.take_nodes(random_topological_orders(dags, torch.Generator().manual_seed(1)))
    assert not bool(moved.adjacency.tril().any())
    assert not torch.equal(moved.adjacency, dags.adjacency)
    assert canonical_forms(moved, space.vocabulary).hashes == canonical_forms(dags, space.vocabulary).hashes
