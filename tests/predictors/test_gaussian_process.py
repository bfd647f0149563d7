"""Laws of the Gaussian process."""

from __future__ import annotations

import pytest
import torch

from nag.predictors.gaussian_process import GaussianProcess, GPPosterior, MarginalLikelihood, Repeats


def _data(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features in two groups and one that the trend is linear in; the first group does not matter."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(count, 6, generator=rng, dtype=torch.float64)
    return x, torch.sin(2 * x[:, 3]) + x[:, 5]


def _fit(count: int = 40) -> tuple[GPPosterior, torch.Tensor, torch.Tensor]:
    x, y = _data(count + 60)
    return GaussianProcess().fit(x[:count], (3, 2), y[:count]), x, y


def test_what_does_not_matter_fades_out() -> None:
    fitted, x, y = _fit()
    assert float(fitted.stretch[0]) < float(fitted.stretch[3])
    found = fitted.predict(x[40:])
    assert float(torch.corrcoef(torch.stack([found.mean, y[40:]]))[0, 1]) > 0.9


def test_the_posterior_is_that_of_the_closed_form() -> None:
    fitted, x, y = _fit(10)
    points, rows = x[:10] * fitted.stretch, x[40:45] * fitted.stretch
    kernel, cross = fitted.covariance(points, points), fitted.covariance(rows, points)
    noisy = kernel + (fitted.noise + 1e-5) * torch.eye(10, dtype=torch.float64)
    mean = fitted.constant + cross @ torch.linalg.solve(noisy, y[:10] - fitted.constant)
    variance = fitted.covariance(rows, rows).diagonal() - (cross @ torch.linalg.solve(noisy, cross.T)).diagonal()
    found = fitted.predict(x[40:45])
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.std.square(), variance)


def test_the_trend_leads_beyond_what_was_seen() -> None:
    fitted, x, _ = _fit()
    far = x[:2].clone()
    far[0, 5], far[1, 5] = 4.0, 8.0
    mean = fitted.predict(far).mean
    assert float(mean[1] - mean[0]) > 2.0


def test_a_fantasy_keeps_means_and_reduces_the_uncertainty_near_by() -> None:
    fitted, x, _ = _fit()
    before, after = fitted.predict(x[40:]), fitted.with_fantasies(x[40:42]).predict(x[40:])
    torch.testing.assert_close(before.mean, after.mean, rtol=0, atol=1e-6)
    assert (after.std <= before.std + 1e-9).all()
    assert (after.std[:2] < 0.9 * before.std[:2]).all()
    assert fitted.with_fantasies(x[:0]) is fitted


def test_single_precision_serves() -> None:
    fitted, x, _ = _fit()
    exact, rounded = fitted.predict(x), fitted.predict(x.float())
    torch.testing.assert_close(rounded.mean, exact.mean, rtol=0, atol=1e-3)
    torch.testing.assert_close(rounded.std, exact.std, rtol=0, atol=1e-2)


@pytest.mark.parametrize("additive", [True, False])
def test_what_is_shared_changes_no_prediction(additive: bool) -> None:
    x, y = _data(60)
    x[:, :5] = x[:, :5].round()
    groups = (3, 2, 0)  # the last one is the same everywhere
    fitted = GaussianProcess(additive=additive).fit(x[:20], groups, y[:20])
    repeats = Repeats.of(x, groups)
    assert len(repeats.rows[1]) < 50
    plain, shared = fitted.predict(x), fitted.predict(x, repeats)
    torch.testing.assert_close(shared.mean, plain.mean)
    torch.testing.assert_close(shared.std, plain.std)


def test_one_label_is_enough() -> None:
    x, y = _data(5)
    found = GaussianProcess().fit(x[:1], (3, 2), y[:1]).predict(x)
    assert found.mean.isfinite().all()
    assert (found.std > 0).all()


@pytest.mark.parametrize("additive", [True, False])
@pytest.mark.parametrize("count", [1, 2, 25])
def test_the_derivatives_of_the_likelihood_are_those_of_its_loss(additive: bool, count: int) -> None:
    x, y = _data(count)
    likelihood = MarginalLikelihood([x[:, :3], x[:, 3:5]], x[:, 5:], y, additive)
    point = likelihood.start + 0.3 * torch.randn(6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    steps = 1e-5 * torch.eye(6, dtype=torch.float64)
    slopes = [(likelihood.loss(point + step) - likelihood.loss(point - step)) / 2e-5 for step in steps]
    torch.testing.assert_close(likelihood.gradient(point), torch.tensor(slopes, dtype=torch.float64), rtol=1e-5, atol=1e-7)


def test_the_likelihood_is_that_of_the_posterior_that_it_chooses() -> None:
    x, y = _data(12)
    fitted = GaussianProcess(steps=0).fit(x, (3, 2), y)
    likelihood = MarginalLikelihood([x[:, :3], x[:, 3:5]], x[:, 5:], y, additive=True)
    covariance = fitted.covariance(fitted.points, fitted.points) + (fitted.noise + 1e-5) * torch.eye(12, dtype=torch.float64)
    zero = torch.zeros(12, dtype=torch.float64)
    density = torch.distributions.MultivariateNormal(zero, covariance).log_prob(y) + 6 * torch.tensor(2 * torch.pi).log()
    assert likelihood.loss(likelihood.start) == pytest.approx(-float(density) / 12, abs=1e-6)


def test_a_fantasy_is_a_label_that_comes_out_as_predicted() -> None:
    fitted, x, y = _fit(10)
    mean = fitted.predict(x[40:42]).mean
    targets, points = torch.cat([y[:10], mean]), torch.cat([fitted.points, x[40:42] * fitted.stretch])
    again = GPPosterior.of(points, fitted.stretch, fitted.covariance, fitted.noise, fitted.constant, targets)
    one, other = again.predict(x[42:]), fitted.with_fantasies(x[40:42]).predict(x[42:])
    torch.testing.assert_close(one.mean, other.mean)
    torch.testing.assert_close(one.std, other.std)
