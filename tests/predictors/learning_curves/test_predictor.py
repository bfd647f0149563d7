from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.predictors.learning_curves import (
    CurvePredictor,
    CurveScale,
    GainRegressor,
    LastValue,
    LinearRegressor,
    ProcessRegressor,
    SupportVectors,
    curve_blocks,
)
from nag.tasks import split_by_class
from nag.tasks.benchmarks.nas_bench_nlp import read_nas_bench_nlp
from nag.tasks.benchmarks.nasbench101_budgets import read_nasbench101_budgets

LOSS = CurveScale(maximise=False, perfect=0.0)
POINTS = (3, 8, 15)
REGRESSORS = [
    LastValue(),
    LinearRegressor(),
    ProcessRegressor(steps=20),
    SupportVectors(trials=8),
    GainRegressor(SupportVectors(trials=8)),
]


@dataclass(frozen=True)
class Runs:
    curves: Tensor
    final: Tensor
    features: Tensor


def power_laws(count: int, seed: int = 0, noise: float = 0.01) -> Runs:
    """Losses c + a t^-b over 20 epochs; the features are c with some noise, and noise."""
    rng = torch.Generator().manual_seed(seed)
    c, a, b = (low + (high - low) * torch.rand(count, 1, generator=rng).double() for low, high in ((1, 3), (1, 4), (0.3, 1.2)))
    jitter = 1 + noise * torch.randn(count, 21, generator=rng).double()
    loss = (c + a * torch.arange(1.0, 22.0) ** -b) * jitter
    hints = torch.cat([c + 0.3 * torch.randn(count, 1, generator=rng), torch.randn(count, 1, generator=rng)], 1)
    return Runs(loss[:, :20], loss[:, 20], hints.double())


def fitted(runs: Runs, points=POINTS, **options) -> CurvePredictor:
    predictor = CurvePredictor(LOSS, points, **{"regressors": REGRESSORS, **options})
    predictor.fit(runs.curves, runs.final, runs.features)
    return predictor


@pytest.fixture(scope="module")
def predictor():
    return fitted(power_laws(80))


def test_predictions_beat_the_last_value_seen(predictor):
    test = power_laws(200, seed=1)
    for seen in POINTS:
        found = predictor.predict(test.curves[:, :seen], test.features)
        last = test.curves[:, seen - 1]
        errors = [(guess - test.final).abs().mean() for guess in (found.mean, last, last + (test.final - last).median())]
        assert errors[0] < 0.9 * errors[1]
        assert errors[0] < 0.9 * errors[2]
        assert spearmanr(found.mean, test.final).statistic > spearmanr(last, test.final).statistic


def test_more_epochs_are_surer_and_the_spread_is_honest(predictor):
    test = power_laws(400, seed=1)
    stds = []
    for seen in POINTS:
        found = predictor.predict(test.curves[:, :seen], test.features)
        stds.append(float(found.std.mean()))
        inside = ((test.final - found.mean).abs() <= found.std).double().mean()
        assert 0.5 < inside < 0.9  # 0.68 of a normal error
    assert stds == sorted(stds, reverse=True)
    assert stds[-1] < 0.5 * stds[0]
    assert predictor.relative_error(15) < predictor.relative_error(3) < 1


@pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda regressor: type(regressor).__name__)
def test_regressors_predict_what_they_have_not_seen(regressor):
    runs, test = power_laws(60), power_laws(60, seed=1)
    predictor = fitted(runs, (8,), regressors=[regressor])
    whole = predictor.predict(test.curves[:, :8], test.features)
    one = predictor.predict(test.curves[3:4, :8], test.features[3:4])
    assert (whole.mean - test.final).abs().mean() < 0.5 * (test.final - runs.final.mean()).abs().mean()
    torch.testing.assert_close(one.mean, whole.mean[3:4])  # no run helps to predict another
    ratio = predictor.spread(8) / (LOSS.forward(test.final) - LOSS.forward(whole.mean)).square().mean().sqrt()
    assert 0.5 < ratio < 2  # held-out errors are of the size of those on new runs


