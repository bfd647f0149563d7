"""Particle steering: twisted sequential Monte Carlo over the reverse process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.diffusion.chains import Chain
from nag.diffusion.generator import Generator, SamplingCost
from nag.diffusion.guidance.corrector import select
from nag.diffusion.guidance.request import Request
from nag.diffusion.guidance.score import Score
from nag.diffusion.process import draw
from nag.errors import InvalidRequest, check_numbers
from nag.graphs import DagBatch, GraphBatch

__all__ = ["Particles", "steer", "systematic"]


@dataclass(frozen=True)
class Particles:
    """Proposal: a population of particles is resampled by the score of what each is about to become.

    It needs no gradient, and takes any score and hard limit: a graph of score minus infinity is never returned while
    others are left.

    Args:
        per_sample: Particles for each graph that is asked for.
        every: Steps between two weighings.
        threshold: Share of the particles that the effective sample size must fall below before they are resampled.

    Raises:
        InvalidRequest: A number is out of range.
    """

    per_sample: int = 4
    every: int = 1
    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_numbers("guidance.proposal", self, per_sample=1, every=1, threshold=0)
        if self.threshold > 1:
            raise InvalidRequest(f"guidance.proposal threshold is {self.threshold}", "It must be a share, 0 to 1.")

    @torch.no_grad()
    def sample(self, request: Request) -> DagBatch:
        """Steers `per_sample` particles a graph, then draws `count` of them by their last weights (see `Proposal`)."""
        generator, count, rng = request.generator, request.count, request.rng
        chain, size = generator.chain(request.steps), generator.space.max_nodes
        found = []
        for num_nodes, width in generator.size_batches(count * self.per_sample, rng):

            def padded(dags: DagBatch) -> Tensor:
                return request.score(dags.pad(size))

            x_1 = chain.start(num_nodes, rng, width)
            dags, log_weight = steer(chain, x_1, padded, request.scale, rng, self.every, self.threshold, request.on_step)
            found.append((dags.pad(size), log_weight))
        dags, log_weight = DagBatch.cat([part for part, _ in found]), torch.cat([weight for _, weight in found])
        return dags[select(log_weight, None, count, rng)]

    def cost(self, generator: Generator, count: int, steps: int | None) -> SamplingCost:
        """Scores each particle at every weighing and once more at the end."""
        chain_steps, particles = generator.evaluations(steps), count * self.per_sample
        weighings = -(-chain_steps // self.every) + 1
        return generator.cost(particles, steps) + SamplingCost(scored=particles * weighings)

    def check(self, generator: Generator) -> None:
        """Every generator serves."""


def steer(
    chain: Chain,
    x_t: GraphBatch,
    score: Score,
    scale: float,
    rng: torch.Generator,
    every: int = 1,
    threshold: float = 0.5,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[DagBatch, Tensor]:
    """Runs a chain with particles that are weighed by scale * score of a clean graph drawn from each one's prediction.

    Weights are ratios of successive potentials, so that they telescope: whatever the potentials on the way, the
    final weighted particles are a consistent sample of p(x_0) exp(scale * score(x_0)) (twisted SMC; Wu et al. 2023,
    alg. 1). Potentials on the way are tempered by the share of the steps that is done. With a constant score no particle
    is ever resampled, and the result is the unguided chain, draw for draw but for the predictions' own randomness.

    Args:
        chain: The reverse process.
        x_t: B draws from its prior.
        score: What is to be high; minus infinity for what is forbidden.
        scale: Inverse temperature.
        rng: Source of randomness.
        every: Steps between two weighings.
        threshold: Share of B that the effective sample size must fall below before particles are resampled.
        on_step: Called after each step.

    Returns:
        Clean graphs and their log-weights (B,).
    """
    batch = len(x_t)
    log_weight = torch.zeros(batch, dtype=torch.float64, device=x_t.nodes.device)
    potential = torch.zeros_like(log_weight)
    looks = torch.Generator(device=rng.device).manual_seed(int(torch.randint(1 << 62, (1,), generator=rng, device=rng.device)))
    for step in range(chain.steps):
        clean = chain.denoise(x_t, chain.time(x_t, step))
        if step % every == 0:
            dags = GraphBatch(_draw(clean.nodes, looks), _draw(clean.edges, looks), x_t.mask).to_dags()
            # What is forbidden only finally: a particle whose first look is forbidden may still become allowed.
            value = score(dags).double().nan_to_num(neginf=-1e3).clamp(min=-1e3)
            ahead = scale * value * ((step + 1) / (chain.steps + 1))
            log_weight, potential = log_weight + ahead - potential, ahead
            rows, log_weight = _resample(log_weight, threshold, looks)
            x_t, potential = _take(x_t, rows), potential[rows]
            clean = _take(clean, rows)
        x_t = chain.move(x_t, clean, step, rng)
        on_step()
    dags = x_t.to_dags()
    return dags, log_weight + scale * score(dags).double() - potential


def _draw(p: Tensor, rng: torch.Generator) -> Tensor:
    """Draws categories from predictions, which a score model may leave slightly outside the simplex."""
    p = p.clamp(min=0)
    return draw(p / p.sum(-1, keepdim=True).clamp(min=1e-30), rng)


def _take(x: GraphBatch, rows: Tensor) -> GraphBatch:
    return GraphBatch(x.nodes[rows], x.edges[rows], x.mask[rows])


def _resample(log_weight: Tensor, threshold: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows (B,) and log-weights after resampling, which happens on the device where the effective sample size is low."""
    batch = len(log_weight)
    weight = log_weight.softmax(0)
    stays = 1 / weight.square().sum() >= threshold * batch
    rows = torch.where(stays, torch.arange(batch, device=weight.device), systematic(weight, rng))
    return rows, torch.where(stays, log_weight, torch.zeros_like(log_weight))


def systematic(weight: Tensor, rng: torch.Generator) -> Tensor:
    """Systematic resampling (Kitagawa 1996): B rows, each as often as its share of B, rounded up or down.

    Args:
        weight: (B,) summing to 1.
        rng: Source of randomness.
    """
    batch = len(weight)
    u = torch.rand(1, generator=rng, device=weight.device, dtype=weight.dtype)
    grid = (torch.arange(batch, device=weight.device, dtype=weight.dtype) + u) / batch
    return torch.searchsorted(weight.cumsum(0), grid).clamp(max=batch - 1)
