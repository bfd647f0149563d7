"""A Gaussian process for searches: few labels, many candidates, fitted anew for each query."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from nag.core.numbers import Count, Rate, Size
from nag.core.signatures import checked
from nag.predictors import Prediction
from nag.predictors.matern import matern, squared_distances
from nag.search.marginal_likelihood import JITTER, WIDER, Evidence

__all__ = ["FittedProcess", "Repeats", "SearchProcess"]

_CHUNK = 1 << 17  # covariances at a time: what a cache holds
_VARIANCE_FLOOR = 1e-8


@dataclass(frozen=True)
class Repeats:
    """Which of C rows share the features of a group, as architectures of one space often do.

    Args:
        rows: (U_g, F_g) of each group, its distinct features.
        places: (C, G) int64, where those of each row are in all groups' distinct features, one below the other.
    """

    rows: tuple[Tensor, ...]
    places: Tensor

    @classmethod
    def of(cls, features: Tensor, sizes: tuple[int, ...]) -> Repeats:
        """Finds them among (C, F) rows with groups of the given sizes."""
        rows, places, below = list[Tensor](), list[Tensor](), 0
        for group in features[:, : sum(sizes)].split(sizes, 1):
            if group.shape[1]:
                distinct, place = torch.unique(group, dim=0, return_inverse=True)
            else:
                distinct, place = group[:1], torch.zeros(len(group), dtype=torch.int64)
            rows.append(distinct)
            places.append(place + below)
            below += len(distinct)
        return cls(tuple(rows), torch.stack(places, 1))


class _Shared(NamedTuple):
    """Covariances of distinct features with n labelled rows, (sum of U_g, n), and where those of C rows are, (C, G)."""

    table: Tensor
    places: Tensor


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
    def predict(self, features: Tensor, repeats: Repeats | None = None) -> Prediction:
        """What is believed of the noise-free values of C rows, in chunks; float64.

        Args:
            features: (C, F) rows.
            repeats: Which of them share a group's features, found beforehand: groups then cost what is distinct.
        """
        means, stds = [torch.zeros(0, dtype=torch.float64)], [torch.zeros(0, dtype=torch.float64)]
        kind, bent = features.dtype, sum(self.sizes)
        points, stretch = self.points.to(kind), self.stretch.to(kind)
        whiten = torch.linalg.solve_triangular(self.factor, torch.eye(len(points), dtype=torch.float64), upper=False).T.to(kind)
        shared = None if repeats is None or not self.additive else self._shared(repeats, points, stretch)
        step = max(1, _CHUNK // len(points))
        for start in range(0, len(features), step):
            chunk = slice(start, start + step)
            if shared is None:
                rows = features[chunk] * stretch
                curved, trend = self._curved(rows, points), rows[:, bent:]
            else:
                curved = embedding_bag(shared.places[chunk], shared.table, mode="sum").mul_(self.amplitude / len(self.sizes))
                trend = features[chunk, bent:] * stretch[bent:]
            kernel = curved.addmm_(trend, points[:, bent:].T)
            explained = (kernel @ whiten).square_().sum(1)
            alone = self.amplitude + trend.square().sum(1)
            means.append(self.constant + kernel.double() @ self.weights)
            stds.append((alone - explained).double().clamp(min=_VARIANCE_FLOOR).sqrt())
        return Prediction(torch.cat(means), torch.cat(stds))

    def _shared(self, repeats: Repeats, points: Tensor, stretch: Tensor) -> _Shared:
        """Covariances of what is distinct with the labelled rows, group by group."""
        bent, tables = sum(self.sizes), list[Tensor]()
        labelled = points[:, :bent].split(self.sizes, 1)
        for rows, scale, right in zip(repeats.rows, stretch[:bent].split(self.sizes), labelled, strict=True):
            for few in rows.split(max(1, _CHUNK // len(points))):
                tables.append(matern(WIDER * squared_distances(few * scale, right)))
        return _Shared(torch.cat(tables), repeats.places)

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
        return self._curved(a, b).addmm_(a[:, bent:], b[:, bent:].T)

    def _curved(self, a: Tensor, b: Tensor) -> Tensor:
        """What of it is not linear."""
        bent = sum(self.sizes)
        if not self.additive:
            return self.amplitude * matern(squared_distances(a[:, :bent], b[:, :bent]))
        curved = torch.zeros(len(a), len(b), dtype=a.dtype)
        for left, right in zip(a[:, :bent].split(self.sizes, 1), b[:, :bent].split(self.sizes, 1), strict=True):
            curved += matern(WIDER * squared_distances(left, right))
        return curved.mul_(self.amplitude / len(self.sizes))


@checked
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

    steps: Size = 60
    learning_rate: Rate = 0.1
    max_points_hyper: Count = 200
    additive: bool = True

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