def test_the_regressor_of_the_least_held_out_error_is_chosen(predictor):
    runs = power_laws(80)
    for regressor in REGRESSORS[:2]:
        alone = fitted(runs, regressors=[regressor])
        for seen in POINTS:
            assert predictor.residuals(seen).abs().mean() <= alone.residuals(seen).abs().mean() + 1e-12
    assert not isinstance(predictor.chosen(3), LastValue)


def test_without_features_the_curve_is_what_is_left():
    runs, test = power_laws(80), power_laws(100, seed=1)
    blind = CurvePredictor(LOSS, (3,), regressors=[ProcessRegressor(steps=20)])
    blind.fit(runs.curves, runs.final)
    found = blind.predict(test.curves[:, :3]).mean
    seeing = fitted(runs, (3,), regressors=[ProcessRegressor(steps=20)]).predict(test.curves[:, :3], test.features).mean
    assert (seeing - test.final).abs().mean() < (found - test.final).abs().mean()


def test_the_same_seed_gives_the_same_bits():
    runs = power_laws(40)
    found = [fitted(runs, (8,), seed=3).predict(runs.curves[:, :8], runs.features) for _ in range(2)]
    assert torch.equal(found[0].mean, found[1].mean)
    assert torch.equal(found[0].std, found[1].std)


def test_runs_of_one_architecture_are_never_parted():
    rng = torch.Generator().manual_seed(0)
    groups = torch.arange(30).repeat(4)
    features = torch.randn(30, 3, generator=rng).double()[groups]
    final = 2 + torch.rand(30, generator=rng).double()[groups]  # the architecture tells nothing that carries over
    curves = torch.ones(120, 2).double()
    errors = []
    for known in (groups, None):
        predictor = CurvePredictor(LOSS, (2,), regressors=[ProcessRegressor(steps=20)])
        predictor.fit(curves, final, features, known)
        errors.append(predictor.relative_error(2))
    assert errors[0] > 0.9
    assert errors[1] < 0.5  # what looks like knowledge is a twin in another fold


@pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda regressor: type(regressor).__name__)
def test_few_runs_that_end_alike_are_no_fault(regressor):
    predictor = CurvePredictor(LOSS, (1, 2), regressors=[regressor])
    predictor.fit(torch.ones(5, 2), torch.full((5,), 2.0), torch.zeros(5, 1))
    for seen in (1, 2):
        found = predictor.predict(torch.ones(3, seen), torch.zeros(3, 1))
        torch.testing.assert_close(found.mean, torch.full((3,), 2.0).double(), rtol=1e-3, atol=1e-3)
        assert (found.std >= 0).all()


def test_a_gain_leaves_a_run_its_lead():
    runs = power_laws(80)
    ahead = power_laws(50, seed=2)
    curves = 0.3 * ahead.curves[:, :8]  # far better than any training run
    for regressor, keeps in ((SupportVectors(trials=8), False), (GainRegressor(SupportVectors(trials=8)), True)):
        predictor = CurvePredictor(LOSS, (8,), regressors=[regressor])
        predictor.fit(runs.curves, runs.final)
        leads = (predictor.predict(curves).mean < runs.final.min()).double().mean()
        assert (leads > 0.9) == keeps


@pytest.mark.parametrize(
    "scale",
    [LOSS, CurveScale(True, 1.0), CurveScale(True, 100.0, 0.01), CurveScale(False), CurveScale(True)],
    ids=str,
)
def test_a_scale_can_be_undone_and_more_is_better(scale):
    values = torch.linspace(0.0, 1.0, 11, dtype=torch.float64)
    scaled = scale.forward(values)
    torch.testing.assert_close(scale.backward(scaled), values)
    assert ((scaled.diff() > 0) == scale.maximise).all()


def test_what_beats_perfection_is_refused():
    with pytest.raises(InvalidRequest, match="beats 1"):
        CurveScale(True, 1.0).forward(torch.tensor([0.5, 1.5]))
    with pytest.raises(InvalidRequest, match="resolution"):
        CurveScale(True, 1.0, resolution=0)


