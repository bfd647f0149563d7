"""What a Bayesian strategy believes: a model fitted to the history, and its beliefs of candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from nag.predictors import Prediction, Predictor
from nag.predictors.gaussian_process import GaussianProcess, GPPosterior, matern, squared_distances
from nag.search.features import FeatureExtractor, View

__all__ = ["Belief", "Model", "PredictorModel", "ProcessModel"]


class Belief(Protocol):
    """What is believed after some labels."""

    def predict(self, view: View) -> Prediction:
        """Mean and standard deviation of the worth of C architectures, in normal scores of the history."""
        ...

    def believing(self, view: View) -> Belief:
        """As if Q more architectures had been labelled as predicted, so that a batch spreads."""
        ...


class Model(Protocol):
    """Learns from a history."""

    def fit(self, viewer: FeatureExtractor, seen: View, targets: Tensor, seed: int) -> Belief:
        """Learns.

        Args:
            viewer: What made the view.
            seen: n labelled architectures.
            targets: (n,) float64 normal scores.
            seed: Of all that is random.
        """
        ...


@dataclass(frozen=True)
class ProcessModel:
    """A Gaussian process with a graph kernel (see `GaussianProcess`; NAS-BOWL, Ru et al. 2021).

    Args:
        process: How it is fitted.
    """

    process: GaussianProcess = field(default_factory=GaussianProcess)

    def fit(self, viewer: FeatureExtractor, seen: View, targets: Tensor, seed: int) -> Belief:
        """See `Model`."""
        return _ProcessBelief(self.process.fit(seen.features, viewer.sizes, targets))


@dataclass(frozen=True)
class _ProcessBelief:
    fitted: GPPosterior

    def predict(self, view: View) -> Prediction:
        return self.fitted.predict(view.features, view.repeats)

    def believing(self, view: View) -> Belief:
        return _ProcessBelief(self.fitted.with_fantasies(view.features))


@dataclass(frozen=True)
class PredictorModel:
    """Any predictor, fitted anew for each query.

    Args:
        predictor: (space=..., proxies=..., seed=...) -> an untrained predictor.
    """

    predictor: Callable[..., Predictor]

    def fit(self, viewer: FeatureExtractor, seen: View, targets: Tensor, seed: int) -> Belief:
        """See `Model`."""
        predictor = self.predictor(space=viewer.problem.space, proxies=viewer.proxies, seed=seed)
        predictor.fit(seen.dags, targets)
        return _PredictorBelief(predictor, len(viewer.sizes) + bool(viewer.linear), seen[:0])


@dataclass(frozen=True)
class _PredictorBelief:
    """A predictor cannot be conditioned on fantasies, so a fixed kernel says how much they take away from the spread.

    With a noise-free label at x', the deviation at x of a process of correlation k shrinks by sqrt(1 - k(x, x')^2).
    """

    predictor: Predictor
    groups: int
    fantasies: View

    def predict(self, view: View) -> Prediction:
        found = self.predictor.predict(view.dags)
        std = found.std.double()
        if len(self.fantasies):
            near = matern(squared_distances(view.features, self.fantasies.features) / self.groups).double().clamp(max=1)
            std = std * (1 - near.square()).clamp(min=0).sqrt().amin(1)
        return Prediction(found.mean.double(), std)

    def believing(self, view: View) -> Belief:
        if not len(view):
            return self
        return _PredictorBelief(self.predictor, self.groups, self.fantasies.joined(view))
