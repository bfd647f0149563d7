"""Laws of the Gaussian process that searches fit anew for each query."""

from __future__ import annotations

import pytest
import torch

from nag.search.marginal_likelihood import Evidence
from nag.search.process import FittedProcess, Repeats, SearchProcess


def _data(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features in two groups and one that the trend is linear in; the first group does not matter."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(count, 6, generator=rng, dtype=torch.float64)
    return x, torch.sin(2 * x[:, 3]) + x[:, 5]


def _fit(count: int = 40) -> tuple[FittedProcess, torch.Tensor, torch.Tensor]:
    x, y = _data(count + 60)
    return SearchProcess().fit(x[:count], (3, 2), 1, y[:count]), x, y


def test_what_does_not_matter_fades_out() -> None:
    fitted, x, y = _fit()
    assert float(fitted.stretch[0]) < float(fitted.stretch[3])
    belief = fitted.predict(x[40:])
    assert float(torch.corrcoef(torch.stack([belief.mean, y[40:]]))[0, 1]) > 0.9


def test_the_posterior_is_that_of_the_closed_form() -> None:
    fitted, x, _ = _fit(10)
    points, rows = x[:10] * fitted.stretch, x[40:45] * fitted.stretch
    kernel, cross = fitted._covariance(points, points), fitted._covariance(rows, points)
    noisy = kernel + (fitted.noise + 1e-5) * torch.eye(10, dtype=torch.float64)
    mean = fitted.constant + cross @ torch.linalg.solve(noisy, fitted.targets - fitted.constant)
    variance = fitted._covariance(rows, rows).diagonal() - (cross @ torch.linalg.solve(noisy, cross.T)).diagonal()
    belief = fitted.predict(x[40:45])
    torch.testing.assert_close(belief.mean, mean)
    torch.testing.assert_close(belief.std.square(), variance)


def test_the_trend_leads_beyond_what_was_seen() -> None:
    fitted, x, _ = _fit()
    far = x[:2].clone()
    far[0, 5], far[1, 5] = 4.0, 8.0
    mean = fitted.predict(far).mean
    assert float(mean[1] - mean[0]) > 2.0


def test_a_fantasy_leaves_means_and_takes_away_doubt_near_by() -> None:
    fitted, x, _ = _fit()
    before, after = fitted.predict(x[40:]), fitted.believing(x[40:42]).predict(x[40:])
    torch.testing.assert_close(before.mean, after.mean, rtol=0, atol=1e-6)
    assert (after.std <= before.std + 1e-9).all()
    assert (after.std[:2] < 0.9 * before.std[:2]).all()
    assert fitted.believing(x[:0]) is fitted


def test_single_precision_serves() -> None:
    fitted, x, _ = _fit()
    exact, rounded = fitted.predict(x), fitted.predict(x.float())
    torch.testing.assert_close(rounded.mean, exact.mean, rtol=0, atol=1e-3)
    torch.testing.assert_close(rounded.std, exact.std, rtol=0, atol=1e-2)


@pytest.mark.parametrize("additive", [True, False])
def test_what_is_shared_changes_no_belief(additive: bool) -> None:
    x, y = _data(60)
    x[:, :5] = x[:, :5].round()
    groups = (3, 2, 0)  # the last one is the same everywhere
    fitted = SearchProcess(additive=additive).fit(x[:20], groups, 1, y[:20])
    repeats = Repeats.of(x, groups)
    assert len(repeats.rows[1]) < 50
    plain, shared = fitted.predict(x), fitted.predict(x, repeats)
    torch.testing.assert_close(shared.mean, plain.mean)
    torch.testing.assert_close(shared.std, plain.std)


def test_one_label_is_enough() -> None:
    x, y = _data(5)
    belief = SearchProcess().fit(x[:1], (3, 2), 1, y[:1]).predict(x)
    assert belief.mean.isfinite().all()
    assert (belief.std > 0).all()


@pytest.mark.parametrize("additive", [True, False])
@pytest.mark.parametrize("count", [1, 2, 25])
def test_the_derivatives_of_the_evidence_are_those_of_its_loss(additive: bool, count: int) -> None:
    x, y = _data(count)
    evidence = Evidence([x[:, :3], x[:, 3:5]], x[:, 5:], y, additive)
    point = evidence.start + 0.3 * torch.randn(6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    steps = 1e-5 * torch.eye(6, dtype=torch.float64)
    slopes = [(evidence.loss(point + step) - evidence.loss(point - step)) / 2e-5 for step in steps]
    torch.testing.assert_close(evidence.gradient(point), torch.tensor(slopes, dtype=torch.float64), rtol=1e-5, atol=1e-7)


def test_the_evidence_is_that_of_the_posterior_that_it_chooses() -> None:
    x, y = _data(12)
    fitted = SearchProcess(steps=0).fit(x, (3, 2), 1, y)
    evidence = Evidence([x[:, :3], x[:, 3:5]], x[:, 5:], y, additive=True)
    covariance = fitted._covariance(fitted.points, fitted.points) + (fitted.noise + 1e-5) * torch.eye(12, dtype=torch.float64)
    zero = torch.zeros(12, dtype=torch.float64)
    density = torch.distributions.MultivariateNormal(zero, covariance).log_prob(y) + 6 * torch.tensor(2 * torch.pi).log()
    assert evidence.loss(evidence.start) == pytest.approx(-float(density) / 12, abs=1e-6)
