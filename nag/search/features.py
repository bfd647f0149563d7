"""Features of architectures for surrogates, and their prior means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor

from nag.core.numbers import Size
from nag.graphs import DagBatch, reduce
from nag.predictors.gaussian_process import Repeats
from nag.predictors.structure import structure_counts
from nag.predictors.wl import wl_counts
from nag.search.problem import Problem

__all__ = ["FeatureExtractor", "FeatureOptions", "Features"]

_CHUNK = 1 << 14
_REFERENCE = 6000
_CONSTANT = 1e-9


@dataclass(frozen=True)
class Features:
    """Features of C architectures.

    Args:
        dags: The architectures.
        rows: (C, F) float32, in groups, each at mean squared distance 1 over the space; then those that a trend may be
            linear in, at mean square 1.
        prior_mean: (C,) float64, what is predicted before any label, in any unit; 0 if nothing is.
        proxy_mean: (C,) float64, mean of the training-free scores; `prior_mean` if there are none.
        repeats: Which rows share features, where that was worked out.
    """

    dags: DagBatch
    rows: Tensor
    prior_mean: Tensor
    proxy_mean: Tensor
    repeats: Repeats | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Tensor | slice) -> Features:
        return Features(self.dags[index], self.rows[index], self.prior_mean[index], self.proxy_mean[index])

    def joined(self, other: Features) -> Features:
        """These architectures and others."""
        dags = DagBatch.cat([self.dags, other.dags])
        prior_mean = torch.cat([self.prior_mean, other.prior_mean])
        proxy_mean = torch.cat([self.proxy_mean, other.proxy_mean])
        return Features(dags, torch.cat([self.rows, other.rows]), prior_mean, proxy_mean)


class FeatureOptions(TypedDict, total=False):
    """Options of a `FeatureExtractor`, for a strategy that passes them on; see there."""

    wl_rounds: Size
    proxies: bool


class FeatureExtractor:
    """Computes the features of architectures of a problem.

    Features are counts of paths, operations by depth and on walks, and Weisfeiler-Lehman neighbourhoods of what an
    architecture computes, as of `GPPredictor`. Training-free scores and the prediction of other tasks (`Problem.prior`)
    join them and are what the trend is linear in. The prior mean is the prediction of other tasks, else the mean of the
    training-free scores, each of which counts alike.

    Args:
        problem: The problem.
        reference: Architectures that stand for the space, which scales refer to; at most 6,000 of them are used.
        wl_rounds: Rounds of Weisfeiler-Lehman refinement.
        proxies: Whether to look at training-free scores where the problem has them.
    """

    def __init__(self, problem: Problem, reference: DagBatch, wl_rounds: int = 1, proxies: bool = True) -> None:
        self.problem, self.wl_rounds = problem, wl_rounds
        self.proxies = problem.proxies if proxies else None
        few = torch.linspace(0, len(reference) - 1, min(len(reference), _REFERENCE)).round().long()
        raw = self._raw(reference[few])
        self._groups, self._trend = [_Scale.of(group, 2.0) for group in raw.groups], _Scale.of(raw.trend, 1.0)
        self.sizes = tuple(len(scale.kept) for scale in self._groups)
        self.linear = len(self._trend.kept)

    @torch.no_grad()
    def __call__(self, dags: DagBatch) -> Features:
        """Features of C architectures, in chunks."""
        parts = []
        for start in range(0, max(1, len(dags)), _CHUNK):
            raw = self._raw(dags[start : start + _CHUNK])
            columns = [scale(group) for scale, group in zip(self._groups, raw.groups, strict=True)]
            parts.append((torch.cat([*columns, self._trend(raw.trend)], 1).float(), raw.prior_mean, raw.proxy_mean))
        rows, prior_mean, proxy_mean = (torch.cat(part) for part in zip(*parts, strict=True))
        return Features(dags, rows, prior_mean, proxy_mean)

    @property
    def has_prior(self) -> bool:
        """Whether anything is predicted before the first label."""
        return self.proxies is not None or self.problem.prior is not None

    def _raw(self, dags: DagBatch) -> _Raw:
        space, prior = self.problem.space, self.problem.prior
        normal = reduce(dags.pad(space.max_nodes), space.semantics)
        counts = structure_counts(normal, space.semantics)
        groups = [*counts.groups(), counts.walks, *wl_counts(normal, self.wl_rounds)]
        priors = [] if self.proxies is None else [self.proxies(dags).double()]
        prior_mean = proxy_mean = priors[0].mean(1) if priors else torch.zeros(len(dags), dtype=torch.float64)
        if prior is not None:
            prior_mean = prior.predict_scores(dags).mean.double()
            proxy_mean = proxy_mean if priors else prior_mean
            priors.append(prior_mean.unsqueeze(1))
        nothing = torch.zeros(len(dags), 0, dtype=torch.float64)
        return _Raw([*groups, *priors], torch.cat([nothing, *priors], 1), prior_mean, proxy_mean)


@dataclass(frozen=True)
class _Raw:
    """In their own units: groups of features (C, F_g), what the trend is linear in (C, T), and the priors (C,)."""

    groups: list[Tensor]
    trend: Tensor
    prior_mean: Tensor
    proxy_mean: Tensor


@dataclass(frozen=True)
class _Scale:
    """Centres features and brings their mean sum of squares to a given share; what does not vary is left out."""

    kept: Tensor
    shift: Tensor
    factor: Tensor

    @classmethod
    def of(cls, group: Tensor, parts: float) -> _Scale:
        """Mean sum of squares 1 / parts; with 2, the mean squared distance of rows is 1."""
        std = (group - group.mean(0)).square().mean(0).sqrt()  # unlike std(), of no columns without a warning
        kept = (std > _CONSTANT).nonzero().flatten()
        return cls(kept, group.mean(0)[kept], 1 / (std[kept] * (parts * max(len(kept), 1)) ** 0.5))

    def __call__(self, group: Tensor) -> Tensor:
        return (group[:, self.kept] - self.shift) * self.factor
