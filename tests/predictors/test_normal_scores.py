import torch

from nag.predictors.normal_scores import NormalScores


def test_scores_are_ranks_whatever_the_scale_and_lead_back_to_the_targets():
    targets = torch.tensor([10.0, 93.0, 94.0, 91.0, 91.0], dtype=torch.float64)
    normal = NormalScores()
    scores = normal.fit(targets)
    assert scores.argsort(stable=True).tolist() == targets.argsort(stable=True).tolist()
    assert scores[3] == scores[4]
    torch.testing.assert_close(normal.to_targets(scores), targets)
    torch.testing.assert_close(NormalScores().fit(targets.exp()), scores)


def test_scores_are_close_to_standard_normal():
    scores = NormalScores().fit(torch.rand(1000, generator=torch.Generator().manual_seed(0)))
    assert abs(scores.mean()) < 0.01
    assert abs(scores.std() - 1) < 0.02


def test_the_way_back_increases_everywhere():
    normal = NormalScores()
    normal.fit(torch.randn(50, generator=torch.Generator().manual_seed(0)) ** 3)
    grid = torch.linspace(-6, 6, 2001, dtype=torch.float64)
    assert (normal.to_targets(grid).diff() > 0).all()
    assert (normal.spread_to_targets(grid, torch.ones_like(grid)) > 0).all()
    normal.fit(torch.ones(4))
    assert (normal.to_targets(grid).diff() > 0).all()
