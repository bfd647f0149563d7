"""A label-efficient predictor: an ensemble of graph neural networks that rank, averaged with a Gaussian process."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from nag.errors import DamagedFile, InvalidRequest
from nag.graphs import DagBatch, dags_to_pyg, reduce
from nag.nn.message_passing import DagEncoder
from nag.predictors.base import Prediction, Predictor, check_labels
from nag.predictors.gaussian_process import GaussianProcess
from nag.predictors.losses import RankingLoss
from nag.predictors.networks import GraphScorers
from nag.predictors.normal_scores import NormalScores
from nag.predictors.structure import group_scales, structure_counts
from nag.spaces import SearchSpace

__all__ = ["GNNPredictor"]


def _one_cycle(progress: float, warm_up: float = 0.2) -> float:
    """Share of the greatest step size: up along a cosine during the warm-up, then down to zero along another."""
    down = progress >= warm_up
    phase = (progress - warm_up) / (1 - warm_up) if down else progress / warm_up - 1
    return 0.02 + 0.98 * (1 + math.cos(math.pi * phase)) / 2


_SIZES: dict[str, Callable[[Any], Any]] = {"width": int, "layers": int, "members": int, "process_share": float}


class GNNPredictor(Predictor):
    """Predicts the target of an architecture from what it computes, from as few as some dozens of labels.

    Works on the normal form, so architectures that compute the same get the same prediction. An ensemble of
    message-passing networks (`DagEncoder`), trained side by side to rank pairs, is averaged with a Gaussian process on counts
    of paths and of operations by depth, which errs elsewhere. Both fit the normal scores of the targets; an increasing
    map leads back to target units. The standard deviation combines the spread of the ensemble, the uncertainty of the process,
    how much the two disagree, and the noise of the labels as the marginal likelihood finds it.

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        width: Size of the networks' states.
        layers: Rounds of messages.
        members: Networks in the ensemble.
        steps: Training steps for up to `batch_size` labels; more labels get more, with the square root of their number.
        batch_size: Labels in a training step.
        learning_rate: Greatest step size of AdamW which rises and falls once (Smith and Topin 2018).
        weight_decay: Decoupled weight decay.
        dropout: Share of the states dropped in the perceptrons during training.
        loss: Loss of the scores.
        process_share: Weight of the Gaussian process in the mean, 0..1.
        chunk_size: Architectures scored at a time.
        seed: Seed of initial weights, pairs, batches and dropout.

    Raises:
        InvalidRequest: A number is out of range.
    """

    fitted: Tensor
    shape_shift: Tensor
    shape_scale: Tensor

    def __init__(
        self,
        space: SearchSpace,
        *,
        width: int = 32,
        layers: int = 3,
        members: int = 6,
        steps: int = 200,
        batch_size: int = 512,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
        dropout: float = 0.1,
        loss: RankingLoss | None = None,
        process_share: float = 0.5,
        chunk_size: int = 2048,
        seed: int = 0,
    ) -> None:
        super().__init__(space)
        if min(width, layers, members, steps, batch_size, chunk_size) < 1:
            raise InvalidRequest("a size of the predictor is less than 1", "Sizes count from 1.")
        if not (0 <= process_share <= 1 and 0 <= dropout < 1):
            raise InvalidRequest("a share of the predictor is out of range", "Shares lie between 0 and 1.")
        self._sizes = {"width": width, "layers": layers, "members": members, "process_share": process_share}
        self.steps, self.batch_size, self.chunk_size = steps, batch_size, chunk_size
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.loss, self.process_share, self.seed = loss or RankingLoss(), process_share, seed
        semantics = space.semantics
        output = semantics.vocabulary.index(semantics.output)
        encoder = DagEncoder(len(semantics.vocabulary), output, space.max_nodes - 1, width, layers, members)
        num_shape = space.max_nodes + 11
        self.scorers = GraphScorers(encoder, num_shape, width, dropout)
        self.process = GaussianProcess()
        self.normal_scores = NormalScores()
        self.register_buffer("shape_shift", torch.zeros(num_shape, dtype=torch.float64))
        self.register_buffer("shape_scale", torch.zeros(num_shape, dtype=torch.float64))
        self.register_buffer("fitted", torch.tensor(False))

    def description(self) -> dict[str, Any]:
        """The sizes that the state depends on."""
        return dict(self._sizes)

    @classmethod
    def restore(cls, space: SearchSpace, description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> GNNPredictor:
        """Rebuilds a fitted predictor.

        Raises:
            DamagedFile: The description or the tensors do not fit.
        """
        try:
            predictor = cls(space, **{name: _SIZES[name](description[name]) for name in _SIZES})
            predictor.load_state_dict(dict(tensors))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DamagedFile("the predictor's weights do not fit its description", "Train it again.") from error
        return predictor.eval()

    def fit(self, dags: DagBatch, targets: Tensor, on_progress: Callable[[float], None] = lambda share: None) -> None:
        """Learns from labels, forgetting what was learned before; the same seed and labels give the same predictor."""
        check_labels(dags, targets)
        device = self.fitted.device
        rng = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(dags), generator=rng)
        dags, targets = self._normal_form(dags[order.to(dags.device)].to(device)), targets[order.to(targets.device)].to(device)
        scores = self.normal_scores.fit(targets)
        counts = structure_counts(dags, self.space.semantics)
        self.shape_shift, self.shape_scale = group_scales([counts.shape])
        self.process.fit(counts.groups(), scores)
        self.scorers.reset_parameters(rng)
        with torch.enable_grad():
            self._train(dags, self._scaled_shape(counts.shape), scores.float(), rng, on_progress)
        self.fitted = torch.ones_like(self.fitted)

    def _train(
        self, dags: DagBatch, shape: Tensor, scores: Tensor, rng: torch.Generator, on_progress: Callable[[float], None]
    ) -> None:
        """Trains all members on (B,) scores of B graphs."""
        total, size = len(dags), min(len(dags), self.batch_size)
        steps = round(self.steps * (total / size) ** 0.5)
        parameters = list(self.scorers.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=self.learning_rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _one_cycle(step / steps))
        graphs, rows = dags_to_pyg(dags), torch.arange(total, device=scores.device)
        for step in range(steps):
            if size < total:
                rows = torch.randperm(total, generator=rng)[:size].to(scores.device)
                graphs = dags_to_pyg(dags[rows])
            optimizer.zero_grad(set_to_none=True)
            self.loss(self.scorers(graphs, shape[rows], rng), scores[rows], rng).sum().backward()
            optimizer.step()
            schedule.step()
            on_progress((step + 1) / steps)

    @torch.no_grad()
    def predict(self, dags: DagBatch) -> Prediction:
        """Predicts the targets of B architectures, in chunks.

        Returns:
            Mean and standard deviation in target units, float64 on the device of `dags`. The mean increases strictly with
            the score of the networks and the process.
        """
        scores = self.predict_scores(dags)
        mean = self.normal_scores.to_targets(scores.mean.to(self.fitted.device))
        std = self.normal_scores.spread_to_targets(scores.mean.to(mean.device), scores.std.to(mean.device))
        return Prediction(mean.to(dags.device), std.to(dags.device))

    @torch.no_grad()
    def predict_scores(self, dags: DagBatch) -> Prediction:
        """Predicts normal scores: the same order as `predict`, but on a standard normal scale whatever the task.

        Raises:
            InvalidRequest: The predictor was neither fitted nor loaded.
        """
        if not bool(self.fitted):
            raise InvalidRequest("the predictor has not been fitted", "Fit it to labels, or load a trained one.")
        if not len(dags):
            return Prediction(*torch.zeros(2, 0, dtype=torch.float64, device=dags.device))
        parts = [self._score(dags[start : start + self.chunk_size]) for start in range(0, len(dags), self.chunk_size)]
        mean = torch.cat([part.mean for part in parts]).to(dags.device)
        return Prediction(mean, torch.cat([part.std for part in parts]).to(dags.device))

    def _score(self, dags: DagBatch) -> Prediction:
        dags = self._normal_form(dags.to(self.fitted.device))
        counts = structure_counts(dags, self.space.semantics)
        members = self.scorers(dags_to_pyg(dags), self._scaled_shape(counts.shape)).double()
        network, spread = members.mean(0), members.var(0, correction=0)
        process, doubt = self.process(counts.groups())
        share = self.process_share
        variance = (1 - share) * spread + share * doubt + share * (1 - share) * (network - process).square()
        return Prediction((1 - share) * network + share * process, (variance + self.process.noise).sqrt())

    def _normal_form(self, dags: DagBatch) -> DagBatch:
        if dags.max_nodes > self.space.max_nodes:
            raise InvalidRequest(f"an architecture has room for {dags.max_nodes} nodes", f"At most {self.space.max_nodes} fit.")
        return reduce(dags.pad(self.space.max_nodes), self.space.semantics)

    def _scaled_shape(self, shape: Tensor) -> Tensor:
        return ((shape - self.shape_shift) * self.shape_scale).float()
