"""Posterior of a Gaussian process at any rows of features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nag.predictors.base import Prediction
from nag.predictors.gaussian_process.conditioning import Conditioned
from nag.predictors.gaussian_process.covariance import GroupCovariance
from nag.predictors.gaussian_process.repeats import Repeats

__all__ = ["JITTER", "GPPosterior"]

JITTER = 1e-5
"""Variance that is added to that of the noise, for the factorisation; of targets of variance about 1."""
_CHUNK = 1 << 17  # covariances at a time: what a cache holds
_VARIANCE_FLOOR = 1e-8


@dataclass(frozen=True)
class GPPosterior:
    """A Gaussian process conditioned on n labels.

    Args:
        points: (n, F) float64, the labelled rows, each feature stretched.
        stretch: (F,) float64, inverse length scale of each feature, or its prior slope where it enters linearly.
        covariance: Prior covariance of stretched rows.
        noise: Variance of a label's noise.
        constant: Prior mean.
        conditioned: Of the labels.

    Example:
        >>> import torch
        >>> from nag.predictors.gaussian_process import GPPosterior, GroupCovariance
        >>> points, targets = torch.tensor([[0.0], [1.0]]).double(), torch.tensor([0.0, 1.0]).double()
        >>> covariance = GroupCovariance(sizes=(1,), additive=False, amplitude=1.0)
        >>> posterior = GPPosterior.of(points, torch.ones(1).double(), covariance, noise=0.01, constant=0.0, targets=targets)
        >>> posterior.predict(torch.tensor([[0.0], [9.0]]).double()).mean.round(decimals=1)
        tensor([0., 0.], dtype=torch.float64)
    """

    points: Tensor
    stretch: Tensor
    covariance: GroupCovariance
    noise: Tensor | float
    constant: Tensor | float
    conditioned: Conditioned

    @classmethod
    def of(
        cls, points: Tensor, stretch: Tensor, covariance: GroupCovariance, noise: float, constant: float, targets: Tensor
    ) -> GPPosterior:
        """Conditions on the (n,) targets of the points."""
        conditioned = Conditioned.on(_noisy(covariance(points, points), noise), targets - constant)
        return cls(points, stretch, covariance, noise, constant, conditioned)

    @torch.no_grad()
    def predict(self, features: Tensor, repeats: Repeats | None = None) -> Prediction:
        """Prediction of C rows, in chunks, computed in the precision of the rows; float64.

        Args:
            features: (C, F) rows.
            repeats: Which of them share a group's features, found beforehand: groups then cost what is distinct.
        """
        means, variances = [self.points.new_zeros(0)], [self.points.new_zeros(0)]
        cross = self._cross(features, repeats)
        whitening = self.conditioned.whitening.to(features.dtype)
        step = max(1, _CHUNK // len(self.points))
        for start in range(0, len(features), step):
            kernel, prior = cross(slice(start, start + step))
            explained = (kernel @ whitening).square_().sum(1)
            means.append(self.constant + self.conditioned.mean(kernel))
            variances.append((prior - explained).double().clamp(min=_VARIANCE_FLOOR))
        return Prediction.of_variances(torch.cat(means), torch.cat(variances), self.noise)

    def _cross(self, features: Tensor, repeats: Repeats | None) -> Callable[[slice], tuple[Tensor, Tensor]]:
        """Function from a chunk of rows to their covariances (c, n) with the labelled ones, and their prior variances (c,)."""
        covariance, points, stretch = self.covariance, self.points.to(features.dtype), self.stretch.to(features.dtype)
        table = None
        if repeats is not None and covariance.additive:
            table = repeats.table(covariance, stretch, points, _CHUNK)

        def cross(chunk: slice) -> tuple[Tensor, Tensor]:
            rows = features[chunk] * stretch
            if repeats is None or table is None:
                stationary = covariance.stationary(rows, points)
            else:
                stationary = repeats.stationary(covariance, table, chunk)
            return stationary.addmm_(covariance.trend(rows), covariance.trend(points).T), covariance.variance(rows)

        return cross

    def with_fantasies(self, features: Tensor) -> GPPosterior:
        """The posterior after labels of Q more rows (Q, F) that come out as predicted ("kriging believer").

        Means stay; what is near to those rows is no longer uncertain, so that a batch spreads (Ginsbourger et al. 2010).
        """
        if not len(features):
            return self
        rows = features.double() * self.stretch
        own = _noisy(self.covariance(rows, rows), self.noise)
        conditioned = self.conditioned.extended(self.covariance(rows, self.points), own)
        return replace(self, points=torch.cat([self.points, rows]), conditioned=conditioned)

    def left_out(self, targets: Tensor) -> Prediction:
        """Prediction of each of the (n,) targets given all others, in closed form."""
        return self.conditioned.left_out(targets, self.noise)


def _noisy(covariance: Tensor, noise: Tensor | float) -> Tensor:
    covariance.diagonal().add_(noise + JITTER)
    return covariance
