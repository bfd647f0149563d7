"""Surrogates of Bayesian optimisation: models of the history, and their posteriors at candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from nag.predictors import Prediction, Predictor
from nag.predictors.gaussian_process import GaussianProcess, GPPosterior, matern, squared_distances
from nag.search.features import FeatureExtractor, Features

__all__ = ["GPSurrogate", "Posterior", "PredictorSurrogate", "Surrogate"]


class Posterior(Protocol):
    """What a surrogate predicts after some labels."""

    def predict(self, features: Features) -> Prediction:
        """Mean and standard deviation of C architectures, in normal scores of the history."""
        ...

    def with_fantasies(self, features: Features) -> Posterior:
        """As if Q more architectures had been labelled as predicted, so that a batch spreads."""
        ...


class Surrogate(Protocol):
    """A model that is fitted to a history."""

    def fit(self, extractor: FeatureExtractor, seen: Features, targets: Tensor, seed: int) -> Posterior:
        """Fits the model.

        Args:
            extractor: What made the features.
            seen: n labelled architectures.
            targets: (n,) float64 normal scores.
            seed: Of all that is random.
        """
        ...


@dataclass(frozen=True)
class GPSurrogate:
    """A Gaussian process with a graph kernel (see `GaussianProcess`; NAS-BOWL, Ru et al. 2021).

    Args:
        process: How it is fitted.

    Example:
        >>> from functools import partial
        >>> import nag
        >>> from nag.predictors.gaussian_process import GaussianProcess
        >>> from nag.search import BayesianOptimisation, GPSurrogate
        >>> from nag.spaces import layered_space
        >>> strategy = partial(BayesianOptimisation, model=GPSurrogate(GaussianProcess(steps=5)))
        >>> len(nag.search(lambda arch: len(arch.edges), layered_space(4, 4), budget=6, strategy=strategy))
        6
    """

    process: GaussianProcess = field(default_factory=GaussianProcess)

    def fit(self, extractor: FeatureExtractor, seen: Features, targets: Tensor, seed: int) -> Posterior:
        """See `Surrogate`."""
        return _ProcessPosterior(self.process.fit(seen.rows, extractor.sizes, targets))


@dataclass(frozen=True)
class _ProcessPosterior:
    fitted: GPPosterior

    def predict(self, features: Features) -> Prediction:
        return self.fitted.predict(features.rows, features.repeats)

    def with_fantasies(self, features: Features) -> Posterior:
        return _ProcessPosterior(self.fitted.with_fantasies(features.rows))


@dataclass(frozen=True)
class PredictorSurrogate:
    """Any predictor, fitted anew for each query.

    Args:
        predictor: (space=..., proxies=..., seed=...) -> an untrained predictor.

    Example:
        >>> from functools import partial
        >>> import nag
        >>> from nag.predictors import GPPredictor
        >>> from nag.search import BayesianOptimisation, PredictorSurrogate
        >>> from nag.spaces import layered_space
        >>> strategy = partial(BayesianOptimisation, model=PredictorSurrogate(GPPredictor))
        >>> len(nag.search(lambda arch: len(arch.edges), layered_space(4, 4), budget=6, strategy=strategy))
        6
    """

    predictor: Callable[..., Predictor]

    def fit(self, extractor: FeatureExtractor, seen: Features, targets: Tensor, seed: int) -> Posterior:
        """See `Surrogate`."""
        predictor = self.predictor(space=extractor.problem.space, proxies=extractor.proxies, seed=seed)
        predictor.fit(seen.dags, targets)
        return _PredictorPosterior(predictor, len(extractor.sizes) + bool(extractor.linear), seen[:0])


@dataclass(frozen=True)
class _PredictorPosterior:
    """A predictor cannot be conditioned on fantasies, so a fixed kernel says by how much they reduce the standard deviation.

    With a noise-free label at x', the deviation at x of a process of correlation k shrinks by sqrt(1 - k(x, x')^2).
    """

    predictor: Predictor
    groups: int
    fantasies: Features

    def predict(self, features: Features) -> Prediction:
        found = self.predictor.predict(features.dags)
        std = found.std.double()
        if len(self.fantasies):
            near = matern(squared_distances(features.rows, self.fantasies.rows) / self.groups).double().clamp(max=1)
            std = std * (1 - near.square()).clamp(min=0).sqrt().amin(1)
        return Prediction(found.mean.double(), std)

    def with_fantasies(self, features: Features) -> Posterior:
        if not len(features):
            return self
        return _PredictorPosterior(self.predictor, self.groups, self.fantasies.joined(features))
