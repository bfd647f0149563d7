"""Large graphs: what the suite's distances are measured over."""

from __future__ import annotations

import pytest
import torch

from nag.evaluation import SpaceReference, graph_distances, sample_metrics
from nag.graphs import DagBatch
from nag.spaces import enumerate_space, space_from_mapping
from nag.suites.scale import sample_distances

SPACE = space_from_mapping(
    {
        "name": "small",
        "operations": {"a": "parametric", "b": "parametric"},
        "nodes": [3, 6],
        "edges": "free",
        "constraints": {"all_nodes_on_a_path": True},
    }
)


def chains(sizes: list[int], linked: bool = True) -> DagBatch:
    """Graphs in a row; without their links they are invalid."""
    mask = torch.arange(6) < torch.tensor(sizes)[:, None]
    inner = mask & (torch.arange(6) > 0)
    ops = 2 * inner.long()
    ops[torch.arange(len(sizes)), torch.tensor(sizes) - 1] = 1
    links = torch.diag(torch.ones(5, dtype=torch.int64), 1).expand(len(sizes), -1, -1)
    return DagBatch(ops, links * (mask[:, :, None] & mask[:, None, :]) * linked, mask)


HELD_OUT = chains([3, 4, 5, 6])
RAW = DagBatch.cat([chains([3, 3]), chains([5, 5, 6, 6], linked=False)])


def test_distances_are_those_of_all_samples_valid_or_not_beside_the_valid_ones():
    """The valid samples are the small ones, so that their distances are not those of what was generated."""
    found = sample_distances(SPACE, RAW, HELD_OUT, HELD_OUT)
    assert found["validity_raw"] == pytest.approx(2 / 6)
    assert found["w1_nodes"] == pytest.approx(graph_distances(RAW, HELD_OUT, 4)["w1_nodes"])
    assert found["w1_nodes_valid"] == pytest.approx(1.5)
    assert found["w1_nodes"] < found["w1_nodes_valid"] / 2
    assert found["w1_nodes_reference"] == 0
    assert found["novelty_valid"] == 0
    assert found["novelty"] == pytest.approx(4 / 6)


def test_where_no_sample_is_valid_nothing_is_said_of_valid_ones():
    found = sample_distances(SPACE, RAW[2:], HELD_OUT, HELD_OUT)
    assert found["validity_raw"] == 0
    assert "w1_nodes" in found
    assert not [name for name in found if name.endswith("_valid")]


def test_sample_metrics_hold_the_distances_of_all_samples_too():
    space, everything = SPACE, enumerate_space(SPACE)
    canonical = space.canonical_hashes(everything)
    reference = SpaceReference.of(space, everything, canonical, torch.arange(len(everything)), True)
    other = DagBatch(torch.where(RAW.ops == 2, 3, RAW.ops), RAW.adjacency, RAW.mask)
    raw = DagBatch.cat([RAW[:2], other[2:]])  # what is invalid has other operations
    values, valid = (sample_metrics(space, dags, reference).values for dags in (raw, raw[:2]))
    assert values["tv_ops"] == valid["tv_ops"] == valid["tv_ops_raw"]
    assert values["tv_ops_raw"] != pytest.approx(values["tv_ops"])
