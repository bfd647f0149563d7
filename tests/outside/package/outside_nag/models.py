"""A predictor with a part of its own, and a generator."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import torch
from torch import nn

from nag.core.errors import InvalidRequest
from nag.diffusion import Generator, UniformKernel
from nag.diffusion.chains import AncestralChain
from nag.diffusion.losses import denoising_loss
from nag.diffusion.process import DiscreteProcess
from nag.diffusion.schedules import LinearSchedule, NoiseSchedule
from nag.graphs import GraphBatch
from nag.nn import GraphLogits
from nag.predictors import Prediction, Predictor, RankedPredictor
from nag.predictors.base import check_labels


class Shrinkage(ABC):
    """How far coefficients are drawn to 0."""

    strength: float


@dataclass(frozen=True)
class Ridge(Shrinkage):
    """By so much."""

    strength: float = 1.0


class CountPredictor(Predictor):
    """Ridge regression on the counts of operations and edges."""

    def __init__(self, space, shrinkage: Shrinkage | None = None, seed: int = 0):
        super().__init__(space)
        self.shrinkage, self.seed = shrinkage or Ridge(), seed
        size = len(space.vocabulary) + 2
        self.register_buffer("weights", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("spread", torch.zeros(2, dtype=torch.float64))

    def _features(self, dags):
        ops = (dags.ops[..., None] == torch.arange(len(self.space.vocabulary), device=dags.device)) & dags.mask[..., None]
        return torch.cat([ops.sum(1), dags.adjacency.sum((1, 2))[:, None], torch.ones(len(dags), 1)], 1).double()

    def fit(self, dags, targets, on_progress=lambda share: None):
        check_labels(dags, targets)
        x, y = self._features(dags), targets.double()
        scales = self.shrinkage.strength * torch.eye(x.shape[1], dtype=torch.float64)
        self.weights = torch.linalg.solve(x.T @ x + scales, x.T @ y)
        self.spread = torch.stack([(x @ self.weights - y).square().mean().sqrt() + 1e-6, y.std(correction=0) + 1e-6])
        on_progress(1.0)

    def predict(self, dags):
        if not bool(self.spread[0] > 0):
            raise InvalidRequest("the predictor has not been fitted", "Fit it.")
        mean = self._features(dags) @ self.weights
        return Prediction(mean, self.spread[0].expand(len(mean)))

    def predict_scores(self, dags):
        found = self.predict(dags)
        return Prediction(found.mean / self.spread[1], found.std / self.spread[1])


class HalfSchedule(NoiseSchedule):
    """alpha(t) = 1 - t, of its own class."""

    def alpha(self, t):
        return 1 - t

    def time(self, alpha):
        return 1 - alpha

    def rate(self, t):
        return 1 / (1 - t)


class MarginalGenerator(Generator):
    """Learns the frequency of each category at each position; positions are independent."""

    def __init__(self, space, data, schedule: NoiseSchedule | None = None, steps: int = 3):
        super().__init__(space)
        self.schedule, self.steps = schedule or LinearSchedule(), steps
        self.process = DiscreteProcess(UniformKernel(), self.schedule, space.masks, data)
        self.node_logits = nn.Parameter(torch.zeros(space.masks.nodes.shape[1:]))
        self.edge_logits = nn.Parameter(torch.zeros(space.masks.edges.shape))

    @property
    def sizes(self):
        return self.process.sizes

    def _logits(self, x_t):
        size = x_t.mask.shape[1]
        nodes, edges = self.process.allowed(x_t.mask)
        return GraphLogits(
            self.node_logits[:size].expand(nodes.shape).masked_fill(~nodes, float("-inf")),
            self.edge_logits[:size, :size].expand(edges.shape).masked_fill(~edges, float("-inf")),
        )

    def loss(self, dags, rng, condition=None, share=slice(None)):
        x_0 = self.process.clean(dags[share])
        x_t = self.process.noise(x_0, torch.rand(len(dags), generator=rng, device=rng.device)[share], rng)
        return denoising_loss(self._logits(x_t), x_0, x_t, self.process)

    def denoise(self, x_t, t, condition=None):
        logits = self._logits(x_t)
        return GraphBatch(logits.nodes.softmax(-1), logits.edges.softmax(-1), x_t.mask)

    def chain(self, steps=None, denoise=None):
        return AncestralChain(denoise or self.denoise, self.process, steps or self.steps)

    def clean(self, dags):
        return self.process.clean(dags)

    def noise(self, x_0, t, rng):
        return self.process.noise(x_0, t, rng)


class RankedCounts(RankedPredictor):
    """Ridge regression of normal scores on the counts of operations."""

    def __init__(self, space, *, strength: float = 1.0, seed: int = 0):
        super().__init__(space, seed=seed)
        self.strength = strength
        self.register_buffer("weights", torch.zeros(len(space.vocabulary) + 1, dtype=torch.float64))

    def _features(self, dags):
        counts = ((dags.ops[..., None] == torch.arange(len(self.space.vocabulary))) & dags.mask[..., None]).sum(1)
        return torch.cat([counts, torch.ones(len(dags), 1)], 1).double()

    def fit_scores(self, dags, scores, rng, on_progress):
        x = self._features(dags)
        scales = self.strength * torch.eye(x.shape[1], dtype=torch.float64)
        self.weights = torch.linalg.solve(x.T @ x + scales, x.T @ scores)
        return self.predict_normal_forms(dags)

    def predict_normal_forms(self, dags):
        mean = self._features(dags) @ self.weights
        return Prediction(mean, torch.full_like(mean, 0.5))
