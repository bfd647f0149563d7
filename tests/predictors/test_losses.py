import pytest
import torch

from nag.predictors.losses import ListwiseLoss, RankingLoss, SquaredLoss, pairwise_hinge, pairwise_logistic, sample_pairs

PAIR_LOSSES = [pairwise_logistic, pairwise_hinge]


@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_the_wrong_order_costs_more_than_the_right_one(loss):
    gap = torch.tensor([0.5, -2.0])
    assert (loss(gap, gap) < loss(-gap, gap)).all()


@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_equal_targets_cost_nothing(loss):
    assert loss(torch.tensor([3.0, -3.0]), torch.zeros(2)).abs().max() == 0


@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_a_pair_has_no_first(loss):
    scores, targets = torch.randn(20), torch.randn(20)
    torch.testing.assert_close(loss(scores, targets), loss(-scores, -targets))


def test_hinge_is_zero_at_the_targets():
    gap = torch.randn(20)
    assert pairwise_hinge(gap, gap).max() == 0


def test_pairs_are_of_different_items_and_balanced():
    pairs = sample_pairs(7, 5, torch.Generator().manual_seed(0))
    assert pairs.shape == (2, 35)
    assert (pairs[0] != pairs[1]).all()
    assert (torch.bincount(pairs.flatten()) == 10).all()
    assert sample_pairs(1, 5, torch.Generator()).shape == (2, 0)


LOSSES = [RankingLoss(loss) for loss in PAIR_LOSSES] + [RankingLoss(focus=1.0), SquaredLoss(), SquaredLoss(1.0), ListwiseLoss()]


def draws(count: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    targets = torch.randn(count, generator=torch.Generator().manual_seed(1))
    return torch.stack([targets, -targets, torch.zeros(count)]), targets


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_prefer_the_better_member_and_count_each_alone(loss):
    scores, targets = draws()
    both = loss(scores, targets, torch.ones(3, 30), torch.Generator().manual_seed(2))
    assert both[0] < both[2] < both[1]
    alone = loss(scores[1:2], targets, torch.ones(1, 30), torch.Generator().manual_seed(2))
    torch.testing.assert_close(alone, both[1:2])


@pytest.mark.parametrize("loss", LOSSES)
def test_what_weighs_nothing_is_not_seen(loss):
    scores, targets = draws()
    weights = torch.ones(3, 30)
    weights[:, :10] = 0
    before = loss(scores, targets, weights, torch.Generator().manual_seed(2))
    elsewhere = scores.clone()
    elsewhere[:, :10] += 5
    torch.testing.assert_close(loss(elsewhere, targets, weights, torch.Generator().manual_seed(2)), before)
    assert loss(scores, targets, torch.zeros(3, 30), torch.Generator().manual_seed(2)).isfinite().all()


def test_focus_makes_an_error_at_the_top_cost_more_than_one_at_the_bottom():
    targets = torch.tensor([-2.0, 0.0, 2.0])
    scores = targets + torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    plain = SquaredLoss()(scores, targets, torch.ones(2, 3), torch.Generator())
    focused = SquaredLoss(1.0)(scores, targets, torch.ones(2, 3), torch.Generator())
    assert plain[0] == plain[1]
    assert focused[1] > 10 * focused[0]
