"""Training batches: which graphs come, how wide they are padded, and what the generator is told of them."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from nag.diffusion.generation.graph_batches import GraphBatchSampler, quantiles
from nag.graphs import DagBatch

LARGEST = 120


def chains(sizes: list[int]) -> DagBatch:
    """Graphs in a row; graph i has the operation i on its second node, so that it can be told apart."""
    width = max(sizes)
    mask = torch.arange(width) < torch.tensor(sizes)[:, None]
    ops = torch.zeros(len(sizes), width, dtype=torch.int64)
    ops[:, 1] = torch.arange(len(sizes))
    links = torch.diag(torch.ones(width - 1, dtype=torch.int64), 1).expand(len(sizes), -1, -1)
    return DagBatch(ops, links * (mask[:, :, None] & mask[:, None, :]), mask)


def values(dags: DagBatch) -> torch.Tensor:
    return dags.ops[:, 1].double()


def test_quantiles_increase_with_the_value_between_0_and_1_and_ties_share_one():
    graphs = chains([4] * 50)
    numbers = torch.randint(12, (50,), generator=torch.Generator().manual_seed(0))

    def score(dags: DagBatch) -> torch.Tensor:
        return numbers[dags.ops[:, 1]].float()

    found = quantiles(graphs, {"up": score, "down": lambda dags: -score(dags), "same": lambda dags: torch.ones(len(dags))})
    assert found.shape == (50, 3)
    assert found.min() >= 0
    assert found.max() <= 1
    up = found[:, 0]
    lower, equal = numbers[:, None] < numbers, numbers[:, None] == numbers
    assert (up[:, None] < up)[lower].all()
    assert (up[:, None] == up)[equal].all()
    assert torch.allclose(found[:, 1], 1 - up, atol=1e-6)
    assert (found[:, 2] == 0.5).all()
    assert torch.isclose(up.mean(), torch.tensor(0.5), atol=1e-6)


def test_values_without_ties_fill_the_whole_range():
    found = quantiles(chains([4] * 5000), {"number": values})[:, 0]
    assert torch.allclose(found, torch.linspace(0, 1, 5000), atol=1e-6)


def test_small_graphs_are_drawn_uniformly():
    feed, rng = GraphBatchSampler(chains([3, 4, 16, 9, 5]), 100), torch.Generator().manual_seed(1)
    drawn = torch.cat([values(feed.draw(rng)[0]) for _ in range(20)]).long()
    assert stats.chisquare(drawn.bincount(minlength=5).numpy()).pvalue > 0.01
    dags, condition = feed.draw(rng)
    assert dags.max_nodes == 16
    assert condition is None


@pytest.mark.parametrize("multiple", [1, 3])
def test_batches_of_large_graphs_are_narrow_and_of_similar_sizes(multiple):
    sizes = torch.randint(3, LARGEST + 1, (400,), generator=torch.Generator().manual_seed(2)).tolist()
    order = sorted(range(400), key=lambda i: sizes[i])
    rank = torch.tensor(order).argsort()
    feed, rng = GraphBatchSampler(chains(sizes), 12, multiple=multiple), torch.Generator().manual_seed(3)
    for _ in range(50):
        dags, _ = feed.draw(rng)
        assert len(dags) % multiple == 0
        assert 0 < len(dags) <= 12
        assert dags.max_nodes == int(dags.num_nodes.max())
        assert dags.num_nodes.tolist() == [sizes[int(i)] for i in values(dags)]
        places = rank[values(dags).long()]
        assert int(places.max() - places.min()) <= 4 * 12  # twice the batch on either side of the first


def test_every_large_graph_can_be_drawn_and_the_batch_shrinks_with_its_pairs():
    sizes = [3, 5, 17, 40, 90, 300, 300, 301]
    feed, rng = GraphBatchSampler(chains(sizes), 64), torch.Generator().manual_seed(4)
    seen: set[int] = set()
    for _ in range(60):
        dags, _ = feed.draw(rng)
        seen |= set(values(dags).long().tolist())
        assert 1 <= len(dags) <= 64
    assert seen == set(range(len(sizes)))
    huge = GraphBatchSampler(chains([300] * 5), 64)
    assert len(huge.draw(rng)[0]) == (1 << 18) // 300**2


def epochs_of(feed: GraphBatchSampler, number: int, first: int = 0) -> list[list[int]]:
    """Graphs of the batches of so many epochs; each step with a random state of its own, as in training."""
    steps = range(first, number * len(feed._counts))
    feed.begin(first)
    return [values(feed.draw(torch.Generator().manual_seed(step))[0]).long().tolist() for step in steps]


def flat(batches: list[list[int]]) -> torch.Tensor:
    return torch.tensor([graph for batch in batches for graph in batch])


SKEWED = [3, 4, 4, 5, 17, 17, 20, 40, 90, 90, 115, 300, 300, 301, *range(20, 110, 3)]


@pytest.mark.parametrize("epochs", [1, 3, 40])
@pytest.mark.parametrize("batch_size", [4, 12, 64])
def test_every_large_graph_is_drawn_equally_often(epochs, batch_size):
    drawn = flat(epochs_of(GraphBatchSampler(chains(SKEWED), batch_size), epochs))
    counts = drawn.bincount(minlength=len(SKEWED))
    assert (counts == epochs).all()
    assert stats.chisquare(counts.numpy()).pvalue > 0.99


@pytest.mark.parametrize("processes", [3, *(pytest.param(number, marks=pytest.mark.slow) for number in (2, 5))])
def test_processes_that_share_batches_draw_every_graph_equally_often(processes):
    feed = GraphBatchSampler(chains(SKEWED), 16, multiple=processes)
    batches = epochs_of(feed, 120)
    assert {len(batch) % processes for batch in batches} == {0}
    for rank in range(processes):
        counts = flat([batch[rank::processes] for batch in batches]).bincount(minlength=len(SKEWED))
        assert stats.chisquare(counts.numpy()).pvalue > 0.001
    counts = flat(batches).bincount(minlength=len(SKEWED))
    assert stats.chisquare(counts.numpy()).pvalue > 0.001


def test_a_feed_that_begins_later_continues_the_same_epochs():
    whole = epochs_of(GraphBatchSampler(chains(SKEWED), 12, seed=7), 3)
    for first in (1, len(whole) // 2, len(whole) - 1):
        assert epochs_of(GraphBatchSampler(chains(SKEWED), 12, seed=7), 3, first) == whole[first:]
    assert epochs_of(GraphBatchSampler(chains(SKEWED), 12, seed=8), 3) != whole


def test_weighted_means_over_an_epoch_are_the_mean_over_all_graphs():
    feed, rng = GraphBatchSampler(chains(SKEWED), 64), torch.Generator().manual_seed(0)
    batches = [feed.draw(rng)[0] for _ in range(len(feed._counts))]
    weighted = torch.stack([feed.weight(dags) * values(dags).mean() for dags in batches]).mean()
    assert float(weighted) == pytest.approx((len(SKEWED) - 1) / 2)
    assert all(len(dags) * dags.max_nodes**2 <= 1 << 18 for dags in batches)
    assert feed.weight(batches[0]) != feed.weight(batches[-1]) or len({len(dags) for dags in batches}) == 1


def test_fewer_graphs_than_processes_are_repeated():
    feed = GraphBatchSampler(chains([20, 30, 40]), 8, multiple=4)
    batches = epochs_of(feed, 200)
    assert {len(batch) for batch in batches} == {4}
    assert stats.chisquare(flat(batches).bincount(minlength=3).numpy()).pvalue > 0.001


def test_conditions_belong_to_their_graphs_and_are_sometimes_dropped():
    sizes = [20, 3, 50, 18, 7, 33]
    told = torch.stack([torch.arange(6) / 5, 1 - torch.arange(6) / 5], 1)
    feed, rng = GraphBatchSampler(chains(sizes), 32, told), torch.Generator().manual_seed(5)
    dropped = []
    for _ in range(40):
        dags, condition = feed.draw(rng)
        kept = ~condition.isnan()
        assert torch.equal(condition[kept], told[values(dags).long()][kept])
        dropped.append((~kept).float().mean())
    assert 0.1 < float(torch.stack(dropped).mean()) < 0.3
