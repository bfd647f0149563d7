import pytest
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.predictors import (
    Prediction,
    candidate_scores,
    conformal_p_values,
    prune_deterministic,
    prune_heterogeneous,
    prune_homogeneous,
    select,
    select_optimised,
)

ALL = [prune_heterogeneous, prune_homogeneous, prune_deterministic]
PRUNINGS = pytest.mark.parametrize("pruning", ALL)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def items(count: int, noises: list[float], rng: torch.Generator, share: float = 0.3) -> tuple[Tensor, Tensor]:
    """Scores that see the labels through noise, (K, count), and which labels exceed a threshold."""
    label = torch.randn(count, generator=rng, dtype=torch.float64)
    noise = torch.randn(len(noises), count, generator=rng, dtype=torch.float64)
    exceeds = label > torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(1 - share))
    return label + noise * torch.tensor(noises, dtype=torch.float64)[:, None], exceeds


def false_share(selected: Tensor, exceeds: Tensor) -> float:
    return float((selected & ~exceeds).sum() / selected.sum().clamp(min=1))


def mean_and_error(values: list[float]) -> tuple[float, float]:
    values = torch.tensor(values, dtype=torch.float64)
    return float(values.mean()), float(values.std()) / len(values) ** 0.5


def benjamini_hochberg(p: Tensor, level: float) -> Tensor:
    """From the definition, one size after the other."""
    for size in range(len(p), 0, -1):
        chosen = p * len(p) <= level * size * (1 + 1e-12)
        if int(chosen.sum()) >= size:
            return chosen
    return torch.zeros(len(p), dtype=torch.bool)


