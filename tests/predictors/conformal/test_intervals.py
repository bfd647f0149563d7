import math

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.predictors import ConformalIntervals, CrossConformalIntervals, Prediction


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def measured(count: int, rng: torch.Generator) -> tuple[Prediction, torch.Tensor]:
    """A predictor with an offset and an understated spread that is only roughly right, of labels with heavy tails."""
    mean, std, noise, wrong = torch.randn(4, count, generator=rng, dtype=torch.float64)
    std, noise = std.exp(), noise / wrong.abs()
    return Prediction(mean, std), mean + 0.5 + 2 * std.sqrt() * noise


def covered(bounds: tuple[torch.Tensor, torch.Tensor], true: torch.Tensor) -> float:
    return float(((bounds[0] <= true) & (true <= bounds[1])).double().mean())


@pytest.mark.parametrize(("labels", "coverage"), [(19, 0.9), (50, 0.8), (9, 0.55)])
def test_intervals_cover_the_share_they_promise(labels, coverage):
    rng, shares = generator(), []
    for _ in range(1000):
        calibrated = ConformalIntervals.calibrate(*measured(labels, rng))
        prediction, true = measured(20, rng)
        shares.append(covered(calibrated.interval(prediction, coverage), true))
    exact = math.ceil(round((labels + 1) * coverage, 6)) / (labels + 1)
    error = float(torch.tensor(shares).std()) / len(shares) ** 0.5
    assert abs(sum(shares) / len(shares) - exact) < 3 * error
    assert 3 * error < 0.02


def test_intervals_are_centred_and_as_wide_as_the_deviation_says():
    calibrated = ConformalIntervals.calibrate(*measured(100, generator()))
    mean, std = torch.tensor([1.0, 1.0, -3.0]), torch.tensor([0.5, 1.0, 2.0])
    lower, upper = calibrated.interval(Prediction(mean, std), 0.9)
    assert lower.dtype == torch.float64
    torch.testing.assert_close((lower + upper) / 2, mean.double())
    torch.testing.assert_close((upper - lower) / std, ((upper - lower) / std)[:1].expand(3))


def test_more_coverage_is_a_wider_interval_and_too_much_an_infinite_one():
    calibrated = ConformalIntervals.calibrate(*measured(19, generator()))
    prediction, _ = measured(5, generator(1))
    widths = []
    for coverage in (0.001, 0.3, 0.7, 0.9, 0.95, 0.96):
        lower, upper = calibrated.interval(prediction, coverage)
        widths.append(upper - lower)
    assert (torch.stack(widths).diff(dim=0)[:-1] > 0).all()
    assert torch.isfinite(widths[-2]).all()
    assert torch.isinf(widths[-1]).all()


def test_the_order_of_labels_does_not_matter():
    prediction, true = measured(30, generator())
    order = torch.randperm(30, generator=generator(1))
    shuffled = ConformalIntervals.calibrate(Prediction(prediction.mean[order], prediction.std[order]), true[order])
    assert torch.equal(shuffled.residuals, ConformalIntervals.calibrate(prediction, true).residuals)


def line(x: torch.Tensor, y: torch.Tensor, at: torch.Tensor) -> Prediction:
    """Least squares with hardly more labels than coefficients: badly unstable."""
    weights = torch.linalg.lstsq(x, y[:, None]).solution[:, 0]
    return Prediction(at @ weights, 0.1 + at.norm(dim=1))


def test_intervals_of_folds_cover_what_barber_et_al_promise():
    rng, labels, folds, coverage = generator(), 20, 4, 0.8
    shares, fold = [], torch.arange(labels) % folds
    for _ in range(500):
        x = torch.randn(labels + 10, 14, generator=rng, dtype=torch.float64)
        y = x.sum(1) + torch.randn(labels + 10, generator=rng, dtype=torch.float64)
        (x, new), (y, true) = x.split([labels, 10]), y.split([labels, 10])
        held_out = Prediction(torch.zeros(labels).double(), torch.zeros(labels).double())
        for f in range(folds):
            out = fold == f
            told = line(x[~out], y[~out], x[out])
            held_out.mean[out], held_out.std[out] = told.mean, told.std
        predictions = [line(x[fold != f], y[fold != f], new) for f in range(folds)]
        calibrated = CrossConformalIntervals.calibrate(held_out, y, fold)
        shares.append(covered(calibrated.interval(predictions, coverage), true))
    error = float(torch.tensor(shares).std()) / len(shares) ** 0.5
    assert sum(shares) / len(shares) > 2 * coverage - 1 - (2 / labels) ** 0.5 - 3 * error
    assert sum(shares) / len(shares) > coverage - 3 * error  # in practice


def test_intervals_of_folds_that_agree_are_split_conformal_ones():
    prediction, true = measured(40, generator())
    new, _ = measured(7, generator(1))
    split = ConformalIntervals.calibrate(prediction, true)
    folds = CrossConformalIntervals.calibrate(prediction, true, torch.arange(40) % 5)
    for coverage in (0.05, 0.5, 0.9, 0.99):
        torch.testing.assert_close(folds.interval([new] * 5, coverage), split.interval(new, coverage))


def test_each_mistake_is_named_in_one_line():
    prediction, true = measured(10, generator())
    calibrated = ConformalIntervals.calibrate(prediction, true)
    folds = CrossConformalIntervals.calibrate(prediction, true, torch.arange(10) % 2)
    exact = Prediction(prediction.mean, torch.zeros(10))
    mistakes = [
        *(lambda c=c: calibrated.interval(prediction, c) for c in (0.0, 1.0, -0.1, math.nan)),
        lambda: folds.interval([prediction] * 2, 1.0),
        lambda: folds.interval([prediction], 0.9),
        lambda: folds.interval([], 0.9),
        lambda: calibrated.interval(exact, 0.9),
        lambda: ConformalIntervals.calibrate(exact, true),
        lambda: ConformalIntervals.calibrate(prediction, true[:9]),
        lambda: ConformalIntervals.calibrate(prediction, true / 0),
        lambda: CrossConformalIntervals.calibrate(prediction, true, torch.arange(9)),
        lambda: CrossConformalIntervals.calibrate(prediction, true, torch.arange(10) - 1),
    ]
    for mistake in mistakes:
        with pytest.raises(InvalidRequest) as caught:
            mistake()
        assert "\n" not in str(caught.value)
