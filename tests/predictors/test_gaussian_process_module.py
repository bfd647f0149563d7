import torch

from nag.predictors.gaussian_process import GaussianProcessModule


def draw(count: int, seed: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    x = torch.randn(count, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return [x[:, :2], x[:, 2:]], torch.sin(x[:, 0]) + x[:, 1] / 2


def test_fits_a_smooth_function_and_fades_the_group_that_does_not_matter():
    process = GaussianProcessModule()
    groups, targets = draw(150, 0)
    process.fit(groups, targets)
    new, truth = draw(200, 1)
    found = process(new)
    assert (found.mean - truth).square().mean() < 0.02
    assert (found.std > 0).all()
    assert process.noise < 0.05
    assert process.scale[0] > 3 * process.scale[2]


def test_variance_grows_away_from_the_labels():
    process = GaussianProcessModule()
    groups, targets = draw(60, 0)
    process.fit(groups, targets)
    near, far = process(groups).std, process([group + 20 for group in groups]).std
    assert near.max() < far.min()
    torch.testing.assert_close(far.mean().square(), process.amplitude, rtol=0.01, atol=0)


def test_features_that_never_vary_change_nothing():
    groups, targets = draw(40, 0)
    plain, padded = GaussianProcessModule(), GaussianProcessModule()
    plain.fit(groups, targets)
    constant = torch.ones(40, 1, dtype=torch.float64)
    padded.fit([torch.cat([groups[0], constant], 1), groups[1]], targets)
    torch.testing.assert_close(plain(groups).mean, padded([torch.cat([groups[0], 9 * constant], 1), groups[1]]).mean)


def test_more_labels_than_allowed_still_fit():
    process = GaussianProcessModule(max_points=50, max_points_hyper=30)
    groups, targets = draw(80, 0)
    process.fit(groups, targets)
    assert process.points.shape == (50, 5)
    assert len(process(groups)) == 80
