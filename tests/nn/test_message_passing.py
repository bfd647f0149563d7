import torch
from torch_geometric.data import Batch, Data

from nag.graphs import Architecture, DagBatch, dags_to_pyg
from nag.nn.message_passing import DagEncoder, flow_depths

VOCABULARY = ("input", "output", "a", "b")


def encoder(**options) -> DagEncoder:
    return DagEncoder(len(VOCABULARY), output_op=1, max_depth=5, width=16, **options)


def pyg(*archs: Architecture) -> Batch:
    return dags_to_pyg(DagBatch.from_architectures(archs, VOCABULARY))


DIAMOND = Architecture(("input", "a", "b", "b", "output"), ((0, 1), (0, 2), (1, 3), (2, 4), (3, 4)))


def test_embedding_has_one_row_a_graph_and_member():
    chain = Architecture(("input", "a", "output"), ((0, 1), (1, 2)))
    model = encoder(members=3)
    assert model(pyg(DIAMOND, chain, DIAMOND)).shape == (3, 3, model.out_features)


def test_embedding_ignores_the_order_of_nodes_and_of_graphs():
    batch = pyg(DIAMOND)
    order = torch.tensor([3, 0, 4, 2, 1])
    place = order.argsort()
    shuffled = Batch.from_data_list(
        [Data(op=batch.op[order], edge_index=place[batch.edge_index], edge_weight=batch.edge_weight, num_nodes=5)]
    )
    model = encoder(members=2)
    torch.testing.assert_close(model(batch), model(shuffled))
    other = Architecture(("input", "b", "output"), ((0, 1), (1, 2)))
    torch.testing.assert_close(model(pyg(DIAMOND, other)), model(pyg(other, DIAMOND)).flip(1))


def test_a_graph_and_its_reverse_differ():
    fork = pyg(Architecture(("a", "a", "a", "a"), ((0, 1), (1, 2), (1, 3))))
    reverse = fork.clone()
    reverse.edge_index = fork.edge_index.flip(0)
    model = encoder()
    assert (model(fork) - model(reverse)).abs().max() > 0.1


def test_messages_alone_tell_the_direction():
    model = encoder()
    with torch.no_grad():
        model.depths.zero_()
    ops = torch.full((4,), 2)
    star = torch.tensor([[0, 0, 0], [1, 2, 3]])
    graphs = [Data(op=ops, edge_index=edges, edge_weight=torch.ones(3), num_nodes=4) for edges in (star, star.flip(0))]
    out_star, in_star = model(Batch.from_data_list(graphs))[0]
    assert (out_star - in_star).abs().max() > 0.01


def test_one_hot_probabilities_equal_indices():
    batch = pyg(DIAMOND)
    soft = batch.clone()
    soft.op = torch.nn.functional.one_hot(batch.op, len(VOCABULARY)).float()
    model = encoder(members=2)
    torch.testing.assert_close(model(batch), model(soft))


def test_multiplicity_matters_and_gradients_reach_weights_and_probabilities():
    batch = pyg(DIAMOND)
    model = encoder()
    single = model(batch)
    batch.edge_weight = (2 * batch.edge_weight).requires_grad_()
    batch.op = torch.nn.functional.one_hot(batch.op, len(VOCABULARY)).float().requires_grad_()
    double = model(batch)
    assert (single - double).abs().max() > 0.01
    double.square().sum().backward()
    assert batch.edge_weight.grad.abs().min() > 0
    assert batch.op.grad.abs().sum() > 0


def test_flow_depths_are_longest_paths():
    edges = pyg(DIAMOND).edge_index
    assert flow_depths(edges, 5, 6).tolist() == [0, 1, 1, 2, 3]
    assert flow_depths(edges.flip(0), 5, 6).tolist() == [3, 2, 1, 1, 0]
    assert flow_depths(edges, 5, 1).max() == 1


def test_members_are_independent():
    model = encoder(members=2)
    first, second = model(pyg(DIAMOND))
    assert (first - second).abs().max() > 0.1
    model.zero_grad()
    model(pyg(DIAMOND))[0].sum().backward()
    assert model.ops.grad[1].abs().max() == 0
