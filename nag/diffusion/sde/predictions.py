"""Prediction targets of a score model, their losses, and the predicted mean clean graph."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from nag.diffusion.losses import LossTerms, denoising_loss
from nag.diffusion.sde.process import ScoreProcess, each
from nag.graphs import GraphBatch
from nag.nn import GraphLogits

__all__ = ["CleanPrediction", "NoisePrediction", "Prediction"]


class Prediction(ABC):
    """How a network's output (B, N, K), (B, N, N, L) is read.

    Example:
        >>> from nag.diffusion import CleanPrediction, NoisePrediction
        >>> from nag.diffusion.sde import Prediction
        >>> [isinstance(each, Prediction) for each in (CleanPrediction(), NoisePrediction())]
        [True, True]
    """

    @abstractmethod
    def clean(self, output: GraphLogits, x_t: GraphBatch, t: Tensor, process: ScoreProcess) -> GraphBatch:
        """E[x_0 | x_t]; t is (B,)."""

    @abstractmethod
    def loss(self, output: GraphLogits, x_0: GraphBatch, x_t: GraphBatch, t: Tensor, process: ScoreProcess) -> LossTerms:
        """Training loss of noisy graphs whose clean graphs are known; t is (B,)."""


class CleanPrediction(Prediction):
    """The output holds logits of the clean categories, whose probabilities are E[x_0 | x_t] of one-hot data.

    Cross-entropy has the same minimum as denoising score matching, and the prediction never leaves the simplex
    (Dieleman et al. 2022, "Continuous diffusion for categorical data", 3.1 and 3.2).

    Example:
        >>> import torch
        >>> from nag.diffusion import ScoreGenerator, CleanPrediction, VPSDE
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = ScoreGenerator(space, data, VPSDE(), CleanPrediction(), steps=3, width=8, layers=1, heads=2)
        >>> generator.loss(data, torch.Generator().manual_seed(0)).total.shape
        torch.Size([])
    """

    def clean(self, output: GraphLogits, x_t: GraphBatch, t: Tensor, process: ScoreProcess) -> GraphBatch:
        """Probabilities of the allowed categories."""
        logits = self._allowed(output, x_t, process)
        return GraphBatch(logits.nodes.softmax(-1), logits.edges.softmax(-1), x_t.mask)

    def loss(self, output: GraphLogits, x_0: GraphBatch, x_t: GraphBatch, t: Tensor, process: ScoreProcess) -> LossTerms:
        """Mean cross-entropy in nats of the clean categories at generated positions."""
        return denoising_loss(self._allowed(output, x_t, process), x_0, x_t, process.positions)

    @staticmethod
    def _allowed(output: GraphLogits, x_t: GraphBatch, process: ScoreProcess) -> GraphLogits:
        nodes, edges = process.positions.allowed(x_t.mask)
        floor = float("-inf")
        return GraphLogits(output.nodes.masked_fill(~nodes, floor), output.edges.masked_fill(~edges, floor))


class NoisePrediction(Prediction):
    """The output is sigma_t times the score, so minus the noise that is expected given x_t.

    Example:
        >>> import torch
        >>> from nag.diffusion import ScoreGenerator, NoisePrediction, VPSDE
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = ScoreGenerator(space, data, VPSDE(), NoisePrediction(), steps=3, width=8, layers=1, heads=2)
        >>> generator.loss(data, torch.Generator().manual_seed(0)).total.shape
        torch.Size([])
    """

    def clean(self, output: GraphLogits, x_t: GraphBatch, t: Tensor, process: ScoreProcess) -> GraphBatch:
        """Tweedie's formula: (x_t + sigma output) / alpha; it may leave the simplex."""
        sigma = process.sde.sigma(t)
        score = GraphBatch(output.nodes / sigma[:, None, None], output.edges / sigma[:, None, None, None], x_t.mask)
        return process.from_score(x_t, score, t)

    def loss(self, output: GraphLogits, x_0: GraphBatch, x_t: GraphBatch, t: Tensor, process: ScoreProcess) -> LossTerms:
        """Denoising score matching weighed by sigma^2: the mean of (output + z)^2 (Song et al. 2021, eq. 7).

        Nodes and edges are means over all noised numbers of the batch; in the total each graph weighs the same.
        """
        noised = process.noised(x_t.mask)
        alpha, sigma = process.sde.scale(t), process.sde.sigma(t)
        z_nodes = (x_t.nodes - alpha[:, None, None] * x_0.nodes) / sigma[:, None, None]
        z_edges = (x_t.edges - alpha[:, None, None, None] * x_0.edges) / sigma[:, None, None, None]
        errors = each(
            lambda out, z, noised: ((out + z).square() * noised).flatten(1).sum(1),
            GraphBatch(output.nodes, output.edges, x_t.mask),
            GraphBatch(z_nodes, z_edges, x_t.mask),
            noised,
        )
        count = each(lambda noised: noised.flatten(1).sum(1), noised)
        total = ((errors.nodes + errors.edges) / (count.nodes + count.edges).clamp(min=1)).mean()
        parts = each(lambda error, count: error.sum() / count.sum().clamp(min=1), errors, count)
        return LossTerms(parts.nodes, parts.edges, total)
