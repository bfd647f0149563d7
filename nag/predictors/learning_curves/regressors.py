"""Regressions from the features of a partial curve to the final value, each with its own out-of-fold predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from sklearn.linear_model import BayesianRidge
from sklearn.svm import NuSVR
from torch import Tensor

from nag.core.numbers import Count, FractionBelowOne
from nag.core.signatures import checked
from nag.predictors.gaussian_process import GaussianProcessModule
from nag.predictors.structure import group_scales

__all__ = [
    "CurveRegressor",
    "GainRegressor",
    "LastValue",
    "LinearRegressor",
    "ProcessRegressor",
    "Regression",
    "SupportVectors",
]

Function = Callable[[list[Tensor]], Tensor]


@dataclass(frozen=True)
class Regression:
    """A fitted regression.

    Args:
        predict: Blocks of features (see `curve_blocks`) of B runs -> (B,) float64.
        held_out: (R,) float64, prediction for each training run when fitted to the other folds.
    """

    predict: Function
    held_out: Tensor


class CurveRegressor(ABC):
    """A way to learn final values from blocks of features.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import CurveRegressor, LinearRegressor, curve_blocks
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> blocks = curve_blocks(torch.stack([final * share for share in (0.5, 0.8)], 1), None)
        >>> folds, rng = torch.arange(20) % 4, torch.Generator().manual_seed(0)
        >>> regression = LinearRegressor().fit(blocks, final, folds, rng)
        >>> regression.predict(blocks).shape
        torch.Size([20])
    """

    @abstractmethod
    def fit(self, blocks: list[Tensor], targets: Tensor, folds: Tensor, rng: torch.Generator) -> Regression:
        """Learns from R runs.

        Args:
            blocks: Feature matrices (R, F_g) float64 of the same runs; the first holds the last value seen.
            targets: (R,) float64, final values; more is better, in the last value seen too.
            folds: (R,) int64, fold of each run.
            rng: Source of randomness, on the CPU.
        """


class LastValue(CurveRegressor):
    """The last value seen, moved by the median of what was still gained: the baseline, and a safe choice among few runs.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import LastValue, curve_blocks
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> blocks = curve_blocks(torch.stack([final * share for share in (0.5, 0.8)], 1), None)
        >>> folds, rng = torch.arange(20) % 4, torch.Generator().manual_seed(0)
        >>> regression = LastValue().fit(blocks, final, folds, rng)
        >>> regression.predict(blocks).shape
        torch.Size([20])
    """

    def fit(self, blocks: list[Tensor], targets: Tensor, folds: Tensor, rng: torch.Generator) -> Regression:
        """Learns one number."""
        return _fit_and_hold_out(self._fit, blocks, targets, folds)

    def _fit(self, blocks: list[Tensor], targets: Tensor) -> Function:
        shift = (targets - blocks[0][:, 0]).median()
        return lambda seen: seen[0][:, 0] + shift


class LinearRegressor(CurveRegressor):
    """Bayesian ridge regression (MacKay 1992) on all features, standardised.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import LinearRegressor, curve_blocks
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> blocks = curve_blocks(torch.stack([final * share for share in (0.5, 0.8)], 1), None)
        >>> folds, rng = torch.arange(20) % 4, torch.Generator().manual_seed(0)
        >>> regression = LinearRegressor().fit(blocks, final, folds, rng)
        >>> regression.predict(blocks).shape
        torch.Size([20])
    """

    def fit(self, blocks: list[Tensor], targets: Tensor, folds: Tensor, rng: torch.Generator) -> Regression:
        """Learns weights, and how much to shrink them."""
        return _fit_and_hold_out(self._fit, blocks, targets, folds)

    def _fit(self, blocks: list[Tensor], targets: Tensor) -> Function:
        units = _Units.of(blocks, targets)
        model = BayesianRidge().fit(torch.cat(units.blocks(blocks), 1).numpy(), units.standard(targets).numpy())
        return lambda seen: units.targets(torch.from_numpy(model.predict(torch.cat(units.blocks(seen), 1).numpy())))


@checked
class ProcessRegressor(CurveRegressor):
    """A Gaussian process with a length scale for each block.

    Args:
        max_points_hyper: Runs used to find the hyperparameters.
        steps: Gradient steps on them.

    Raises:
        InvalidRequest: A number is less than 1.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import ProcessRegressor, curve_blocks
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> blocks = curve_blocks(torch.stack([final * share for share in (0.5, 0.8)], 1), None)
        >>> folds, rng = torch.arange(20) % 4, torch.Generator().manual_seed(0)
        >>> regression = ProcessRegressor(steps=5).fit(blocks, final, folds, rng)
        >>> regression.predict(blocks).shape
        torch.Size([20])
    """

    def __init__(self, max_points_hyper: Count = 200, steps: Count = 60) -> None:
        self.max_points_hyper, self.steps = max_points_hyper, steps

    def fit(self, blocks: list[Tensor], targets: Tensor, folds: Tensor, rng: torch.Generator) -> Regression:
        """Learns hyperparameters and conditions on the runs, anew for each fold."""
        return _fit_and_hold_out(self._fit, blocks, targets, folds)

    def _fit(self, blocks: list[Tensor], targets: Tensor) -> Function:
        units = _Units.of(blocks, targets)
        process = GaussianProcessModule(self.steps, max_points_hyper=self.max_points_hyper)
        process.fit(units.blocks(blocks), units.standard(targets))
        return lambda seen: units.targets(process(units.blocks(seen)).mean)


@checked
class GainRegressor(CurveRegressor):
    """Predicts with another regressor what a run still gains over the last value seen.

    Kernels fall back to the mean where they have seen nothing like it, and so underrate a run that is better than all
    training runs: the very one that a search is after. A gain leaves it its lead. The last values of the worst runs, which
    may be anything, count as that of the best among them.

    Args:
        regressor: What predicts the gain.
        worst: Share of the training runs whose last values are replaced by the best of them; from 0, below 1.

    Raises:
        InvalidRequest: `worst` is out of range.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import GainRegressor, LinearRegressor, curve_blocks
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> blocks = curve_blocks(torch.stack([final * share for share in (0.5, 0.8)], 1), None)
        >>> folds, rng = torch.arange(20) % 4, torch.Generator().manual_seed(0)
        >>> regression = GainRegressor(LinearRegressor()).fit(blocks, final, folds, rng)
        >>> regression.predict(blocks).shape
        torch.Size([20])
    """

    def __init__(self, regressor: CurveRegressor, worst: FractionBelowOne = 0.2) -> None:
        self.regressor, self.worst = regressor, worst

    def fit(self, blocks: list[Tensor], targets: Tensor, folds: Tensor, rng: torch.Generator) -> Regression:
        """Learns the gain."""
        least = blocks[0][:, 0].quantile(self.worst)

        def lead(seen: list[Tensor]) -> Tensor:
            return seen[0][:, 0].clamp(min=least)

        gain = self.regressor.fit(blocks, targets - lead(blocks), folds, rng)
        return Regression(lambda seen: lead(seen) + gain.predict(seen), lead(blocks) + gain.held_out)


@dataclass(frozen=True)
class _Machine:
    """Hyperparameters of one support-vector machine; weights: (G,), of the blocks' squared distances."""

    cost: float
    nu: float
    gamma: float
    weights: tuple[float, ...]

    def kernel(self, distances: Tensor) -> Tensor:
        """RBF kernel of squared distances (G, m, n) of each block: (m, n)."""
        weights = torch.tensor(self.weights, dtype=distances.dtype)
        return torch.exp(-self.gamma * torch.tensordot(weights, distances, 1))

    def fit(self, kernel: Tensor, targets: Tensor) -> Callable[[Tensor], Tensor]:
        """Fits to a kernel (n, n); the result turns a kernel (m, n) to the training runs into (m,) predictions."""
        model = NuSVR(kernel="precomputed", C=self.cost, nu=self.nu).fit(kernel.numpy(), targets.numpy())
        return lambda rows: torch.from_numpy(model.predict(rows.numpy()))


