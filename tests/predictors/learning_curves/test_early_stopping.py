from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.predictors.learning_curves import (
    CompleteRuns,
    CurvePredictor,
    CurveScale,
    EarlyStopping,
    LastValue,
    LinearRegressor,
    simulate_early_stopping,
)

BUDGETS = torch.arange(1.0, 11.0)
POINTS = (2, 5)
PLAIN = CurveScale(maximise=True)


def noisy(count: int, seed: int, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    """Curves that rise to their final value, seen through noise that fades: (R, 10) and (R,)."""
    rng = torch.Generator().manual_seed(seed)
    final = torch.randn(count, generator=rng).double()
    fading = noise * torch.randn(count, 10, generator=rng) / BUDGETS.sqrt()
    return final[:, None] - 2 / BUDGETS + fading, final


def fitted(curves: Tensor, final: Tensor, regressor=None, scale: CurveScale = PLAIN) -> CurvePredictor:
    predictor = CurvePredictor(scale, POINTS, regressors=[regressor or LastValue()])
    predictor.fit(curves, final)
    return predictor


@pytest.fixture(scope="module")
def predictor():
    return fitted(*noisy(200, seed=0))


def replay(rule: EarlyStopping, curves: Tensor, final: Tensor, separate: bool = False, **options):
    runs = CompleteRuns(curves, final, BUDGETS, separate=separate)
    return simulate_early_stopping(rule, runs, torch.Generator().manual_seed(1), **{"orders": 10, **options})


def test_at_delta_one_nothing_is_stopped_and_nothing_saved(predictor):
    found = replay(EarlyStopping(predictor, delta=1), *noisy(50, seed=1))
    assert (found.saved == 0).all()
    assert (found.stopped == 0).all()
    assert found.kept_best.all()
    assert (found.regret == 0).all()


@pytest.mark.parametrize("scale", [PLAIN, CurveScale(False)], ids=["accuracy", "loss"])
def test_an_oracle_stops_all_but_records_and_keeps_the_best(scale):
    sign = 1 if scale.maximise else -1
    final = sign * torch.randn(100, generator=torch.Generator().manual_seed(0)).double()
    curves = final[:, None] - sign * 2 / BUDGETS
    rule = EarlyStopping(fitted(curves[:50], final[:50], LastValue(), scale))
    found = replay(rule, curves[50:], final[50:], orders=20)
    assert found.kept_best.all()
    assert (found.regret == 0).all()
    records = []
    rng = torch.Generator().manual_seed(1)
    for _ in range(20):
        stream = sign * final[50:][torch.randperm(50, generator=rng)]
        records.append(int(1 + (stream[1:] > stream.cummax(0).values[:-1]).sum()))
    torch.testing.assert_close(found.stopped, 1 - torch.tensor(records).double() / 50)
    torch.testing.assert_close(found.saved, found.stopped * 0.8)  # stopped after 2 of 10 epochs
    assert found.saved.min() > 0.6


def test_a_learned_oracle_keeps_the_best_too():
    curves, final = noisy(100, seed=0, noise=0)
    found = replay(EarlyStopping(fitted(curves, final, LinearRegressor())), *noisy(50, seed=1, noise=0))
    assert found.kept_best.all()
    assert found.saved.min() > 0.6


def test_the_replay_is_the_rule_applied_run_by_run(predictor):
    rule, (curves, final) = EarlyStopping(predictor, delta=0.8), noisy(60, seed=2)
    found = replay(rule, curves, final, orders=3)
    rng = torch.Generator().manual_seed(1)
    for order in range(3):
        best, spent, stopped = -math.inf, 0.0, 0
        for run in torch.randperm(60, generator=rng).tolist():
            end = next((k for k in POINTS if bool(rule.stops(curves[run : run + 1, :k], best))), None)
            spent += 10 if end is None else float(BUDGETS[end - 1])
            stopped += end is not None
            best = max(best, float(final[run])) if end is None else best
        assert float(found.saved[order]) == pytest.approx(1 - spent / 600)
        assert float(found.stopped[order]) == pytest.approx(stopped / 60)
        assert float(found.regret[order]) == pytest.approx(float(final.max()) - best)
        assert bool(found.kept_best[order]) == (best == float(final.max()))
    assert 0 < found.stopped.min()


def test_a_greater_delta_stops_less(predictor):
    curves, final = noisy(200, seed=3)
    saved = [float(replay(EarlyStopping(predictor, delta), curves, final).saved.mean()) for delta in (0.5, 0.8, 0.95)]
    assert saved == sorted(saved, reverse=True)
    assert saved[0] > saved[-1] > 0.2


@pytest.mark.parametrize("delta", [0.7, 0.9])
def test_a_run_that_wins_is_stopped_no_oftener_than_stated(delta):
    """The bound holds for a share delta of new runs, and of new good runs where the residuals are those of good runs."""
    held, good_held = [], []
    for seed in range(20):
        predictor = fitted(*noisy(60, seed=2 * seed, noise=1.0))
        curves, final = noisy(300, seed=2 * seed + 1, noise=1.0)
        good = final > 0  # the better half
        held.append((final <= EarlyStopping(predictor, delta, good=1.0).bounds(curves[:, :2])).double().mean())
        bounds = EarlyStopping(predictor, delta, good=0.5).bounds(curves[:, :2])
        good_held.append((final <= bounds)[good].double().mean())
    for found in (torch.stack(held), torch.stack(good_held)):
        assert float(found.mean()) >= delta - 3 * float(found.std()) / math.sqrt(len(found))
    assert float(torch.stack(held).mean()) < delta + 0.05  # and is no wider than need be


def test_good_runs_are_underrated_so_their_own_residuals_are_wider():
    predictor = fitted(*noisy(300, seed=0, noise=2.0), LinearRegressor())
    assert EarlyStopping(predictor, good=0.25).margin(2) > EarlyStopping(predictor, good=1.0).margin(2)


def test_an_unsure_predictor_stops_nothing(predictor):
    assert math.isfinite(EarlyStopping(predictor).margin(2))
    assert EarlyStopping(predictor, max_error=0.0).margin(2) == math.inf
    error = predictor.relative_error(2)
    assert EarlyStopping(predictor, max_error=error + 1e-9).margin(2) < math.inf
    few = fitted(*noisy(30, seed=0))  # 15 good runs cannot vouch for 95 %
    assert EarlyStopping(few).margin(2) == math.inf
    assert (replay(EarlyStopping(few), *noisy(50, seed=1)).stopped == 0).all()


def test_separate_trainings_are_paid_for_one_by_one(predictor):
    curves, final = noisy(50, seed=1)
    nothing = replay(EarlyStopping(predictor, delta=1), curves, final, separate=True)
    torch.testing.assert_close(nothing.saved, torch.full((10,), -1.5).double())  # 1 + 2 + 3 + 4 + 5 epochs beside each 10
    rule = EarlyStopping(predictor)
    assert (replay(rule, curves, final, separate=True).saved < replay(rule, curves, final).saved).all()


def test_a_best_known_before_saves_more(predictor):
    curves, final = noisy(100, seed=1)
    rule = EarlyStopping(predictor)
    fresh, known = replay(rule, curves, final), replay(rule, curves, final, best=float(final.max()))
    assert (known.saved > fresh.saved).all()
    assert known.kept_best.all()
    assert (known.regret == 0).all()


@pytest.mark.parametrize("options", [{"delta": 0}, {"delta": 1.1}, {"good": 0}, {"good": 2}, {"max_error": -1}], ids=str)
def test_rules_that_cannot_be_are_refused(predictor, options):
    with pytest.raises(InvalidRequest, match="no early stopping"):
        EarlyStopping(predictor, **options)


def test_streams_that_do_not_fit_are_refused(predictor):
    rule, (curves, final) = EarlyStopping(predictor), noisy(20, seed=1)
    rng = torch.Generator()
    for parts in ((curves, final[:-1], BUDGETS), (curves, final, BUDGETS[:-1]), (curves[:, :3], final, BUDGETS[:3])):
        with pytest.raises(InvalidRequest, match="do not fit"):
            simulate_early_stopping(rule, CompleteRuns(*parts), rng)
    with pytest.raises(InvalidRequest):
        simulate_early_stopping(rule, CompleteRuns(curves, final, BUDGETS), rng, orders=0)
    with pytest.raises(InvalidRequest, match="not finite"):
        simulate_early_stopping(rule, CompleteRuns(torch.full_like(curves, torch.nan), final, BUDGETS), rng)