def direct_sizes(calibration: Tensor, exceeds: Tensor, test: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """The p and s of OptCS word by word, with a p-value for each pair of test items."""
    m, n = test.shape[1], len(exceeds)
    p, s = torch.zeros(m, dtype=torch.float64), torch.zeros(m, dtype=torch.int64)
    for j in range(m):
        for own, new in zip(calibration, test, strict=True):
            nulls = torch.cat([own[~exceeds], new[j : j + 1]])
            auxiliary = (nulls[:, None] >= new).sum(0).double() / (n + 1)
            mine = auxiliary[j].clone()
            auxiliary[j] = 0
            size = int(benjamini_hochberg(auxiliary, level).sum())
            if size > s[j]:
                s[j], p[j] = size, mine
    return p, s


def direct_pruning(p: Tensor, s: Tensor, level: float, xi: Tensor) -> Tensor:
    eligible = p * len(p) <= level * s * (1 + 1e-12)
    reached = [r for r in range(len(p) + 1) if int((eligible & (xi * s <= r)).sum()) >= r]
    return eligible & (xi * s <= max(reached))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("by_lot", [False, True])
def test_p_values_of_items_below_the_threshold_are_no_smaller_than_uniform(ties, by_lot):
    rng, below = generator(), []
    for _ in range(1500):
        (calibration, exceeds), (test, truth) = items(19, [0.5], rng), items(10, [0.5], rng)
        if ties:
            calibration, test = calibration.round(), test.round()
        p = conformal_p_values(calibration[0], exceeds, test[0], rng if by_lot else None)
        assert p.min() >= 1 / 20
        assert p.max() <= 1
        below.append([float(((p <= a + 1e-9) & ~truth).double().mean()) for a in (0.05, 0.1, 0.25, 0.5)])
    for a, shares in zip((0.05, 0.1, 0.25, 0.5), zip(*below, strict=True), strict=True):
        mean, error = mean_and_error(list(shares))
        assert mean <= a + 3 * error
        if a < 0.5 and (by_lot or not ties):  # where few items that exceed rank as high, the bound is met
            assert mean > 0.6 * a


def test_ties_count_against_an_item_unless_they_are_broken_by_lot():
    calibration, exceeds, test = torch.ones(9), torch.arange(9) < 2, torch.ones(2000)
    assert torch.equal(conformal_p_values(calibration, exceeds, test), torch.full((2000,), 0.8, dtype=torch.float64))
    by_lot = conformal_p_values(calibration, exceeds, test, generator())
    assert by_lot.unique().tolist() == pytest.approx([rank / 10 for rank in range(1, 9)])
    distinct = torch.randn(2, 30, generator=generator(1))
    alone = conformal_p_values(distinct[0], distinct[0] > 1, distinct[1])
    assert torch.equal(conformal_p_values(distinct[0], distinct[0] > 1, distinct[1], generator()), alone)


def test_calibration_items_that_exceed_only_count_in_the_denominator():
    scores, exceeds = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([False, True, False, True])
    p = conformal_p_values(scores, exceeds, torch.tensor([0.0, 1.0, 1.5, 3.5]))
    assert p.tolist() == pytest.approx([0.6, 0.6, 0.4, 0.2])


def test_select_is_benjamini_hochberg():
    rng = generator()
    for count in (1, 7, 40):
        for _ in range(30):
            p = (torch.rand(count, generator=rng, dtype=torch.float64) ** 3 * 20).ceil() / 20
            for level in (0.05, 0.2, 0.5):
                assert torch.equal(select(p, level), benjamini_hochberg(p, level))
    assert select(torch.zeros(0), 0.1).shape == (0,)


@pytest.mark.parametrize("level", [0.1, 0.3])
def test_share_of_false_selections_keeps_the_level(level):
    rng, shares = generator(), []
    for _ in range(800):
        (calibration, exceeds), (test, truth) = items(60, [0.7], rng), items(50, [0.7], rng)
        shares.append(false_share(select(conformal_p_values(calibration[0], exceeds, test[0]), level), truth))
    mean, error = mean_and_error(shares)
    assert mean <= level + 3 * error
    assert mean > level / 3  # not by selecting nothing


def test_fast_and_direct_optimised_selection_agree():
    rng, some, pruned = generator(), 0, 0
    for case in range(16):
        (calibration, exceeds), (test, _) = items(25, [0.4, 0.6, 3.0], rng), items(20, [0.4, 0.6, 3.0], rng)
        if case % 2:  # ties, also between calibration and test items
            calibration, test = calibration.round(), test.round()
        for level in (0.03, 0.1, 0.25):
            p, s = direct_sizes(calibration, exceeds, test, level)
            for pruning in ALL:
                fast = select_optimised(calibration, exceeds, test, level, generator(case), pruning)
                torch.testing.assert_close(fast.p_values, p)
                assert torch.equal(fast.sizes, s)
                assert torch.equal(fast.selected, direct_pruning(p, s, level, pruning(20, generator(case))))
                some += int(fast.selected.sum())
                pruned += int((p * 20 <= level * s).sum() - fast.selected.sum())
    assert some > 200
    assert pruned > 0


@PRUNINGS
def test_optimising_over_one_score_is_plain_selection(pruning):
    rng = generator()
    for _ in range(50):
        (calibration, exceeds), (test, _) = items(40, [0.5], rng), items(60, [0.5], rng)
        plain = select(conformal_p_values(calibration[0], exceeds, test[0]), 0.2)
        for copies in (1, 3):
            optimised = select_optimised(
                calibration.expand(copies, -1), exceeds, test.expand(copies, -1), 0.2, generator(), pruning
            )
            assert torch.equal(optimised.selected, plain)


@PRUNINGS
def test_optimised_selection_keeps_the_level_and_finds_what_the_good_score_finds(pruning):
    rng, level = generator(), 0.2
    shares, found, single = [], [], []
    for _ in range(400):
        (calibration, exceeds), (test, truth) = items(80, [2.0, 0.4], rng), items(100, [2.0, 0.4], rng)
        selected = select_optimised(calibration, exceeds, test, level, rng, pruning).selected
        shares.append(false_share(selected, truth))
        found.append(float((selected & truth).sum()))
        best = select(conformal_p_values(calibration[1], exceeds, test[1]), level)
        single.append(float((best & truth).sum()))
    mean, error = mean_and_error(shares)
    assert mean <= level + 3 * error
    assert sum(found) > 0.9 * sum(single)


def test_a_choice_among_many_useless_scores_costs_no_false_selections():
    rng, level, noises = generator(), 0.3, [30.0] * 12
    optimised: list[list[float]] = [[], [], []]
    careless = []
    for _ in range(120):
        (calibration, exceeds), (test, truth) = items(30, noises, rng), items(40, noises, rng)
        for shares, pruning in zip(optimised, ALL, strict=True):
            shares.append(false_share(select_optimised(calibration, exceeds, test, level, rng, pruning).selected, truth))
        selections = [select(conformal_p_values(*case), level) for case in zip(calibration, [exceeds] * 12, test, strict=True)]
        careless.append(false_share(max(selections, key=lambda one: int(one.sum())), truth))
    for shares in optimised:
        mean, error = mean_and_error(shares)
        assert mean <= level + 3 * error
    mean, error = mean_and_error(careless)
    assert mean > level + 3 * error


def test_among_good_scores_the_power_is_about_that_of_one_of_them():
    rng, found = generator(), torch.zeros(4)
    for _ in range(120):
        (calibration, exceeds), (test, truth) = items(100, [0.4, 0.5, 0.5], rng), items(100, [0.4, 0.5, 0.5], rng)
        found[0] += (select_optimised(calibration, exceeds, test, 0.2, rng).selected & truth).sum()
        for k in range(3):
            found[k + 1] += (select(conformal_p_values(calibration[k], exceeds, test[k]), 0.2) & truth).sum()
    assert found[0] > 0.9 * found[1:].mean()
    assert found[0] > 0.8 * found[1:].max()


def test_a_level_that_the_labels_cannot_support_selects_nothing():
    (calibration, exceeds), (test, _) = items(50, [0.01], generator()), items(50, [0.01], generator(1))
    assert not select(conformal_p_values(calibration[0], exceeds, test[0]), 1 / 52).any()
    assert not select_optimised(calibration, exceeds, test, 1 / 52, generator()).selected.any()
    assert select_optimised(calibration, exceeds, test, 0.2, generator()).selected.any()


def test_the_order_of_calibration_items_does_not_matter_and_that_of_test_items_only_moves_them():
    (calibration, exceeds), (test, _) = items(50, [0.5, 1.0], generator()), items(70, [0.5, 1.0], generator(1))
    there, here = torch.randperm(50, generator=generator(2)), torch.randperm(70, generator=generator(3))
    plain = select_optimised(calibration, exceeds, test, 0.2, pruning=prune_deterministic)
    moved = select_optimised(calibration[:, there], exceeds[there], test[:, here], 0.2, pruning=prune_deterministic)
    assert torch.equal(moved.selected, plain.selected[here])
    assert torch.equal(moved.sizes, plain.sizes[here])
    assert torch.equal(moved.p_values, plain.p_values[here])
    p = conformal_p_values(calibration[0], exceeds, test[0])
    assert torch.equal(conformal_p_values(calibration[0, there], exceeds[there], test[0]), p)


def test_only_the_order_of_scores_matters():
    (calibration, exceeds), (test, _) = items(50, [0.5, 1.0], generator()), items(70, [0.5, 1.0], generator(1))
    plain = select_optimised(calibration, exceeds, test, 0.2, generator())
    assert torch.equal(select_optimised(calibration.exp(), exceeds, test.exp(), 0.2, generator()).selected, plain.selected)


def test_candidate_scores_are_means_bounds_and_standing_to_the_threshold():
    scores = candidate_scores(Prediction(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])), 3.0, widths=(0, 2, -1))
    assert scores.tolist() == [[1, 2], [3, 10], [0, -2], [-2, -0.25]]


def test_each_mistake_is_named_in_one_line():
    scores, exceeds = torch.rand(2, 10, generator=generator()), torch.arange(10) > 4
    mistakes = [
        *(lambda q=q: select(scores[0], q) for q in (0.0, 1.0, float("nan"))),
        lambda: select(scores[0] + 1, 0.1),
        lambda: select(scores, 0.1),
        lambda: conformal_p_values(scores[0], exceeds.long(), scores[1]),
        lambda: conformal_p_values(scores[0], exceeds[:9], scores[1]),
        lambda: conformal_p_values(scores[0] * torch.nan, exceeds, scores[1]),
        lambda: select_optimised(scores, exceeds, scores[:1], 0.1, generator()),
        lambda: select_optimised(scores[:0], exceeds, scores[:0], 0.1, generator()),
        lambda: select_optimised(scores, exceeds, scores, 0.0, generator()),
        lambda: select_optimised(scores, exceeds, scores, 0.1),
    ]
    for mistake in mistakes:
        with pytest.raises(InvalidRequest) as caught:
            mistake()
        assert "\n" not in str(caught.value)
