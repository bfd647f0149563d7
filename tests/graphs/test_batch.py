import pytest
import torch

from nag.core.errors import InvalidArchitecture
from nag.graphs import Architecture, DagBatch, GraphBatch
from nag.spaces import list_spaces, load_space, sample_uniform

VOCABULARY = ("input", "output", "a", "b")
CHAIN = Architecture(("input", "a", "output"), ((0, 1), (1, 2)))
DIAMOND = Architecture(("input", "a", "b", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
PAIR = Architecture(("input", "output"), ())


def same(first: DagBatch, second: DagBatch) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in ("ops", "adjacency", "mask"))


@pytest.mark.parametrize("name", [name for name in list_spaces() if load_space(name).max_nodes < 10])
def test_architectures_survive_both_encodings(whole, name):
    space, everything = whole(name)
    dags = everything[torch.randint(len(everything), (200,), generator=torch.Generator().manual_seed(0))]
    archs = dags.to_architectures(space.vocabulary)
    assert same(DagBatch.from_architectures(archs, space.vocabulary, space.max_nodes), dags)
    assert same(GraphBatch.from_dags(dags, len(space.vocabulary)).to_dags(), dags)


def test_one_hot_tensors_are_one_hot():
    dags = DagBatch.from_architectures([CHAIN, DIAMOND], VOCABULARY)
    batch = GraphBatch.from_dags(dags, len(VOCABULARY))
    assert len(batch) == 2
    assert torch.equal(batch.nodes.sum(-1), torch.ones(2, 4))
    assert torch.equal(batch.edges.sum(-1), torch.ones(2, 4, 4))


def test_to_dags_ignores_what_is_no_pair_of_nodes_in_order():
    dags = DagBatch.from_architectures([CHAIN, DIAMOND], VOCABULARY)
    batch = GraphBatch.from_dags(dags, len(VOCABULARY))
    everywhere = torch.zeros_like(batch.edges)
    everywhere[..., 1] = 1
    found = GraphBatch(batch.nodes, everywhere, batch.mask).to_dags()
    assert found.adjacency.sum((1, 2)).tolist() == [3, 6]
    assert torch.equal(found.adjacency.tril(), torch.zeros_like(found.adjacency))
    assert torch.equal(found.adjacency[0, :, 3], torch.zeros(4, dtype=torch.int64))


def test_cat_pads_to_the_largest():
    small, large = (DagBatch.from_architectures(archs, VOCABULARY) for archs in ([CHAIN, PAIR], [DIAMOND]))
    both = DagBatch.cat([small, large])
    assert (len(both), both.max_nodes) == (3, 4)
    assert both.num_nodes.tolist() == [3, 2, 4]
    assert both.to_architectures(VOCABULARY) == [CHAIN, PAIR, DIAMOND]


def test_padding_adds_nothing():
    dags = DagBatch.from_architectures([CHAIN], VOCABULARY)
    padded = dags.pad(7)
    assert padded.max_nodes == 7
    assert padded.num_nodes.tolist() == [3]
    assert padded.adjacency.sum() == 2
    assert padded.to_architectures(VOCABULARY) == [CHAIN]
    assert same(dags.pad(3), dags)


def test_indexing_with_rows_and_masks():
    dags = DagBatch.from_architectures([CHAIN, PAIR, DIAMOND], VOCABULARY)
    assert dags[torch.tensor([2, 0])].to_architectures(VOCABULARY) == [DIAMOND, CHAIN]
    assert dags[torch.tensor([False, True, False])].to_architectures(VOCABULARY) == [PAIR]
    assert len(dags[:0]) == 0


def test_take_nodes_moves_operations_and_edges_together():
    dags = DagBatch.from_architectures([DIAMOND], VOCABULARY)
    swapped = dags.take_nodes(torch.tensor([[0, 2, 1, 3]]))
    expected = Architecture(("input", "b", "a", "output"), DIAMOND.edges)
    assert swapped.to_architectures(VOCABULARY) == [expected]


def test_take_nodes_with_the_inverse_order_restores(whole):
    space, _ = whole("nas_bench_graph")
    dags = sample_uniform(space, 50, seed=1)
    order = torch.rand(50, space.max_nodes, generator=torch.Generator().manual_seed(2)).argsort(1)
    assert not same(dags.take_nodes(order), dags)
    assert same(dags.take_nodes(order).take_nodes(order.argsort(1)), dags)


def test_unknown_operations_and_too_large_graphs_are_refused():
    with pytest.raises(InvalidArchitecture, match="'b' is not in the vocabulary"):
        DagBatch.from_architectures([DIAMOND], ("input", "output", "a"))
    with pytest.raises(InvalidArchitecture, match="has 4 nodes"):
        DagBatch.from_architectures([DIAMOND], VOCABULARY, size=3)


def test_no_architectures():
    dags = DagBatch.from_architectures([], VOCABULARY, size=5)
    assert (len(dags), dags.max_nodes) == (0, 5)
    assert dags.to_architectures(VOCABULARY) == []
