import numpy as np
import pytest

from nag.core.errors import InvalidRequest
from nag.tasks import load_task, split_by_class

CANONICAL = np.random.default_rng(0).integers(0, 120, size=400)


@pytest.mark.parametrize(
    "sizes", [{"num_train": 50}, {"num_train": 400}, {"fraction": 0.5}, {"fraction": 0.1}, {"fraction": 0.001}]
)
def test_no_class_stands_on_both_sides(sizes):
    for seed in range(5):
        split = split_by_class(CANONICAL, seed=seed, **sizes)
        assert split.by == "class"
        assert not set(CANONICAL[split.train]) & set(CANONICAL[split.test])
        assert len(split.train) > 0


def test_drawn_rows_leave_out_only_twins():
    split = split_by_class(CANONICAL, num_train=50, seed=3)
    assert len(set(split.train.tolist())) == 50
    rest = np.setdiff1d(np.arange(400), np.concatenate([split.train, split.test]))
    assert len(rest) > 0
    assert set(CANONICAL[rest]) <= set(CANONICAL[split.train])


def test_drawn_rows_are_an_ordinary_sample():
    counts = np.zeros(400)
    for seed in range(400):
        counts[split_by_class(CANONICAL, num_train=100, seed=seed).train] += 1
    size = np.bincount(CANONICAL)[CANONICAL]
    assert abs(counts.mean() - 100) < 1e-9
    assert abs(np.corrcoef(counts, size)[0, 1]) < 0.2
    assert 100 - 6 * np.sqrt(75) < counts.min() <= counts.max() < 100 + 6 * np.sqrt(75)


def test_a_fraction_is_complementary_and_near():
    largest = np.bincount(CANONICAL).max()
    for fraction in (0.2, 0.5, 0.9):
        split = split_by_class(CANONICAL, fraction=fraction, seed=1)
        assert sorted([*split.train, *split.test]) == list(range(400))
        assert abs(len(split.train) - fraction * 400) <= largest / 2
        assert len(split.test) > 0


def test_same_seed_same_split_and_larger_draws_extend_smaller_ones():
    small, large = (split_by_class(CANONICAL, num_train=n, seed=7) for n in (20, 60))
    np.testing.assert_array_equal(large.train[:20], small.train)
    np.testing.assert_array_equal(split_by_class(CANONICAL, num_train=60, seed=7).test, large.test)
    assert set(split_by_class(CANONICAL, num_train=20, seed=8).train) != set(small.train)


@pytest.mark.parametrize("num_train", [0, -1, 401])
def test_impossible_numbers_are_refused(num_train):
    with pytest.raises(InvalidRequest, match="must be 1 to 400"):
        split_by_class(CANONICAL, num_train=num_train)


@pytest.mark.parametrize("sizes", [{}, {"num_train": 5, "fraction": 0.5}])
def test_exactly_one_size_is_needed(sizes):
    with pytest.raises(InvalidRequest, match="either num_train or fraction"):
        split_by_class(CANONICAL, **sizes)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_impossible_fractions_are_refused(fraction):
    with pytest.raises(InvalidRequest, match="no split with the fraction"):
        split_by_class(CANONICAL, fraction=fraction)
    with pytest.raises(InvalidRequest, match="two classes"):
        split_by_class(np.zeros(5, dtype=np.int64), fraction=0.5)


def test_twins_of_a_real_table_stay_together():
    canonical = load_task("analog_nasbench/digital").table.canonical
    split = split_by_class(canonical, num_train=1000, seed=0)
    assert not set(canonical[split.train]) & set(canonical[split.test])
    assert len(split.train) + len(split.test) < len(canonical)
