from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.evaluation.networks.small_networks import train_small_networks


def trained(count: int, **options):
    return train_small_networks(torch.Generator().manual_seed(3), count=count, **{"epochs": 3, "batch_size": 256, **options})


@pytest.fixture(scope="module")
def table():
    return trained(12)


def test_networks_learn_more_than_guessing(table):
    assert table.values.shape == (12, 3)
    assert (table.values[:, -1] < table.values[:, 0]).mean() > 0.8
    assert table.values[:, -1].min() < 0.75 * math.log(10)  # ln 10 is a uniform guess
    assert np.abs(table.final - table.values[:, -1]).max() < 0.3  # one distribution, other images


def test_the_same_seed_gives_the_same_curves_and_another_others(table):
    again = trained(12)
    other = train_small_networks(torch.Generator().manual_seed(4), count=12, epochs=3, batch_size=256)
    assert np.array_equal(again.values, table.values)
    assert np.array_equal(again.features, table.features)
    assert not np.array_equal(other.values, table.values)


def test_a_curve_does_not_depend_on_what_else_is_trained(table):
    few = trained(4)
    np.testing.assert_allclose(few.values, table.values[:4], rtol=1e-4)
    np.testing.assert_allclose(few.final, table.final[:4], rtol=1e-4)
    assert np.array_equal(few.features, table.features[:4])


def test_a_group_is_an_architecture(table):
    columns = [i for i, name in enumerate(table.feature_names) if name != "log_rate"]
    for group in set(table.groups.tolist()):
        assert len(np.unique(table.features[table.groups == group][:, columns], axis=0)) == 1
    assert len(np.unique(table.features[:, columns], axis=0)) == len(set(table.groups.tolist()))


def test_progress_ends_at_one():
    seen: list[float] = []
    trained(3, epochs=1, on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1


@pytest.mark.parametrize("option", ["count", "epochs", "batch_size"])
def test_numbers_count_from_one(option):
    with pytest.raises(InvalidRequest, match="no "):
        trained(**{"count": 2, option: 0})
