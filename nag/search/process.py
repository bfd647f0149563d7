"""A Gaussian process for searches: few labels, many candidates, fitted anew for each query."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nag.errors import check_numbers
from nag.predictors import Prediction
from nag.predictors.matern import matern, squared_distances
from nag.search.evidence import JITTER, WIDER, Evidence

__all__ = ["FittedProcess", "SearchProcess"]

_CHUNK = 1 << 17  # covariances at a time: what a cache holds
_VARIANCE_FLOOR = 1e-8


@dataclass(frozen=True)
class FittedProcess:
    """A Gaussian process conditioned on n labels.

    Args:
        points: (n, F) float64, the labelled rows, each feature stretched.
        stretch: (F,) float64, inverse length scale of each feature, or its prior slope.
        sizes: Number of features of each group; those beyond enter linearly.
        additive: Whether each group has a kernel of its own.
        amplitude: Prior variance of what is not linear.
        noise: Variance of a label's noise.
        constant: Prior mean.
        targets: (n,) float64.
    """

    points: Tensor
    stretch: Tensor
    sizes: tuple[int, ...]
    additive: bool
    amplitude: float
    noise: float
    constant: float
    targets: Tensor
    factor: Tensor = field(init=False, repr=False)
    weights: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        covariance = self._covariance(self.points, self.points)
        covariance.diagonal().add_(self.noise + JITTER)
        factor = torch.linalg.cholesky(covariance)
        residual = (self.targets - self.constant).unsqueeze(1)
        object.__setattr__(self, "factor", factor)
        object.__setattr__(self, "weights", torch.cholesky_solve(residual, factor).squeeze(1))

    @torch.no_grad()
    def predict(self, features: Tensor) -> Prediction:
        """What is believed of the noise-free values of C rows of features (C, F), in chunks; float64."""
        means, stds = [torch.zeros(0, dtype=torch.float64)], [torch.zeros(0, dtype=torch.float64)]
        kind = features.dtype
        points, factor, stretch = self.points.to(kind), self.factor.to(kind), self.stretch.to(kind)
        for rows in features.split(max(1, _CHUNK // len(points))):
            rows = rows * stretch
            kernel = self._covariance(rows, points)
            explained = torch.linalg.solve_triangular(factor, kernel.T, upper=False).square().sum(0)
            alone = self.amplitude + rows[:, sum(self.sizes) :].square().sum(1)
            means.append(self.constant + kernel.double() @ self.weights)
            stds.append((alone - explained).double().clamp(min=_VARIANCE_FLOOR).sqrt())
        return Prediction(torch.cat(means), torch.cat(stds))

    def believing(self, features: Tensor) -> FittedProcess:
        """The process after labels of Q more rows (Q, F) that come out as predicted ("kriging believer").

        Means stay; what is near to those rows is no longer uncertain, so that a batch spreads (Ginsbourger et al. 2010).
        """
        if not len(features):
            return self
        mean = self.predict(features).mean
        points = torch.cat([self.points, features.double() * self.stretch])
        targets = torch.cat([self.targets, mean])
        return replace(self, points=points, targets=targets)

    def _covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """Prior covariance of stretched rows, (A, F) and (B, F): (A, B)."""
        bent = sum(self.sizes)
        if self.additive:
            parts = zip(a[:, :bent].split(self.sizes, 1), b[:, :bent].split(self.sizes, 1), strict=True)
            curved = torch.zeros(len(a), len(b), dtype=a.dtype)
            for left, right in parts:
                curved += matern(WIDER * squared_distances(left, right))
            curved *= self.amplitude / len(self.sizes)
        else:
            curved = self.amplitude * matern(squared_distances(a[:, :bent], b[:, :bent]))
        return curved.addmm_(a[:, bent:], b[:, bent:].T)


@dataclass(frozen=True)
class SearchProcess:
    """Regression with a Matern 5/2 kernel that has one length scale for each group of features, on top of a linear trend.

    As `nag.predictors.gaussian_process`, but for a handful of labels and made to be refitted at each query: rows come scaled by
    what is usual in the space rather than among the labels, so that what no label shows yet counts as unknown; length
    scales, amplitudes and noise maximise the marginal likelihood under log-normal priors, from distances computed once. The
    trend leads beyond what was seen, to where the features that it is linear in are extreme.

    Args:
        steps: Adam steps on the hyperparameters.
        learning_rate: Their size, in logarithms.
        max_points_hyper: Labels used to find the hyperparameters, evenly spread over the history.
        additive: Whether the kernel is the mean of one kernel for each group, so that what is new in one group leaves what was
            learned from the others in force; else one kernel sees the distances of all groups summed up.

    Raises:
        InvalidRequest: A number is out of range.
    """

    steps: int = 60
    learning_rate: float = 0.1
    max_points_hyper: int = 200
    additive: bool = True

    def __post_init__(self) -> None:
        check_numbers("surrogate", self, steps=0, learning_rate=0, max_points_hyper=1)

    def fit(self, features: Tensor, sizes: tuple[int, ...], linear: int, targets: Tensor) -> FittedProcess:
        """Conditions on labels.

        Args:
            features: (n, F) rows, each group at mean squared distance 1 over the space, the trend's at mean square 1.
            sizes: Number of features of each group, of sum F less `linear`.
            linear: How many features, the last ones, the trend is linear in.
            targets: (n,) float64, best of zero mean and unit variance.
        """
        features, targets = features.double(), targets.double()
        few = torch.linspace(0, len(targets) - 1, min(len(targets), self.max_points_hyper)).round().long()
        bent = features[few, : features.shape[1] - linear].split(sizes, 1)
        trend = features[few, features.shape[1] - linear :]
        found = self._maximise(Evidence(bent, trend, targets[few], self.additive))
        groups = len(sizes)
        stretch = torch.exp(-found[:groups]).repeat_interleave(torch.tensor(sizes))
        stretch = torch.cat([stretch, (found[groups + 3] / 2).exp().expand(linear)])
        amplitude, noise = float(found[groups].exp()), float(found[groups + 1].exp())
        constant = float(found[groups + 2])
        return FittedProcess(features * stretch, stretch, sizes, self.additive, amplitude, noise, constant, targets)

    def _maximise(self, evidence: Evidence) -> Tensor:
        """The hyperparameters that explain the labels best (see `Evidence`)."""
        vector = evidence.start
        optimizer = torch.optim.Adam([vector], lr=self.learning_rate)
        for _ in range(self.steps):
            vector.grad = evidence.gradient(vector)
            optimizer.step()
        return vector