@checked
class SupportVectors(CurveRegressor):
    """Nu-support-vector regression with an RBF kernel and random search (Baker et al. 2017).

    Each trial draws C, gamma and nu, and which blocks of features the kernel sees; the mean of the trials with the least
    absolute out-of-fold error predicts. Its held-out predictions reuse the hyperparameters that all runs chose, which
    flatters them a little.

    Args:
        trials: Draws of the random search.
        averaged: Best trials that are averaged.
        max_rows: Runs that the search looks at, at least 20; cost grows faster than its square.

    Raises:
        InvalidRequest: A number is less than 1, or `max_rows` less than 20.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import SupportVectors, curve_blocks
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> blocks = curve_blocks(torch.stack([final * share for share in (0.5, 0.8)], 1), None)
        >>> folds, rng = torch.arange(20) % 4, torch.Generator().manual_seed(0)
        >>> regression = SupportVectors(trials=2, averaged=1).fit(blocks, final, folds, rng)
        >>> regression.predict(blocks).shape
        torch.Size([20])
    """

    def __init__(self, trials: Count = 40, averaged: Count = 3, max_rows: Annotated[int, Field(ge=20)] = 300) -> None:
        self.trials, self.averaged, self.max_rows = trials, averaged, max_rows

    def fit(self, blocks: list[Tensor], targets: Tensor, folds: Tensor, rng: torch.Generator) -> Regression:
        """Searches hyperparameters, then fits the best to all runs."""
        units = _Units.of(blocks, targets)
        points, wanted = units.blocks(blocks), units.standard(targets)
        distances = _distances(points, points)
        machines = self._search(distances, wanted, folds, rng)
        kernels = [machine.kernel(distances) for machine in machines]
        held_out = sum(_held_out(m, k, wanted, folds) for m, k in zip(machines, kernels, strict=True)) / len(machines)
        fitted = [machine.fit(kernel, wanted) for machine, kernel in zip(machines, kernels, strict=True)]

        def predict(seen: list[Tensor]) -> Tensor:
            away = _distances(units.blocks(seen), points)
            means = [function(machine.kernel(away)) for machine, function in zip(machines, fitted, strict=True)]
            return units.targets(torch.stack(means).mean(0))

        return Regression(predict, units.targets(torch.as_tensor(held_out)))

    def _search(self, distances: Tensor, targets: Tensor, folds: Tensor, rng: torch.Generator) -> list[_Machine]:
        """The best machines, best first."""
        order = torch.randperm(len(targets), generator=rng)
        few = order[: self.max_rows]
        if len(folds[few].unique()) < 2:  # one architecture has nearly all runs
            few = order
        distances, targets, folds = distances[:, few][:, :, few], targets[few], folds[few]
        machines = [_draw(len(distances), rng) for _ in range(self.trials)]
        errors = [
            float((_held_out(machine, machine.kernel(distances), targets, folds) - targets).abs().mean())
            for machine in machines
        ]
        ranked = sorted(range(self.trials), key=errors.__getitem__)
        return [machines[i] for i in ranked[: self.averaged]]


