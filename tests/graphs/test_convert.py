from __future__ import annotations

import random

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data

from nag.core.errors import InvalidArchitecture
from nag.graphs import (
    Architecture,
    DagBatch,
    canonical_hashes,
    dags_to_pyg,
    from_networkx,
    from_pyg,
    reduce,
    to_networkx,
    to_pyg,
)
from nag.spaces import SearchSpace, list_spaces, load_space, sample_uniform

DIAMOND = Architecture(("input", "a", "b", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
# Uniform draws enumerate the space first, which takes long where the wiring is free.
SPACES = [
    pytest.param(name, marks=[pytest.mark.slow] if load_space(name).wiring is None else [])
    for name in list_spaces()
    if load_space(name).max_nodes < 10  # larger ones cannot be enumerated
]


@pytest.fixture(params=SPACES, scope="module")
def space(request) -> SearchSpace:
    return load_space(request.param)


@pytest.fixture(scope="module")
def dags(space) -> DagBatch:
    return sample_uniform(space, 50, seed=0)


def test_networkx_round_trip_is_exact(space, dags):
    for arch in space.to_architectures(dags):
        assert from_networkx(to_networkx(arch)) == arch


def test_networkx_graph_with_other_names_and_order_computes_the_same(space, dags):
    rng = random.Random(0)
    for arch in space.to_architectures(dags[:10]):
        names = [f"node-{i}" for i in range(arch.num_nodes)]
        graph = nx.DiGraph()
        for node in rng.sample(range(arch.num_nodes), arch.num_nodes):
            graph.add_node(names[node], op=arch.ops[node])
        graph.add_edges_from((names[u], names[v]) for u, v in arch.edges)
        batch = DagBatch.from_architectures([arch, from_networkx(graph)], space.vocabulary)
        first, second = canonical_hashes(batch, space.semantics)
        assert first == second


def test_pyg_round_trip_is_exact(space, dags):
    for arch in space.to_architectures(dags):
        assert from_pyg(to_pyg(arch, space.vocabulary), space.vocabulary) == arch


@pytest.mark.parametrize("reduced", [False, True])
def test_batch_conversion_equals_conversion_graph_by_graph(space, dags, reduced):
    if reduced:  # gaps in the mask, multiple edges
        dags = reduce(dags, space.semantics)
    expected = []
    for ops, adjacency, mask in zip(dags.ops, dags.adjacency, dags.mask, strict=True):
        inner = adjacency[mask][:, mask]
        source, target = inner.nonzero().unbind(1)
        weight = inner[source, target].float()
        edge_index = torch.stack([source, target])
        expected.append(Data(op=ops[mask], edge_index=edge_index, edge_weight=weight, num_nodes=int(mask.sum())))
    reference, batch = Batch.from_data_list(expected), dags_to_pyg(dags)
    assert batch.num_graphs == reference.num_graphs == len(dags)
    assert batch.num_nodes == reference.num_nodes
    for key in ("op", "edge_index", "edge_weight", "batch", "ptr"):
        assert torch.equal(batch[key], reference[key]), key
        assert batch[key].dtype == reference[key].dtype
    for mine, theirs in zip(batch.to_data_list(), expected, strict=True):
        assert torch.equal(mine.op, theirs.op)
        assert torch.equal(mine.edge_index, theirs.edge_index)
        assert torch.equal(mine.edge_weight, theirs.edge_weight)
        assert mine.num_nodes == theirs.num_nodes


def test_batch_conversion_agrees_with_to_pyg(space, dags):
    archs = space.to_architectures(dags)
    for arch, data in zip(archs, dags_to_pyg(dags).to_data_list(), strict=True):
        assert from_pyg(data, space.vocabulary) == arch


def test_dropping_a_node_drops_its_edges():
    vocabulary = DIAMOND.ops
    dags = DagBatch.from_architectures([DIAMOND, DIAMOND], vocabulary)
    mask = dags.mask.clone()
    mask[0, 1] = False
    batch = dags_to_pyg(DagBatch(dags.ops, dags.adjacency, mask))
    assert batch.op.tolist() == [0, 2, 3, 0, 1, 2, 3]
    assert batch.edge_index[:, :2].T.tolist() == [[0, 1], [1, 2]]


def test_empty_batch():
    batch = dags_to_pyg(DagBatch.from_architectures([DIAMOND], DIAMOND.ops)[:0])
    assert (batch.num_graphs, batch.num_nodes, batch.num_edges) == (0, 0, 0)


def test_cycle_is_refused():
    graph = to_networkx(DIAMOND)
    graph.add_edge(3, 0)
    with pytest.raises(InvalidArchitecture, match="cycle"):
        from_networkx(graph)


def test_node_without_operation_is_refused():
    graph = to_networkx(DIAMOND)
    graph.add_node("bare")
    with pytest.raises(InvalidArchitecture, match="node bare has no operation"):
        from_networkx(graph)


def test_undirected_graph_is_refused():
    with pytest.raises(InvalidArchitecture, match="undirected"):
        from_networkx(to_networkx(DIAMOND).to_undirected())


def test_operation_outside_the_vocabulary_is_refused():
    with pytest.raises(InvalidArchitecture, match="'a' is not in the vocabulary"):
        to_pyg(DIAMOND, ("input", "b", "output"))
    with pytest.raises(InvalidArchitecture, match="operation 3 is not in the vocabulary"):
        from_pyg(to_pyg(DIAMOND, DIAMOND.ops), DIAMOND.ops[:3])


def test_data_without_operations_are_refused():
    with pytest.raises(InvalidArchitecture, match="no 'op'"):
        from_pyg(Data(edge_index=torch.zeros(2, 0, dtype=torch.int64)), DIAMOND.ops)


@pytest.mark.parametrize(
    ("op", "edge_index"),
    [
        (torch.tensor([0.0, 1.0]), torch.tensor([[0], [1]])),
        (torch.tensor([[0, 1]]), torch.tensor([[0], [1]])),
        (torch.tensor([0, 1]), torch.tensor([[0, 1]])),
        (torch.tensor([0, 1]), torch.tensor([0, 1])),
        (torch.tensor([0, 1]), torch.tensor([[0.0], [1.0]])),
        (torch.tensor([0, 1]), torch.tensor([[0], [2**62]])),
    ],
)
def test_tensors_of_a_wrong_shape_or_type_are_refused(op, edge_index):
    with pytest.raises(InvalidArchitecture) as caught:
        from_pyg(Data(op=op, edge_index=edge_index), ("input", "output"))
    assert len(str(caught.value)) < 300
