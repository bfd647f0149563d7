"""References against simulation, and the metrics of uniform draws against their references."""

from __future__ import annotations

import math

import pytest
import torch

from nag.evaluation import SpaceReference, sample_metrics
from nag.graphs import DagBatch
from nag.spaces import sample_uniform


@pytest.fixture(scope="module")
def cells(whole):
    space, dags = whole("nasbench201")
    return space, dags, space.canonical_hashes(dags)


def reference_of(cells, share: float) -> SpaceReference:
    space, dags, canonical = cells
    train = torch.randperm(len(dags), generator=torch.Generator().manual_seed(0))[: int(share * len(dags))]
    return SpaceReference.of(space, dags, canonical, train, enumerated=True)


@pytest.fixture(scope="module")
def reference(cells) -> SpaceReference:
    return reference_of(cells, 0.5)


def test_a_thousand_cells_of_nasbench201_are_96_9_percent_unique(reference):
    assert reference.uniqueness(1000) == pytest.approx(0.9687, abs=5e-5)
    assert reference.uniqueness(1) == pytest.approx(1)
    assert reference.uniqueness(15625) == pytest.approx(1 - math.exp(-1), abs=1e-3)


@pytest.mark.parametrize("draws", [100, 1000, 5000])
def test_uniqueness_references_equal_simulation(cells, reference, draws):
    _, dags, canonical = cells
    classes = torch.tensor([hash(digest) for digest in canonical]).unique(return_inverse=True)[1]
    rng = torch.Generator().manual_seed(1)
    graphs, functions = [], []
    for _ in range(60):
        rows = torch.randint(len(dags), (draws,), generator=rng)
        graphs.append(len(rows.unique()) / draws)
        functions.append(len(classes[rows].unique()) / draws)
    for simulated, expected in ((graphs, reference.uniqueness(draws)), (functions, reference.functional_uniqueness(draws))):
        values = torch.tensor(simulated, dtype=torch.float64)
        assert float(values.mean()) == pytest.approx(expected, abs=5 * float(values.std()) / 60**0.5 + 1e-12)
    assert reference.functional_uniqueness(draws) < reference.uniqueness(draws)


def test_novelty_reference_is_what_was_held_out(cells, reference):
    assert reference.novelty() == pytest.approx(0.5, abs=1e-4)
    assert reference_of(cells, 1.0).novelty() == 0
    assert reference_of(cells, 0.2).novelty() == pytest.approx(0.8)


def test_metrics_of_uniform_draws_match_their_references(cells, reference):
    space, _, _ = cells
    values = sample_metrics(space, sample_uniform(space, 2000, seed=5), reference).values
    assert values["num_raw"] == 2000
    assert values["validity_raw"] == values["validity_raw_reference"] == 1
    for name in ("uniqueness", "functional_uniqueness", "novelty"):
        for suffix in ("", "_first_1000"):
            assert values[name + suffix] == pytest.approx(values[f"{name}{suffix}_reference"], abs=0.05)
    for name in ("tv_ops", "tv_edges"):
        assert 0 <= values[name] < values[f"{name}_reference"] + 0.02
        assert values[f"{name}_reference"] < 0.02


def test_metrics_tell_bad_samples_from_good_ones(cells, reference):
    space, dags, _ = cells
    train = SpaceReference.of(space, dags, space.canonical_hashes(dags), torch.arange(200), enumerated=True)
    same = dags[torch.full((150,), 7)]
    values = sample_metrics(space, same, train).values
    assert values["uniqueness"] == values["functional_uniqueness"] == pytest.approx(1 / 150)
    assert values["novelty"] == 0
    assert values["tv_ops"] > 0.2
    broken = DagBatch(same.ops, torch.zeros_like(same.adjacency), same.mask)
    half = sample_metrics(space, DagBatch.cat([same, broken]), reference).values
    assert half["validity_raw"] == 0.5
    assert half["uniqueness"] == pytest.approx(1 / 150)
    none = sample_metrics(space, broken, reference).values
    assert none["validity_raw"] == none["uniqueness"] == none["novelty"] == 0


def test_twins_count_once_among_functions(cells, reference):
    space, _, _ = cells
    texts = [
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
        "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|",
    ]
    values = sample_metrics(space, space.to_dags([space.decode(text) for text in texts]), reference).values
    assert values["uniqueness"] == 1
    assert values["functional_uniqueness"] == 0.5


def test_references_survive_a_checkpoint(reference):
    restored = SpaceReference.restore({"other": torch.zeros(1), **reference.tensors()})
    assert restored.enumerated is True
    for name, tensor in reference.tensors().items():
        assert torch.equal(restored.tensors()[name], tensor)


def test_spaces_that_are_not_enumerated_have_no_repeated_or_known_draws(cells):
    space, dags, canonical = cells
    reference = SpaceReference.of(space, dags[:100], canonical[:100], torch.arange(50), enumerated=False)
    assert reference.uniqueness(1000) == reference.novelty() == 1
