"""Learning-curve prediction: the final value of a training run from its beginning (Baker et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.predictors.base import Prediction
from nag.predictors.learning_curves.features import CurveScale, curve_blocks
from nag.predictors.learning_curves.regressors import (
    CurveRegressor,
    GainRegressor,
    LastValue,
    LinearRegressor,
    ProcessRegressor,
    Regression,
    SupportVectors,
)

__all__ = ["CurvePredictor"]


@dataclass(frozen=True)
class _Stage:
    """What was learned for one number of budgets seen: the chosen regression and its errors (R,) on the scale."""

    regressor: CurveRegressor
    regression: Regression
    residuals: Tensor


class CurvePredictor:
    """Predicts final values of training runs from their first k budgets and their architectures.

    One regression for each k (the sequential regression models of Baker et al. 2017, "Accelerating neural architecture
    search using performance prediction"), each the one of `regressors` with the least mean absolute out-of-fold error, on
    the scale, over the training runs. The standard deviation of a prediction is the root mean square of the out-of-fold
    residuals on the scale, carried back to the units of the value. Residuals have long tails (runs that diverge, or fall
    late), so that more values lie within it than of a normal error: 0.85 to 0.9 on NAS-Bench-NLP and NAS-Bench-101.

    Args:
        scale: Scale of values and curves.
        points: The numbers of budgets seen, k, at which predictions can be asked for.
        regressors: What is tried; by default the last value seen, ridge regression, and the gains over the last value by a
            Gaussian process and by support vectors.
        folds: Folds of the cross-validation; runs of one group are never parted.
        seed: Seed of folds and random search.

    Raises:
        InvalidRequest: There is no point, regressor or second fold, or a point is less than 1.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import CurvePredictor, CurveScale, LastValue
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> curves = torch.stack([final * share for share in (0.5, 0.8, 0.95)], 1)
        >>> predictor = CurvePredictor(CurveScale(maximise=True), points=[1, 2], regressors=[LastValue()])
        >>> predictor.fit(curves, final)
        >>> predictor.predict(curves[:2, :2]).mean.shape, predictor.chosen(2) is not None
        (torch.Size([2]), True)
    """

    def __init__(
        self,
        scale: CurveScale,
        points: Sequence[int],
        *,
        regressors: Sequence[CurveRegressor] | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        if regressors is None:
            kernels = (ProcessRegressor(), SupportVectors())
            regressors = (LastValue(), LinearRegressor(), *(GainRegressor(kernel) for kernel in kernels))
        self.scale, self.points = scale, tuple(sorted(set(points)))
        self.regressors, self.folds, self.seed = tuple(regressors), folds, seed
        if not self.points or self.points[0] < 1 or not self.regressors or folds < 2:
            raise InvalidRequest(
                f"no curve predictor with points {list(points)}, {len(self.regressors)} regressors and {folds} folds",
                "Points count from 1; there must be a regressor and two folds.",
            )
        self._stages: dict[int, _Stage] = {}
        self._num_features: int | None = None
        self._final = torch.zeros(0, dtype=torch.float64)

    def fit(self, curves: Tensor, final: Tensor, features: Tensor | None = None, groups: Tensor | None = None) -> None:
        """Learns from complete runs, forgetting what was learned before; the same runs give the same predictor.

        Args:
            curves: (R, E) float, values at each budget, of which at least the first `max(points)` must be there.
            final: (R,) float, final values.
            features: (R, F) float features of the architectures; None where none are known.
            groups: (R,) int64, runs of one architecture share a number; None where all differ.

        Raises:
            InvalidRequest: Shapes do not fit, curves are too short, a number is not finite, or there are fewer groups than
                folds.
        """
        self._check(curves, features, self.points[-1])
        groups = torch.arange(len(curves)) if groups is None else groups
        if final.shape != (len(curves),) or groups.shape != final.shape or not bool(torch.isfinite(final).all()):
            raise InvalidRequest("final values or groups do not fit the curves", "One finite value and one group for each run.")
        rng = torch.Generator().manual_seed(self.seed)
        folds = _folds(groups, self.folds, rng)
        self._num_features = None if features is None else features.shape[1]
        self._final = self.scale.forward(final)
        scaled = self.scale.forward(curves[:, : self.points[-1]])
        self._stages = {k: self._learn(curve_blocks(scaled[:, :k], features), folds, rng) for k in self.points}

    def _learn(self, blocks: list[Tensor], folds: Tensor, rng: torch.Generator) -> _Stage:
        trials = [(regressor, regressor.fit(blocks, self._final, folds, rng)) for regressor in self.regressors]
        stages = [_Stage(regressor, found, self._final - found.held_out) for regressor, found in trials]
        return min(stages, key=lambda stage: float(stage.residuals.abs().mean()))

    def predict(self, curves: Tensor, features: Tensor | None = None) -> Prediction:
        """Predicts the final values of B runs.

        Args:
            curves: (B, k) float, what was seen of each run; k is one of `points`.
            features: (B, F) float, as in `fit`.

        Returns:
            Mean and standard deviation in units of the final value, (B,) float64.

        Raises:
            InvalidRequest: Not fitted, k is no point, shapes do not fit, or a number is not finite.
        """
        found, spread = self.predict_scaled(curves, features), self.spread(curves.shape[1])
        low, mean, high = (self.scale.backward(found + side * spread) for side in (-1, 0, 1))
        return Prediction(mean, (high - low).abs() / 2)

    @torch.no_grad()
    def predict_scaled(self, curves: Tensor, features: Tensor | None = None) -> Tensor:
        """Means of `predict` on the scale, where more is better: (B,) float64."""
        stage = self._stage(curves.shape[-1])
        self._check(curves, features, curves.shape[-1])
        if self._num_features != (None if features is None else features.shape[1]):
            raise InvalidRequest(f"the predictor was fitted to {self._num_features} features", "Pass the same ones.")
        return stage.regression.predict(curve_blocks(self.scale.forward(curves), features))

    def residuals(self, seen: int) -> Tensor:
        """Final values less out-of-fold predictions of the training runs, on the scale: (R,) float64.

        Raises:
            InvalidRequest: Not fitted, or `seen` is no point.
        """
        return self._stage(seen).residuals

    def spread(self, seen: int) -> float:
        """Root mean square of `residuals`."""
        return float(self.residuals(seen).square().mean().sqrt())

    def relative_error(self, seen: int) -> float:
        """`spread` over the standard deviation of the training runs' final values, on the scale: 1 is as good as no curve."""
        return self.spread(seen) / max(float(self._final.std(correction=0)), 1e-12)

    def chosen(self, seen: int) -> CurveRegressor:
        """The regressor that was chosen for `seen` budgets."""
        return self._stage(seen).regressor

    @property
    def training_final(self) -> Tensor:
        """Final values of the training runs on the scale: (R,) float64, in the order of `residuals`."""
        return self._final

    def _stage(self, seen: int) -> _Stage:
        if not self._stages:
            raise InvalidRequest("the curve predictor has not been fitted", "Fit it to complete runs.")
        if seen not in self._stages:
            raise InvalidRequest(
                f"the curve predictor knows nothing of {seen} budgets", f"Show it the first {', '.join(map(str, self.points))}."
            )
        return self._stages[seen]

    @staticmethod
    def _check(curves: Tensor, features: Tensor | None, least: int) -> None:
        """Raises `InvalidRequest` unless there are curves of at least so many finite values, and finite features for each."""
        if curves.ndim != 2 or not len(curves) or curves.shape[1] < least:
            shape = "x".join(map(str, curves.shape))
            raise InvalidRequest(f"curves of shape {shape} are too short", f"Runs must show at least {least} budgets.")
        if not bool(torch.isfinite(curves[:, :least]).all()):
            raise InvalidRequest("some values of the curves are not finite", "Drop the runs that diverged.")
        if features is not None and (features.ndim != 2 or len(features) != len(curves)):
            raise InvalidRequest(f"{len(features)} rows of features for {len(curves)} curves", "Pass one row for each.")
        if features is not None and not bool(torch.isfinite(features).all()):
            raise InvalidRequest("some features are not finite", "Drop the runs that have none.")


def _folds(groups: Tensor, folds: int, rng: torch.Generator) -> Tensor:
    """Fold of each run, at random but one for each group: (R,) int64."""
    found, index = groups.unique(return_inverse=True)
    if len(found) < folds:
        raise InvalidRequest(f"{folds} folds of runs of {len(found)} architectures", "Train on more, or use fewer folds.")
    return (torch.randperm(len(found), generator=rng) % folds)[index]