def _draw(num_blocks: int, rng: torch.Generator) -> _Machine:
    """Draws hyperparameters for standardised targets and blocks whose mean squared distance is 1."""
    cost, gamma, nu = torch.rand(3, generator=rng, dtype=torch.float64).tolist()
    weights = (torch.rand(num_blocks, generator=rng) < 0.6).double().tolist()
    if not any(weights):
        weights[0] = 1.0  # the last value seen is never useless
    return _Machine(10 ** (-1 + 2.7 * cost), 0.2 + 0.6 * nu, 10 ** (-1.5 + 2.5 * gamma), tuple(weights))


def _held_out(machine: _Machine, kernel: Tensor, targets: Tensor, folds: Tensor) -> Tensor:
    """Prediction of each run by the same machine fitted to the other folds: (R,)."""
    predicted = torch.zeros_like(targets)
    for fold in folds.unique():
        out, rest = folds == fold, folds != fold
        predicted[out] = machine.fit(kernel[rest][:, rest], targets[rest])(kernel[out][:, rest])
    return predicted


@dataclass(frozen=True)
class _Units:
    """Standard units of features and targets; a block's mean squared distance is 1."""

    shift: Tensor
    scale: Tensor
    centre: Tensor
    spread: Tensor

    @classmethod
    def of(cls, blocks: list[Tensor], targets: Tensor) -> _Units:
        spread = targets.std(correction=0)
        shift, scale = group_scales(blocks)
        return cls(shift, scale, targets.mean(), torch.where(spread > 0, spread, torch.ones_like(spread)))

    def blocks(self, blocks: Sequence[Tensor]) -> list[Tensor]:
        scaled = (torch.cat(list(blocks), 1) - self.shift) * self.scale
        return list(scaled.split([block.shape[1] for block in blocks], 1))

    def standard(self, targets: Tensor) -> Tensor:
        return (targets - self.centre) / self.spread

    def targets(self, standard: Tensor) -> Tensor:
        return self.centre + self.spread * standard


def _fit_and_hold_out(
    fit: Callable[[list[Tensor], Tensor], Function], blocks: list[Tensor], targets: Tensor, folds: Tensor
) -> Regression:
    """Fits once to each set of all folds but one, and once to all."""
    held_out = torch.zeros_like(targets)
    for fold in folds.unique():
        out, rest = folds == fold, folds != fold
        held_out[out] = fit([block[rest] for block in blocks], targets[rest])([block[out] for block in blocks])
    return Regression(fit(blocks, targets), held_out)


def _distances(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Squared distances of the rows of each block: (G, m, n)."""
    return torch.stack(
        [torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square() for x, y in zip(a, b, strict=True)]
    )
