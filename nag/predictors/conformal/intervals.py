"""Prediction intervals that cover a stated share of new labels, whatever the predictor (conformal prediction)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import ProperFraction
from nag.core.signatures import conform_value
from nag.predictors.base import Prediction

__all__ = ["ConformalIntervals", "CrossConformalIntervals"]


@dataclass(frozen=True)
class ConformalIntervals:
    """Intervals `mean +- quantile * std` that cover new labels with a stated probability (split conformal prediction).

    The quantile is that of rank ceil((n + 1) * coverage) of the calibration labels' residuals |y - mean| / std (Papadopoulos
    et al. 2008; Lei et al. 2018, sec. 5.2). A label that is exchangeable with the n calibration labels lies in its interval
    with a probability of at least `coverage`, and of at most `coverage + 1 / (n + 1)` where residuals have no ties, if the
    predictor saw neither. That is an average over architectures and over calibration labels: architectures that a search
    singled out are not exchangeable with random ones.

    Held-out predictions of folds may calibrate too, so that no label is lost to the fit. Around a predictor that was then
    fitted to all labels the intervals cover about as much if a fold's labels more hardly change what it says, but for an
    unstable predictor nothing is certain; `CrossConformalIntervals` keeps about 1 - 2a, where `coverage` is 1 - a, for every
    predictor (Barber et al. 2021).

    Args:
        residuals: (n,) float64, ascending, in standard deviations.

    Example:
        >>> import torch
        >>> from nag.predictors import ConformalIntervals, Prediction
        >>> true, predicted = torch.linspace(0, 1, 50), Prediction(torch.linspace(0, 1, 50) + 0.1, torch.full((50,), 0.1))
        >>> intervals = ConformalIntervals.calibrate(predicted, true)
        >>> low, high = intervals.interval(Prediction(torch.tensor([0.5]), torch.tensor([0.1])), coverage=0.9)
        >>> low, high
        (tensor([0.4000], dtype=torch.float64), tensor([0.6000], dtype=torch.float64))
    """

    residuals: Tensor

    @classmethod
    def calibrate(cls, prediction: Prediction, true: Tensor) -> ConformalIntervals:
        """Fits the distances of labels from their predictions.

        Args:
            prediction: Predictions of n labels by a predictor that was not fitted to them.
            true: (n,) float, the labels.

        Raises:
            InvalidRequest: Not one finite label for each prediction, means that are not finite, or deviations that are not
                positive.
        """
        return cls(_residuals(prediction, true).sort().values)

    def interval(self, prediction: Prediction, coverage: float) -> tuple[Tensor, Tensor]:
        """Bounds of B labels, in their unit.

        Args:
            prediction: Predictions for B architectures.
            coverage: Probability, above 0 and below 1, that an interval holds its label.

        Returns:
            The lower and the upper bounds, (B,) float64 each; infinite where there are fewer than coverage / (1 - coverage)
            calibration labels, as then no finite bound is certain enough.

        Raises:
            InvalidRequest: `coverage` is out of range, or the prediction is not finite or has a deviation that is not positive.
        """
        rank = _rank(len(self.residuals), coverage)
        mean, std = _moments(prediction)
        if rank > len(self.residuals):
            return _everything(mean)
        reach = self.residuals[rank - 1].to(mean.device) * std
        return mean - reach, mean + reach


@dataclass(frozen=True)
class CrossConformalIntervals:
    """Intervals from folds, each label held out by one of them (CV+; Barber et al. 2021).

    Label i of fold f says that a new label lies within `mean_f +- residual_i * std_f`, where predictor f did not see fold f.
    The bounds are order statistics of the n ends, as far from the middle as those of `ConformalIntervals` are. For labels
    exchangeable with the new one and folds of equal size it holds its label with a probability of at least
    1 - 2a - sqrt(2 / n), where `coverage` is 1 - a (Theorem 4), and at least 1 - 2a where each label is a fold of its own
    (jackknife+, Theorem 1); in practice with about 1 - a. Both are shown for |y - mean|, but the argument compares no more
    than how ill each of two labels fits a predictor that saw neither, so that residuals in standard deviations do as well.

    Args:
        residuals: (n,) float64, in standard deviations of the predictor that held the label out.
        fold: (n,) int64, which predictor that was, from 0.

    Example:
        >>> import torch
        >>> from nag.predictors import CrossConformalIntervals, Prediction
        >>> true, held_out = torch.linspace(0, 1, 50), Prediction(torch.linspace(0, 1, 50) + 0.1, torch.full((50,), 0.1))
        >>> intervals = CrossConformalIntervals.calibrate(held_out, true, fold=torch.arange(50) % 2)
        >>> of_fold = Prediction(torch.tensor([0.5]), torch.tensor([0.1]))
        >>> low, high = intervals.interval([of_fold, of_fold], coverage=0.9)
        >>> low, high
        (tensor([0.4000], dtype=torch.float64), tensor([0.6000], dtype=torch.float64))
    """

    residuals: Tensor
    fold: Tensor

    @classmethod
    def calibrate(cls, held_out: Prediction, true: Tensor, fold: Tensor) -> CrossConformalIntervals:
        """Fits the distances of labels from their held-out predictions.

        Args:
            held_out: Prediction of each of n labels by the predictor of its fold, which was not fitted to it.
            true: (n,) float, the labels.
            fold: (n,) integers from 0, the fold that held each out.

        Raises:
            InvalidRequest: As for `ConformalIntervals.calibrate`, or not one fold for each label.
        """
        residuals = _residuals(held_out, true)
        if fold.shape != residuals.shape or fold.is_floating_point() or bool((fold < 0).any()):
            raise InvalidRequest("the folds do not fit the labels", "Pass one fold for each label, counted from 0.")
        return cls(residuals, fold.long().to(residuals.device))

    def interval(self, predictions: Sequence[Prediction], coverage: float) -> tuple[Tensor, Tensor]:
        """Bounds of B labels, in their unit. Takes memory for n * B numbers.

        Args:
            predictions: Predictions of each fold's predictor for the same B architectures, in the order of folds.
            coverage: Above 0 and below 1; see the class for the probability that follows.

        Returns:
            The lower and the upper bounds, (B,) float64 each; infinite where there are fewer than coverage / (1 - coverage)
            labels.

        Raises:
            InvalidRequest: `coverage` is out of range, a fold has no prediction, or one is not as for `ConformalIntervals`.
        """
        count = len(self.residuals)
        rank = _rank(count, coverage)
        if not predictions or (count and int(self.fold.max()) >= len(predictions)):
            raise InvalidRequest(f"there are {len(predictions)} predictions, fewer than folds", "Pass one for each fold.")
        means, stds = zip(*map(_moments, predictions), strict=True)
        if rank > count:
            return _everything(means[0])
        fold = self.fold.to(means[0].device)
        mean, reach = torch.stack(means)[fold], torch.stack(stds)[fold] * self.residuals.to(means[0].device)[:, None]
        return (mean - reach).kthvalue(count + 1 - rank, 0).values, (mean + reach).kthvalue(rank, 0).values


def _moments(prediction: Prediction) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of a measurement in float64."""
    mean, std = prediction.mean.double(), prediction.measurement_std.double()
    if not bool((mean.isfinite() & std.isfinite() & (std > 0)).all()):
        raise InvalidRequest(
            "a prediction is not finite or its deviation not positive", "Use a predictor that says how sure it is."
        )
    return mean, std


def _residuals(prediction: Prediction, true: Tensor) -> Tensor:
    mean, std = _moments(prediction)
    if true.shape != mean.shape or not bool(true.isfinite().all()):
        raise InvalidRequest(f"{len(mean)} predictions lack a finite label each", "Pass one label for each prediction.")
    return (true.to(mean) - mean).abs() / std


def _rank(count: int, coverage: float) -> int:
    """Rank of the conformal quantile; above `count` where none is finite."""
    conform_value("the coverage of an interval", coverage, ProperFraction)
    # rounding must not push a whole number, such as 100 * 0.55, to the next rank
    return max(1, math.ceil((count + 1) * coverage - 1e-9))


def _everything(like: Tensor) -> tuple[Tensor, Tensor]:
    return torch.full_like(like, -math.inf), torch.full_like(like, math.inf)
