"""Guidance: tilting the denoiser toward graphs that a score likes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.diffusion.process import DiscreteProcess, draw
from nag.diffusion.sampler import Denoise
from nag.errors import InvalidRequest
from nag.graphs import DagBatch, GraphBatch

__all__ = ["Guidance", "GuidedDenoiser", "Score", "select"]

Score = Callable[[DagBatch], Tensor]
"""Graphs -> (B,) values, higher being better."""


@dataclass(frozen=True)
class Guidance:
    """How a score steers the samples: the guided denoiser, then selection from a pool, then the corrector.

    Args:
        scale: Inverse temperature: the samples shall follow p(x_0) exp(scale * score(x_0)); 0 for no guidance.
        candidates: Clean graphs that the guided denoiser scores for each graph and step; 0 for the plain denoiser.
        pool: Graphs generated for each sample that is selected.
        rounds: Metropolis moves of the corrector.
        distinct: Whether no two samples of a batch shall compute the same function.

    Raises:
        InvalidRequest: A number is out of range.
    """

    scale: float = 30.0
    candidates: int = 0
    pool: int = 10
    rounds: int = 300
    distinct: bool = True

    def __post_init__(self) -> None:
        for name, least in (("scale", 0), ("candidates", 0), ("pool", 1), ("rounds", 0)):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not value >= least:
                raise InvalidRequest(f"guidance {name} is {value}", f"It must be a number of at least {least}.")


def select(log_weight: Tensor, code: Tensor | None, count: int, rng: torch.Generator) -> Tensor:
    """Draws graphs without replacement with probability proportional to their weights (Gumbel top-k; Kool et al. 2019).

    Args:
        log_weight: (B,) logarithms of the weights.
        code: (B,) int64; of the graphs with one code only the first is drawn while there are others. None for no codes.
        count: Number of draws, at most B.
        rng: Source of randomness.

    Returns:
        (count,) int64 positions.
    """
    u = torch.rand(log_weight.shape, generator=rng, device=log_weight.device, dtype=torch.float64)
    key = log_weight.double() - (-u.clamp(min=1e-300).log()).log()
    if code is not None:
        order = code.argsort(stable=True)
        repeated = torch.zeros_like(code, dtype=torch.bool)
        repeated[order[1:]] = code[order[1:]] == code[order[:-1]]
        key = torch.where(repeated, key - 1e9, key)
    return key.topk(count).indices


class GuidedDenoiser:
    """Marginals of the clean graph under p(x_0 | x_t) exp(scale * score(x_0)), estimated from candidates.

    At each step `candidates` clean graphs are drawn from the denoiser's prediction and scored. Bayes' rule for one
    position gives p(x_0^i = k | x_t, tilt) proportional to p(x_0^i = k | x_t) E[exp(scale * score) | x_0^i = k, x_t];
    the conditional mean is estimated from the candidates that have category k there, shrunk toward the overall mean
    by one pseudo-candidate. Candidates are drawn position by position, so what positions do together is left to the
    following steps and to the corrector. It needs no gradient of the score, so that any predictor or objective serves, and with
    scale 0 it is the unguided denoiser exactly. (Soft values from predicted clean samples as in Li et al. 2024,
    "Derivative-free guidance"; here turned into a reweighting of every position.)

    Args:
        denoise: The unguided denoiser.
        process: Knows the categories.
        score: What is to be high.
        scale: Inverse temperature.
        candidates: Clean graphs drawn for each graph and step.
        rng: Source of the candidates' randomness.
    """

    def __init__(
        self, denoise: Denoise, process: DiscreteProcess, score: Score, scale: float, candidates: int, rng: torch.Generator
    ) -> None:
        self.denoise = denoise
        self.process = process
        self.score = score
        self.scale = scale
        self.candidates = candidates
        self.rng = rng

    def __call__(self, x_t: GraphBatch, t: Tensor) -> GraphBatch:
        """Tilted probabilities of x_0 (see `Denoise`)."""
        p = self.denoise(x_t, t)
        if self.scale == 0:
            return p
        batch, m = len(p), self.candidates
        nodes = draw(p.nodes.repeat_interleave(m, 0), self.rng)
        edges = draw(p.edges.repeat_interleave(m, 0), self.rng)
        dags = GraphBatch(nodes, edges, p.mask.repeat_interleave(m, 0)).to_dags()
        log_weight = (self.scale * self.score(dags)).view(batch, m)
        weight = (log_weight - log_weight.amax(1, keepdim=True)).exp()
        weight = (weight / weight.mean(1, keepdim=True)).to(p.nodes.dtype)
        return GraphBatch(_tilt(p.nodes, nodes, weight), _tilt(p.edges, edges, weight), p.mask)


def _tilt(p: Tensor, drawn: Tensor, weight: Tensor) -> Tensor:
    """Reweighs categories.

    Args:
        p: (B, ..., C) probabilities.
        drawn: (B * M, ..., C) one-hot candidates.
        weight: (B, M) with mean 1 in each row.
    """
    drawn = drawn.view(*weight.shape, *p.shape[1:])
    number = drawn.sum(1)
    weighted = torch.einsum("bm...,bm->b...", drawn, weight)
    tilted = p * (weighted + 1) / (number + 1)
    return tilted / tilted.sum(-1, keepdim=True).clamp(min=1e-30)
