from __future__ import annotations

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.evaluation import graph_distances
from nag.graphs import Architecture, DagBatch, levels, random_layered_dags

VOCABULARY = ("input", "output", "a", "b")
CHAIN = Architecture(("input", "a", "b", "output"), ((0, 1), (1, 2), (2, 3)))
FAN = Architecture(("input", "a", "a", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
COSTS = torch.tensor([0.0, 0.0, 1.0, 5.0])


def random(seed: int, count: int = 60, size: int = 30, **options) -> DagBatch:
    return random_layered_dags(count, size, 4, torch.Generator().manual_seed(seed), min_nodes=5, **options)


def batch(*archs: Architecture) -> DagBatch:
    return DagBatch.from_architectures(archs, VOCABULARY)


def test_a_set_is_at_no_distance_from_itself():
    dags = random(0)
    assert set(graph_distances(dags, dags, 4, COSTS).values()) == {0.0}


def test_distances_are_symmetric_and_within_their_range():
    a, b = random(0), random(1, count=25, size=50, mean_width=2.0)
    there, back = graph_distances(a, b, 4, COSTS), graph_distances(b, a, 4, COSTS)
    assert there == pytest.approx(back)
    assert all(value > 0 for value in there.values())
    assert all(value <= 1 for name, value in there.items() if name.startswith("tv_"))


def test_neither_padding_nor_node_order_nor_repetition_matters():
    a, b = random(0), random(1)
    noise = torch.rand(a.ops.shape, generator=torch.Generator().manual_seed(0)) * 0.9
    moved = a.take_nodes(torch.where(a.mask, levels(a) + noise, a.max_nodes).argsort(1))
    assert not torch.equal(moved.adjacency, a.adjacency)
    expected = graph_distances(a, b, 4, COSTS)
    for same in (a.pad(64), moved, DagBatch.cat([a, a])):
        assert graph_distances(same, b, 4, COSTS) == pytest.approx(expected)


def test_values_by_hand():
    assert graph_distances(batch(CHAIN), batch(FAN), 4, COSTS) == pytest.approx(
        {
            "tv_ops": 1 / 4,  # one of four nodes is another
            "tv_in_degree": 1 / 4,  # 0, 1, 1, 1 and 0, 1, 1, 2
            "tv_out_degree": 1 / 4,
            "tv_depth": 1.0,  # 3 and 2
            "tv_nodes": 0.0,
            "tv_edge_count": 1.0,  # 3 and 4
            "w1_depth": 1.0,
            "w1_nodes": 0.0,
            "w1_edge_count": 1.0,
            "tv_parameter_count": 1.0,  # 6 and 2
            "w1_parameter_count": 4.0,
        }
    )
    assert graph_distances(batch(CHAIN, FAN), batch(FAN), 4)["tv_depth"] == pytest.approx(1 / 2)


def test_samples_of_one_law_are_closer_than_those_of_two():
    reference, same, other = random(0, 300), random(1, 300), random(2, 300, mean_width=1.5)
    near, far = graph_distances(reference, same, 4), graph_distances(reference, other, 4)
    assert near["w1_depth"] < far["w1_depth"] / 3
    assert near["tv_out_degree"] < far["tv_out_degree"] / 3


def test_what_cannot_be_compared_is_refused():
    dags = random(0)
    with pytest.raises(InvalidRequest, match="without graphs"):
        graph_distances(dags[:0], dags, 4)
    with pytest.raises(InvalidRequest, match="outside the vocabulary"):
        graph_distances(dags, dags, 3)
    with pytest.raises(InvalidRequest, match="do not fit"):
        graph_distances(dags, dags, 4, COSTS[:3])
