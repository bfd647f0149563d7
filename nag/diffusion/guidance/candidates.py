"""Guidance without gradients: the denoiser reweighted by scored candidates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.numbers import Count
from nag.core.signatures import checked
from nag.diffusion.chains import Denoise
from nag.diffusion.discrete import require_discrete
from nag.diffusion.generator import Generator, SamplingCost
from nag.diffusion.guidance.request import Request
from nag.diffusion.guidance.score import Score
from nag.diffusion.process import draw
from nag.graphs import DagBatch, GraphBatch

__all__ = ["Candidates", "GuidedDenoiser"]


@checked
@dataclass(frozen=True)
class Candidates:
    """Proposal: the guided denoiser in place of the plain one (discrete generators).

    Args:
        number: Clean graphs that are scored for each graph and step.

    Raises:
        InvalidRequest: The number is below 1.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, Candidates, GuidanceMethod
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> method = GuidanceMethod(3.0, Candidates(4), pool=1, corrector=None)
        >>> len(method.sample(generator, 4, rng, edges))
        4
    """

    number: Count = 64

    def sample(self, request: Request) -> DagBatch:
        """Draws with the guided denoiser (see `Proposal`)."""
        return request.draw(GuidedDenoiser(request.generator.denoise, request.score, request.scale, self.number, request.rng))

    def cost(self, generator: Generator, count: int, steps: int | None) -> SamplingCost:
        """Scores `number` candidates a graph and step."""
        return generator.cost(count, steps) + SamplingCost(scored=count * self.number * generator.evaluations(steps))

    def check(self, generator: Generator) -> None:
        """Raises `InvalidRequest` for score models."""
        require_discrete(generator, "guidance by candidates", "Use guidance=particles or guidance=gradient.")


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
        score: What is to be high.
        scale: Inverse temperature.
        candidates: Clean graphs drawn for each graph and step.
        rng: Source of the candidates' randomness.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, GuidedDenoiser
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> denoise = GuidedDenoiser(generator.denoise, edges, scale=3.0, candidates=4, rng=rng)
        >>> len(generator.sample(2, rng, denoise=denoise))
        2
    """

    def __init__(self, denoise: Denoise, score: Score, scale: float, candidates: int, rng: torch.Generator) -> None:
        self.denoise = denoise
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
