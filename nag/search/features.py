"""What a search sees of architectures without evaluating them: features, and what may be believed beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nag.graphs import DagBatch, reduce
from nag.predictors.gaussian_process import Repeats
from nag.predictors.structure import structure_counts
from nag.predictors.wl import wl_counts
from nag.search.problem import Problem

__all__ = ["FeatureExtractor", "View"]

_CHUNK = 1 << 14
_REFERENCE = 6000
_CONSTANT = 1e-9


@dataclass(frozen=True)
class View:
    """C architectures as a search sees them.

    Args:
        dags: The architectures.
        features: (C, F) float32, in groups, each at mean squared distance 1 over the space; then those that a trend may be
            linear in, at mean square 1.
        favour: (C,) float64, what is believed before any label, in any unit; 0 if nothing is.
        hope: (C,) float64, mean of the training-free scores; `favour` if there are none.
        repeats: Which share features, where that was worked out.
    """

    dags: DagBatch
    features: Tensor
    favour: Tensor
    hope: Tensor
    repeats: Repeats | None = None

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: Tensor | slice) -> View:
        return View(self.dags[index], self.features[index], self.favour[index], self.hope[index])

    def joined(self, other: View) -> View:
        """These architectures and others."""
        dags = DagBatch.cat([self.dags, other.dags])
        favour, hope = torch.cat([self.favour, other.favour]), torch.cat([self.hope, other.hope])
        return View(dags, torch.cat([self.features, other.features]), favour, hope)


class FeatureExtractor:
    """Views the architectures of a problem.

    Features are counts of paths, operations by depth and on walks, and Weisfeiler-Lehman neighbourhoods of what an
    architecture computes, as of `GPPredictor`. Training-free scores and what other tasks make one believe (`Problem.prior`)
    join them and are what the trend is linear in. The belief beforehand is that of other tasks, else the mean of the
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
    def __call__(self, dags: DagBatch) -> View:
        """Views C architectures, in chunks."""
        parts = []
        for start in range(0, max(1, len(dags)), _CHUNK):
            raw = self._raw(dags[start : start + _CHUNK])
            columns = [scale(group) for scale, group in zip(self._groups, raw.groups, strict=True)]
            parts.append((torch.cat([*columns, self._trend(raw.trend)], 1).float(), raw.favour, raw.hope))
        features, favour, hope = (torch.cat(part) for part in zip(*parts, strict=True))
        return View(dags, features, favour, hope)

    @property
    def believes(self) -> bool:
        """Whether anything is believed before the first label."""
        return self.proxies is not None or self.problem.prior is not None

    def _raw(self, dags: DagBatch) -> _Raw:
        space, prior = self.problem.space, self.problem.prior
        normal = reduce(dags.pad(space.max_nodes), space.semantics)
        counts = structure_counts(normal, space.semantics)
        groups = [*counts.groups(), counts.walks, *wl_counts(normal, self.wl_rounds)]
        beliefs = [] if self.proxies is None else [self.proxies(dags).double()]
        favour = hope = beliefs[0].mean(1) if beliefs else torch.zeros(len(dags), dtype=torch.float64)
        if prior is not None:
            favour = prior.predict_scores(dags).mean.double()
            hope = hope if beliefs else favour
            beliefs.append(favour.unsqueeze(1))
        nothing = torch.zeros(len(dags), 0, dtype=torch.float64)
        return _Raw([*groups, *beliefs], torch.cat([nothing, *beliefs], 1), favour, hope)


@dataclass(frozen=True)
class _Raw:
    """In their own units: groups of features (C, F_g), what the trend is linear in (C, T), and the beliefs (C,)."""

    groups: list[Tensor]
    trend: Tensor
    favour: Tensor
    hope: Tensor


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
