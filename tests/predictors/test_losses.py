import pytest
import torch

from nag.predictors.losses import RankingLoss, pairwise_hinge, pairwise_logistic, sample_pairs

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


@pytest.mark.parametrize("pairwise", PAIR_LOSSES)
def test_ranking_loss_prefers_the_better_member_and_counts_each_alone(pairwise):
    targets = torch.randn(30, generator=torch.Generator().manual_seed(1))
    scores = torch.stack([targets, -targets, torch.zeros(30)])
    loss = RankingLoss(pairwise)
    both = loss(scores, targets, torch.Generator().manual_seed(2))
    assert both[0] < both[2] < both[1]
    alone = loss(scores[1:2], targets, torch.Generator().manual_seed(2))
    torch.testing.assert_close(alone, both[1:2])
