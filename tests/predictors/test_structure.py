"""Counts of structure: what a random walk and the longest path say of an architecture."""

from __future__ import annotations

import pytest
import torch

from nag.graphs import Architecture, DagBatch, reduce
from nag.predictors.structure import structure_counts
from nag.spaces import load_space, sample_uniform

SPACES = [load_space(name) for name in ("nasbench101", "nasbench201", "nas_bench_graph")]
over_spaces = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)


@over_spaces
def test_the_expected_count_of_a_walk_lies_between_the_extremes_over_paths(space):
    dags = reduce(sample_uniform(space, 200, seed=1), space.semantics)
    counts = structure_counts(dags, space.semantics)
    most, least = counts.extremes.chunk(2, 1)
    alive = most[:, space.vocabulary.index(space.semantics.output)] > 0
    assert alive.sum() > 100
    assert (counts.walks[alive] <= most[alive] + 1e-9).all()
    assert (counts.walks[alive] >= least[alive] - 1e-9).all()


@over_spaces
def test_a_walk_is_somewhere_until_it_has_reached_the_input(space):
    dags = reduce(sample_uniform(space, 200, seed=2), space.semantics)
    counts = structure_counts(dags, space.semantics)
    kinds = len(space.vocabulary)
    steps = counts.steps.view(len(dags), -1, kinds)
    present = steps.sum(2)
    assert (present <= 1 + 1e-9).all()
    assert (present.diff(dim=1) <= 1e-9).all()
    output = torch.zeros(kinds, dtype=torch.float64)
    output[space.vocabulary.index(space.semantics.output)] = 1
    torch.testing.assert_close(counts.walks - steps.sum(1), output.expand(len(dags), -1))


def test_a_walk_through_two_branches_meets_half_of_each():
    space = SPACES[0]
    conv, pool = "conv3x3-bn-relu", "maxpool3x3"
    arch = Architecture(("input", conv, conv, pool, "output"), ((0, 1), (1, 2), (2, 4), (0, 3), (3, 4)))
    counts = structure_counts(DagBatch.from_architectures([arch], space.vocabulary), space.semantics)
    walks = dict(zip(space.vocabulary, counts.walks[0].tolist(), strict=True))
    assert walks[conv] == pytest.approx(1.0)
    assert walks[pool] == pytest.approx(0.5)
    most, least = (dict(zip(space.vocabulary, half.tolist(), strict=True)) for half in counts.extremes[0].chunk(2))
    assert (most[conv], least[conv], most[pool], least[pool]) == (2, 0, 1, 0)
