"""A meta-predictor on one task that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.progress import OnProgress, ignore_progress
from nag.graphs import DagBatch
from nag.predictors.base import Prediction, Predictor, check_labels
from nag.predictors.gaussian_process import Conditioned
from nag.predictors.meta import MetaFeatures, MetaPredictor
from nag.predictors.normal_scores import NormalScores

__all__ = ["TransferPredictor"]

_SHRINK = (0.03, 0.1, 0.3, 1.0)


class TransferPredictor(Predictor):
    """A meta-predictor on one task: zero-shot as it is made, few-shot once it is fitted to labels.

    How far the task may stray from the sources is averaged over a grid by the marginal likelihood of the labels, so that a
    task that the sources explain well keeps to them.

    Args:
        meta: The prior.
        task_features: Numbers that describe the task's data.
        chunk_size: Architectures scored at a time.

    Raises:
        InvalidRequest: A feature is missing or below 0.

    Example:
        >>> import torch
        >>> from nag.predictors import GPPredictor, MetaPredictor, NormalScores, TransferPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 10, seed=0)
        >>> values, source = dags.adjacency.sum((1, 2)).double(), GPPredictor(space, wl_rounds=0)
        >>> source.fit(dags, values)
        >>> meta = MetaPredictor(space, [], {"source": source})
        >>> meta.fit([{}], dags, NormalScores().fit(values)[:, None], torch.Generator().manual_seed(0))
        >>> predictor = TransferPredictor(meta, {})
        >>> predictor.fit(dags[:4], values[:4])
        >>> predictor.predict(dags).mean.shape
        torch.Size([10])
    """

    def __init__(self, meta: MetaPredictor, task_features: Mapping[str, float], chunk_size: int = 4096) -> None:
        super().__init__(meta.space)
        self.meta, self.task_features, self.chunk_size = meta, meta.scaled(task_features), chunk_size
        self.normal_scores = NormalScores()
        self._seen: MetaFeatures | None = None
        self._posteriors: list[tuple[float, float, Conditioned]] = []  # odds, shrinkage, posterior

    def fit(self, dags: DagBatch, targets: Tensor, on_progress: OnProgress = ignore_progress) -> None:
        """Conditions on labels, forgetting those before."""
        check_labels(dags, targets)
        self.fit_features(self.meta.features(dags), targets)
        on_progress(1.0)

    @torch.no_grad()
    def fit_features(self, seen: MetaFeatures, targets: Tensor) -> None:
        """As `fit`, of architectures whose features were computed before."""
        scores, weights = self.normal_scores.fit(targets), self.meta.weights(self.task_features)
        residual = scores - seen.source_scores @ weights
        found = [self.meta.condition(seen, residual, shrink) for shrink in _SHRINK]
        odds = torch.stack([posterior.log_likelihood(residual) for posterior in found]).softmax(0).tolist()
        self._seen, self._posteriors = seen, list(zip(odds, _SHRINK, found, strict=True))

    @torch.no_grad()
    def predict_scores(self, dags: DagBatch) -> Prediction:
        """Predicts normal scores: of all architectures before the fit, in the scale of the labels after it."""
        chunks = [dags[start : start + self.chunk_size] for start in range(0, len(dags), self.chunk_size)] or [dags]
        return Prediction.cat([self.predict_features(self.meta.features(chunk)) for chunk in chunks])

    @torch.no_grad()
    def predict_features(self, features: MetaFeatures) -> Prediction:
        """As `predict_scores`, of architectures whose features were computed before."""
        meta, prior = self.meta, self.meta.prior
        mean, noise = features.source_scores @ meta.weights(self.task_features), prior["noise"].exp()
        alone = prior["weight"].exp() * features.source_scores.square().sum(1) + prior["residual"].exp()
        if self._seen is None:
            return Prediction.of_variances(mean, alone, noise)
        means, variances = torch.zeros_like(mean), torch.zeros_like(mean)
        for odd, shrink, posterior in self._posteriors:
            cross = meta.covariance(features, self._seen, shrink)
            means += odd * posterior.mean(cross)
            variances += odd * (shrink * alone + prior["offset"].exp() - posterior.explained(cross)).clamp(min=0)
        return Prediction.of_variances(mean + means, variances, noise)

    @torch.no_grad()
    def predict(self, dags: DagBatch) -> Prediction:
        """Predicts targets in the units of the labels; normal scores where there were none."""
        scores = self.predict_scores(dags)
        return scores if self._seen is None else self.normal_scores.prediction_to_targets(scores)

    def config(self) -> dict[str, Any]:
        """Not stored: it is made anew from the meta-predictor and the labels."""
        raise InvalidRequest("a transferred predictor is not stored", "Store the meta-predictor and the labels.")
