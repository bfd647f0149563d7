"""Laws of acquisition functions."""

from __future__ import annotations

import math

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.predictors import Prediction
from nag.search.acquisition import ExpectedImprovement, Thompson, UpperConfidence, expected_log_improvement


def _rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_expected_improvement_is_that_of_simulated_outcomes() -> None:
    mean, std = (
        torch.tensor([-1.0, 0.0, 0.3, 2.0], dtype=torch.float64),
        torch.tensor([0.5, 1.0, 2.0, 0.1], dtype=torch.float64),
    )
    outcomes = mean + std * torch.randn(400_000, 4, generator=_rng(), dtype=torch.float64)
    simulated = (outcomes - 0.2).clamp(min=0).mean(0)
    torch.testing.assert_close(expected_log_improvement(Prediction(mean, std), 0.2).exp(), simulated, rtol=0.03, atol=1e-4)


def test_hopeless_candidates_are_still_told_apart() -> None:
    mean = -torch.tensor([1.0, 10.0, 1e2, 1e3, 1e5, 1e7], dtype=torch.float64)
    worth = expected_log_improvement(Prediction(mean, torch.ones(6, dtype=torch.float64)), 0.0)
    assert worth.isfinite().all()
    assert (worth.diff() < 0).all()


def test_expected_improvement_goes_on_smoothly_where_its_formula_changes() -> None:
    z = torch.tensor([-1 - 1e-7, -1 + 1e-7, -1e4 - 1e-3, -1e4 + 1e-3], dtype=torch.float64)
    worth = expected_log_improvement(Prediction(z, torch.ones(4, dtype=torch.float64)), 0.0)
    torch.testing.assert_close(worth[0], worth[1], rtol=0, atol=1e-6)
    torch.testing.assert_close(worth[2], worth[3], rtol=1e-6, atol=0)


def test_more_mean_and_more_spread_are_worth_more() -> None:
    for acquisition in (ExpectedImprovement(), UpperConfidence(1.0)):
        better = acquisition(Prediction(torch.tensor([0.0, 0.5]), torch.tensor([1.0, 1.0])), 1.0, _rng())
        wider = acquisition(Prediction(torch.tensor([0.0, 0.0]), torch.tensor([0.5, 1.0])), 1.0, _rng())
        assert better[1] > better[0]
        assert wider[1] > wider[0]


def test_thompson_draws_have_the_believed_law() -> None:
    draws = Thompson()(Prediction(torch.full((50_000,), 2.0), torch.full((50_000,), 0.5)), 0.0, _rng())
    assert math.isclose(float(draws.mean()), 2.0, abs_tol=0.02)
    assert math.isclose(float(draws.std()), 0.5, abs_tol=0.02)


def test_nothing_improves_on_what_is_not_finite() -> None:
    with pytest.raises(InvalidRequest):
        expected_log_improvement(Prediction(torch.zeros(1), torch.ones(1)), math.inf)
