"""Sampling from a score model: predictor-corrector, reverse diffusion, and the probability flow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.numbers import Count, Positive
from nag.core.signatures import checked, conform_value
from nag.diffusion.chains import Denoise
from nag.diffusion.sde.process import ScoreProcess, each
from nag.graphs import GraphBatch

__all__ = ["Move", "PredictorCorrector", "ProbabilityFlow", "ReverseDiffusion", "SDEChain", "SDESampler"]

Move = Callable[[ScoreProcess, GraphBatch, GraphBatch, Tensor, Tensor, torch.Generator], GraphBatch]
"""(process, x, E[x_0 | x], t, s, rng) -> x at the earlier time s; x is at time t for a predictor, at s for a corrector."""


class SDESampler(ABC):
    """What is done in each time step, one network evaluation a move: a predictor, then any correctors.

    Example:
        >>> from nag.diffusion import PredictorCorrector, ProbabilityFlow
        >>> len(ProbabilityFlow().moves), len(PredictorCorrector().moves)
        (1, 2)
    """

    @property
    @abstractmethod
    def moves(self) -> tuple[Move, ...]:
        """The predictor and the correctors."""


@dataclass(frozen=True)
class ReverseDiffusion(SDESampler):
    """Euler-Maruyama steps of the reverse SDE (Song et al. 2021, eq. 6).

    Example:
        >>> import torch
        >>> from nag.diffusion import ScoreGenerator, ReverseDiffusion, VPSDE
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = ScoreGenerator(space, data, VPSDE(), sampler=ReverseDiffusion(), steps=3, width=8, layers=1, heads=2)
        >>> generator.evaluations(), len(generator.sample(2, torch.Generator().manual_seed(0)))
        (3, 2)
    """

    @property
    def moves(self) -> tuple[Move, ...]:
        """The predictor alone."""
        return (_euler_maruyama,)


@checked
@dataclass(frozen=True)
class PredictorCorrector(SDESampler):
    """An Euler-Maruyama step of the reverse SDE, then one of annealed Langevin dynamics (Song et al. 2021, alg. 2 to 5).

    Args:
        snr: Signal-to-noise ratio of the Langevin steps.

    Raises:
        InvalidRequest: The ratio is not positive.

    Example:
        >>> import torch
        >>> from nag.diffusion import ScoreGenerator, PredictorCorrector, VPSDE
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = ScoreGenerator(space, data, VPSDE(), sampler=PredictorCorrector(), steps=3, width=8, layers=1, heads=2)
        >>> generator.evaluations(), len(generator.sample(2, torch.Generator().manual_seed(0)))
        (6, 2)
    """

    snr: Positive = 0.16

    @property
    def moves(self) -> tuple[Move, ...]:
        """The predictor and one corrector."""
        return (_euler_maruyama, self._langevin)

    def _langevin(
        self, process: ScoreProcess, x: GraphBatch, clean: GraphBatch, t: Tensor, s: Tensor, rng: torch.Generator
    ) -> GraphBatch:
        """One Langevin step at time s, of the size that alg. 5 sets from the batch's mean norms."""
        score, z = process.score(x, clean, s), process.normal(x.mask, rng)
        kept = (process.sde.scale(t) / process.sde.scale(s)) ** 2  # alg. 5's 1 - beta_i; one for the VE SDE (alg. 4)
        size = 2 * kept * (self.snr * _norm(z) / _norm(score).clamp(min=1e-12)) ** 2
        return each(lambda x, score, z: x + size * score + (2 * size).sqrt() * z, x, score, z)


@dataclass(frozen=True)
class ProbabilityFlow(SDESampler):
    """The deterministic flow with the same marginals (Song et al. 2021, eq. 13).

    Euler steps of x_t / alpha_t in sigma_t / alpha_t, where the flow is straight as long as the prediction stays
    (DDIM; Song, Meng and Ermon 2021, eq. 14).

    Example:
        >>> import torch
        >>> from nag.diffusion import ScoreGenerator, ProbabilityFlow, VPSDE
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = ScoreGenerator(space, data, VPSDE(), sampler=ProbabilityFlow(), steps=3, width=8, layers=1, heads=2)
        >>> generator.evaluations(), len(generator.sample(2, torch.Generator().manual_seed(0)))
        (3, 2)
    """

    @property
    def moves(self) -> tuple[Move, ...]:
        """The predictor alone."""
        return (_flow,)


