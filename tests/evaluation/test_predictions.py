import numpy as np
import pytest
from scipy import stats

from nag.evaluation import ranking_metrics


def test_agrees_with_scipy():
    rng = np.random.default_rng(0)
    true = rng.normal(size=300)
    predicted = np.round(true + rng.normal(size=300), 1)  # with ties
    found = ranking_metrics(predicted, true)
    assert found["kendall_tau"] == pytest.approx(stats.kendalltau(predicted, true).statistic)
    assert found["spearman"] == pytest.approx(stats.spearmanr(predicted, true).statistic)
    assert found["mae"] == pytest.approx(np.abs(predicted - true).mean())


def test_perfect_and_reversed_rankings():
    true = np.arange(100.0)
    assert ranking_metrics(true, true) == pytest.approx({"kendall_tau": 1, "spearman": 1, "mae": 0, "precision_at_10pct": 1})
    found = ranking_metrics(-true, true)
    assert (found["kendall_tau"], found["precision_at_10pct"]) == (pytest.approx(-1), 0)


def test_one_swap_of_four_by_hand():
    found = ranking_metrics(np.array([1.0, 3.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert found["kendall_tau"] == pytest.approx(4 / 6)
    assert found["spearman"] == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert found["mae"] == 0.5
    assert found["precision_at_10pct"] == 1


def test_precision_looks_at_the_good_end():
    true = np.arange(100.0)
    predicted = true.copy()
    predicted[95:] = -np.arange(5.0) - 1  # half of the best tenth is predicted to be the worst
    assert ranking_metrics(predicted, true, maximise=True)["precision_at_10pct"] == 0.5
    assert ranking_metrics(predicted, true, maximise=False)["precision_at_10pct"] == 0.5
    predicted = true.copy()
    predicted[:50] = true[:50][::-1]
    assert ranking_metrics(predicted, true, maximise=True)["precision_at_10pct"] == 1
    assert ranking_metrics(predicted, true, maximise=False)["precision_at_10pct"] == 0


@pytest.mark.parametrize("maximise", [True, False])
def test_ties_count_by_chance_whatever_the_order_of_rows(maximise):
    rng = np.random.default_rng(0)
    predicted, constant = rng.normal(size=200), np.full(200, 3.0)
    assert ranking_metrics(predicted, constant, maximise)["precision_at_10pct"] == pytest.approx(0.1)
    assert ranking_metrics(constant, predicted, maximise)["precision_at_10pct"] == pytest.approx(0.1)
    true, rough = np.round(predicted, 1), np.round(predicted + rng.normal(size=200), 0)
    expected = ranking_metrics(rough, true, maximise)["precision_at_10pct"]
    order = rng.permutation(200)
    assert ranking_metrics(rough[order], true[order], maximise)["precision_at_10pct"] == pytest.approx(expected, abs=1e-12)
    sign, shares = (1 if maximise else -1), []
    for _ in range(2_000):
        first, second = (np.lexsort((rng.random(200), -sign * values))[:20] for values in (rough, true))
        shares.append(len(np.intersect1d(first, second)) / 20)
    assert np.mean(shares) == pytest.approx(expected, abs=4 * np.std(shares) / 2_000**0.5)
