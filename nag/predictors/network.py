"""Ensembles of networks that score graphs, trained side by side."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from nag.core.divergence import LossWatch
from nag.core.numbers import BatchSize, Count, NonNegative, Rate, SmallCount
from nag.core.progress import OnProgress
from nag.core.signatures import checked
from nag.graphs import DagBatch
from nag.predictors.base import Prediction
from nag.predictors.losses import Loss, RankingLoss
from nag.predictors.ranked import RankedOptions, RankedPredictor
from nag.spaces import SearchSpace

__all__ = ["NetworkOptions", "NetworkPredictor", "one_cycle"]

_USUAL_RATE = 5e-3
_IN_CACHE = 256  # architectures whose states a processor's cache holds


def one_cycle(progress: float, warm_up: float = 0.2, start: float = 0.02) -> float:
    """Share of the greatest step size: from `start` up along a cosine during the warm-up, then down to zero along another.

    Args:
        progress: Share of the steps that is done, 0 to 1.
        warm_up: Share of the steps of the warm-up, above 0 and below 1.
        start: Share of the greatest step size at first.
    """
    if progress < warm_up:
        return start + (1 - start) * (1 + math.cos(math.pi * (progress / warm_up - 1))) / 2
    return (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2


class NetworkOptions(RankedOptions, total=False):
    """Options of every `NetworkPredictor`, for a sub-class that passes them on; see there."""

    members: SmallCount
    steps: Count
    batch_size: BatchSize
    learning_rate: Rate
    weight_decay: NonNegative
    loss: Loss | None


@checked
class NetworkPredictor(RankedPredictor):
    """An ensemble of M networks (Lakshminarayanan et al. 2017), each of which leaves out one fold of the labels.

    Members that saw different labels err differently (cross-validation ensembles; Krogh and Vedelsby 1995), and tell what
    a label about which they know nothing is predicted to be. Mean and variance of the function are those of the members; a
    measurement has the mean squared error of those predictions besides.

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        members: Networks in the ensemble, M.
        steps: Training steps for up to `batch_size` labels; more labels get more, with the square root of their number.
        batch_size: Labels in a training step.
        learning_rate: Greatest step size of AdamW which rises and falls once (Smith and Topin 2018).
        weight_decay: Decoupled weight decay.
        loss: Loss of the scores; pairs and squared errors if None.
        proxies: Training-free scores that join the features.
        chunk_size: Architectures scored at a time.
        seed: Seed of initial weights, pairs, batches and dropout.

    Raises:
        InvalidRequest: A number is out of range; on fitting, the training diverges.
    """

    noise: Tensor

    def __init__(
        self,
        space: SearchSpace,
        *,
        members: SmallCount,
        steps: Count,
        batch_size: BatchSize,
        learning_rate: Rate,
        weight_decay: NonNegative,
        loss: Loss | None = None,
        **options: Unpack[RankedOptions],
    ) -> None:
        super().__init__(space, **options)
        self.members, self.steps, self.batch_size = members, steps, batch_size
        self.learning_rate, self.weight_decay, self.loss = learning_rate, weight_decay, loss or RankingLoss()
        self.register_buffer("noise", torch.zeros((), dtype=torch.float64))

    @classmethod
    def least_elements(cls, config: Mapping[str, Any]) -> int:
        """Numbers of an ensemble of that many members, layers and states."""
        return int(config["members"] * config["layers"] * config["width"] ** 2)

    @abstractmethod
    def _networks(self) -> nn.Module:
        """The trainable part."""

    @abstractmethod
    def _reset(self, rng: torch.Generator) -> None:
        """Draws all weights afresh."""

    @abstractmethod
    def _inputs(self, dags: DagBatch) -> Any:
        """What `_score` takes, of normal forms."""

    @abstractmethod
    def _score(self, inputs: Any, dropout: torch.Generator | None = None) -> Tensor:
        """Scores (M, B); nothing is dropped without a generator."""

    def _study(self, dags: DagBatch) -> None:
        """Fits to the labelled normal forms what needs no labels, such as the scales of features."""

    def fit_scores(self, dags: DagBatch, scores: Tensor, rng: torch.Generator, on_progress: OnProgress) -> Prediction:
        """Trains every member on all labels but those of its fold, by which the noise is measured."""
        folds = min(self.members, len(dags))
        label, member = (torch.arange(number, device=scores.device) for number in (len(dags), self.members))
        out = (member[:, None] % folds == label % folds) & (folds > 1)
        self._train(dags, scores, (~out).float(), rng, on_progress)
        judges = out if folds > 1 else ~out
        with torch.no_grad():
            found = self._score(self._inputs(dags)).double()
        mean = (found * judges).sum(0) / judges.sum(0)
        self.noise = (mean - scores).square().mean()
        return Prediction.of_variances(mean, found.var(0, correction=0), self.noise)

    def _train(
        self,
        dags: DagBatch,
        scores: Tensor,
        weights: Tensor,
        rng: torch.Generator,
        on_progress: OnProgress,
    ) -> None:
        """Trains the members on (B,) scores of B normal forms with (M, B) weights."""
        self._study(dags)
        self._reset(rng)
        total, size = len(dags), min(len(dags), self.batch_size)
        steps = round(self.steps * (total / size) ** 0.5)
        optimizer = torch.optim.AdamW(self._networks().parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: one_cycle(step / steps))
        inputs, rows, targets = self._inputs(dags), torch.arange(total, device=scores.device), scores.float()
        watch = LossWatch("the predictor", "predictor.learning_rate", self.learning_rate, _USUAL_RATE)
        for step in range(steps):
            if size < total:
                rows = torch.randperm(total, generator=rng)[:size].to(scores.device)
                inputs = self._inputs(dags[rows])
            optimizer.zero_grad(set_to_none=True)
            loss = self.loss(self._score(inputs, rng), targets[rows], weights[:, rows], rng).sum()
            loss.backward()
            optimizer.step()
            schedule.step()
            watch.see(loss)
            on_progress((step + 1) / steps)
        watch.look(self._networks().parameters())

    def predict_normal_forms(self, dags: DagBatch) -> Prediction:
        """Mean and spread of the members."""
        size = _IN_CACHE if dags.device.type == "cpu" else max(len(dags), 1)
        chunks = [dags[start : start + size] for start in range(0, len(dags), size)] or [dags]
        found = torch.cat([self._score(self._inputs(chunk)) for chunk in chunks], 1).double()
        return Prediction.of_variances(found.mean(0), found.var(0, correction=0), self.noise)
