from __future__ import annotations

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.graphs import levels, random_layered_dags
from nag.spaces import layered_space


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("count", "low", "high"), [(300, 2, 12), (50, 64, 64), (3, 512, 512)])
@pytest.mark.parametrize("mean_width", [1.0, 4.0, 30.0])
def test_all_graphs_are_valid_in_their_space(count, low, high, mean_width):
    dags = random_layered_dags(count, high, 6, rng(), min_nodes=low, mean_width=mean_width)
    assert bool(layered_space(high, 6, low).is_valid(dags).all())
    assert not bool(dags.adjacency.tril().any())
    assert int(dags.num_nodes.min()) == low
    assert int(dags.num_nodes.max()) == high


@pytest.mark.parametrize("max_reads", [1, 3])
def test_inner_nodes_read_one_to_so_many_nodes(max_reads):
    dags = random_layered_dags(50, 40, 5, rng(), max_reads=max_reads)
    degrees = dags.adjacency.sum(1)[:, 1:-1]
    assert set(degrees.unique().tolist()) == set(range(1, max_reads + 1))


def test_most_edges_join_neighbouring_layers_and_few_nodes_are_left_to_the_output():
    dags = random_layered_dags(50, 128, 5, rng())
    level = levels(dags)
    b, u, v = dags.adjacency.nonzero().unbind(1)
    assert float((level[b, v] - level[b, u] == 1).double().mean()) > 0.6
    assert float(dags.adjacency[:, :, -1].sum(1).double().mean()) < 10


def test_wider_layers_make_shallower_graphs():
    narrow, wide = (levels(random_layered_dags(50, 100, 5, rng(), mean_width=width)).amax(1) for width in (1.0, 10.0))
    assert float(narrow.double().mean()) > 70
    assert float(wide.double().mean()) < 40


def test_operations_are_uniform_over_all_but_input_and_output():
    dags = random_layered_dags(200, 100, 6, rng())
    share = torch.bincount(dags.ops[:, 1:-1].flatten(), minlength=6).double() / (200 * 98)
    assert share[:2].tolist() == [0, 0]
    assert bool((share[2:] - 0.25).abs().max() < 0.02)


def test_graphs_follow_the_seed():
    first, again, other = (random_layered_dags(5, 30, 5, rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.ops, again.ops)
    assert torch.equal(first.adjacency, again.adjacency)
    assert not torch.equal(first.adjacency, other.adjacency)


def test_graphs_are_different_functions():
    space = layered_space(40, 5)
    assert len(set(space.canonical_hashes(random_layered_dags(40, 40, 5, rng())))) == 40


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_nodes": 1},
        {"min_nodes": 9},
        {"num_ops": 2},
        {"count": -1},
        {"mean_width": 0.5},
        {"max_reads": 0},
        {"skip": 1.5},
    ],
)
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(InvalidRequest):
        random_layered_dags(**{"count": 2, "num_nodes": 8, "num_ops": 5, "rng": rng(), **wrong})