def _euler_maruyama(
    process: ScoreProcess, x: GraphBatch, clean: GraphBatch, t: Tensor, s: Tensor, rng: torch.Generator
) -> GraphBatch:
    score, z, dt = process.score(x, clean, t), process.normal(x.mask, rng), t - s

    def step(x: Tensor, score: Tensor, z: Tensor) -> Tensor:
        drift, g = process.sde.drift_and_diffusion(x, t)
        return x - (drift - g**2 * score) * dt + g * dt.sqrt() * z

    return process.keep_fixed(each(step, x, score, z))


def _flow(process: ScoreProcess, x: GraphBatch, clean: GraphBatch, t: Tensor, s: Tensor, rng: torch.Generator) -> GraphBatch:
    sde = process.sde
    shrink = sde.sigma(s) / sde.sigma(t)
    return process.keep_fixed(each(lambda x, x_0: sde.scale(s) * x_0 + shrink * (x - sde.scale(t) * x_0), x, clean))


def _norm(x: GraphBatch) -> Tensor:
    """Mean over the graphs of their Euclidean norms: ()."""
    return (x.nodes.square().sum((1, 2)) + x.edges.square().sum((1, 2, 3))).sqrt().mean()


class SDEChain:
    """A score model's reverse process at equally spaced times from 1 to the SDE's earliest.

    The last evaluation goes into the mean of the clean graph, of which the most probable allowed categories are
    returned. A tilt is added to the score (Song et al. 2021, eq. 14), so that the prediction of the clean graph moves
    by sigma^2 / alpha times the tilt.

    Args:
        denoise: Predicts the mean of the clean graph.
        process: The process that the denoiser was trained on.
        sampler: What is done in each time step.
        steps: Network evaluations.

    Raises:
        InvalidRequest: There is no step.

    Example:
        >>> import torch
        >>> from nag.diffusion import ScoreGenerator, VPSDE, simulate
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = ScoreGenerator(space, data, VPSDE(), steps=3, width=8, layers=1, heads=2)
        >>> chain, rng = generator.chain(), torch.Generator().manual_seed(0)
        >>> simulate(chain, chain.start(torch.tensor([6, 6]), rng), rng).nodes.shape
        torch.Size([2, 6, 11])
    """

    def __init__(self, denoise: Denoise, process: ScoreProcess, sampler: SDESampler, steps: int) -> None:
        conform_value("the number of steps", steps, Count)
        self.denoise, self.process, self.steps = denoise, process, steps
        self.moves = sampler.moves
        intervals = -(-(steps - 1) // len(self.moves))
        # On the CPU whatever the device: numbers of no dimension enter a device's kernels without waiting for it.
        self.times = torch.linspace(1.0, process.sde.earliest, intervals + 1, dtype=torch.float64)

    def start(self, num_nodes: Tensor, rng: torch.Generator, width: int | None = None) -> GraphBatch:
        """Draws from the Gaussian prior."""
        return self.process.prior(num_nodes, rng, width)

    def time(self, x_t: GraphBatch, step: int) -> Tensor:
        """The same time for all graphs."""
        return torch.full((len(x_t),), float(self._now(step)), device=x_t.nodes.device)

    def move(
        self, x_t: GraphBatch, clean: GraphBatch, step: int, rng: torch.Generator, tilt: GraphBatch | None = None
    ) -> GraphBatch:
        """One predictor or corrector step; the last one returns clean graphs."""
        if tilt is not None:
            clean = self._tilted(clean, tilt, self._now(step))
        if step == self.steps - 1:
            return self.process.decode(clean)
        interval, which = divmod(step, len(self.moves))
        return self.moves[which](self.process, x_t, clean, self.times[interval], self.times[interval + 1], rng)

    def _now(self, step: int) -> Tensor:
        """Time of the graphs before a step: ()."""
        interval, which = divmod(step, len(self.moves))
        last = step == self.steps - 1
        return self.times[-1] if last else self.times[interval + (which > 0)]

    def _tilted(self, clean: GraphBatch, tilt: GraphBatch, t: Tensor) -> GraphBatch:
        reach = self.process.sde.sigma(t) ** 2 / self.process.sde.scale(t)
        return each(lambda x_0, by, noised: x_0 + reach * by * noised, clean, tilt, self.process.noised(clean.mask))