def test_accuracies_are_losses_turned_round():
    runs = power_laws(60)
    accuracies = Runs(1 - runs.curves / 10, 1 - runs.final / 10, runs.features)
    errors = []
    for one, scale in ((runs, CurveScale(False, 0.0, 1e-3)), (accuracies, CurveScale(True, 1.0, 1e-4))):
        predictor = CurvePredictor(scale, (8,), regressors=[SupportVectors(trials=8)])
        predictor.fit(one.curves, one.final, one.features)
        found = predictor.predict(one.curves[:, :8], one.features)
        assert (found.std > 0).all()
        errors.append((found.mean - one.final).abs().mean())
    torch.testing.assert_close(10 * errors[1], errors[0], rtol=0.01, atol=0)


def test_blocks_hold_the_curve_its_differences_and_the_features():
    curves = torch.tensor([[4.0, 2.0, 1.0]])
    blocks = curve_blocks(curves, torch.tensor([[7.0]]))
    assert [block.tolist() for block in blocks] == [[[1.0]], [[4.0, 2.0, 1.0]], [[-2.0, -1.0, 1.0]], [[7.0]]]
    assert [block.shape[1] for block in curve_blocks(curves[:, :1], None)] == [1, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"curves": torch.full((20, 5), torch.nan)},
        {"curves": torch.ones(20, 2)},
        {"curves": torch.ones(5)},
        {"curves": torch.ones(0, 5), "final": torch.ones(0)},
        {"final": torch.full((20,), torch.inf)},
        {"final": torch.ones(19)},
        {"features": torch.ones(19, 2)},
        {"features": torch.full((20, 2), torch.nan)},
        {"groups": torch.zeros(19, dtype=torch.int64)},
        {"groups": torch.zeros(20, dtype=torch.int64)},
    ],
    ids=lambda change: "-".join(change),
)
def test_runs_that_cannot_be_learned_from_are_refused(change):
    predictor = CurvePredictor(LOSS, (3,), regressors=[LastValue()])
    with pytest.raises(InvalidRequest):
        predictor.fit(**{"curves": torch.ones(20, 5), "final": torch.ones(20), **change})


def test_runs_that_cannot_be_predicted_are_refused(predictor):
    runs = power_laws(5)
    with pytest.raises(InvalidRequest, match="not been fitted"):
        CurvePredictor(LOSS, (3,)).predict(runs.curves[:, :3])
    with pytest.raises(InvalidRequest, match="first 3, 8, 15"):
        predictor.predict(runs.curves[:, :4], runs.features)
    with pytest.raises(InvalidRequest, match="not finite"):
        predictor.predict(torch.full((5, 3), torch.nan), runs.features)
    for features in (None, runs.features[:, :1], runs.features[:3]):
        with pytest.raises(InvalidRequest, match="features"):
            predictor.predict(runs.curves[:, :3], features)


@pytest.mark.parametrize(
    "options",
    [{"points": ()}, {"points": (0, 2)}, {"points": (2,), "regressors": ()}, {"points": (2,), "folds": 1}],
    ids=str,
)
def test_predictors_that_cannot_be_are_refused(options):
    with pytest.raises(InvalidRequest, match="no curve predictor"):
        CurvePredictor(LOSS, **options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SupportVectors(trials=0),
        lambda: SupportVectors(max_rows=5),
        lambda: ProcessRegressor(0),
        lambda: GainRegressor(LastValue(), 1),
    ],
)
def test_regressors_that_cannot_be_are_refused(make):
    with pytest.raises(InvalidRequest):
        make()


@pytest.mark.data
@pytest.mark.parametrize(("read", "seen"), [(read_nas_bench_nlp, 5), (read_nasbench101_budgets, 2)])
def test_real_curves_are_predicted_better_than_by_their_last_value(read, seen):
    table = read()
    split = split_by_class(table.groups, fraction=0.5, seed=0)
    train, test = ((table.take(rows)) for rows in (split.train, split.test))
    predictor = CurvePredictor(
        CurveScale(table.maximise, table.perfect), (seen,), regressors=[GainRegressor(SupportVectors(trials=12, max_rows=200))]
    )
    predictor.fit(*(torch.from_numpy(part) for part in (train.values, train.final, train.features, train.groups)))
    found = predictor.predict(torch.from_numpy(test.values[:, :seen]), torch.from_numpy(test.features)).mean.numpy()
    last = test.values[:, seen - 1]
    assert abs(found - test.final).mean() < 0.5 * abs(last - test.final).mean()
    assert spearmanr(found, test.final).statistic > spearmanr(last, test.final).statistic + 0.02
