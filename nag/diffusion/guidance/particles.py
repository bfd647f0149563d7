"""Particle steering: twisted sequential Monte Carlo over the reverse process."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from nag.core.numbers import Count, Fraction
from nag.core.signatures import checked
from nag.diffusion.chains import Chain
from nag.diffusion.generator import Generator, SamplingCost, at_once
from nag.diffusion.guidance.request import Request
from nag.diffusion.guidance.score import Score
from nag.diffusion.process import draw
from nag.graphs import DagBatch, GraphBatch

__all__ = ["Particles", "steer", "systematic"]


@checked
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

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, GuidanceMethod, Particles
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> method = GuidanceMethod(3.0, Particles(per_sample=2), pool=1, corrector=None)
        >>> len(method.sample(generator, 4, rng, edges))
        4
    """

    per_sample: Count = 4
    every: Count = 1
    threshold: Fraction = 0.5

    @torch.no_grad()
    def sample(self, request: Request) -> DagBatch:
        """Steers `per_sample` particles a graph, then draws `count` of them in proportion to their weights (see `Proposal`)."""
        generator, count, rng = request.generator, request.count, request.rng
        chain, size = generator.chain(request.steps), generator.space.max_nodes

        def padded(dags: DagBatch) -> Tensor:
            return request.score(dags.pad(size))

        sizes = generator.size_batches(count * self.per_sample, rng)
        x_1 = [chain.start(num_nodes, rng, width) for num_nodes, width in sizes]
        dags, log_weight = steer(chain, x_1, padded, request.scale, rng, self.every, self.threshold, request.on_step)
        rows = systematic(_shares(log_weight), rng, count)
        return dags.pad(size)[rows[torch.randperm(count, generator=rng, device=rows.device)]]

    def cost(self, generator: Generator, count: int, steps: int | None) -> SamplingCost:
        """Scores each particle at every weighing and once more at the end."""
        chain_steps, particles = generator.evaluations(steps), count * self.per_sample
        weighings = -(-chain_steps // self.every) + 1
        return generator.cost(particles, steps) + SamplingCost(scored=particles * weighings)

    def check(self, generator: Generator) -> None:
        """Every generator serves."""


def steer(
    chain: Chain,
    x_t: GraphBatch | Sequence[GraphBatch],
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

    All particles are one population: they are weighed and resampled together, and only the network is evaluated in batches.
    Resampling leaves every particle the mean weight, so that the sum of the weights remains an estimate of the normalising
    constant, and weighted particles of independent calls may be pooled.

    Args:
        chain: The reverse process.
        x_t: B draws from its prior; graphs of different widths in a batch for each width.
        score: What is to be high; minus infinity for what is forbidden, as is nan.
        scale: Inverse temperature.
        rng: Source of randomness.
        every: Steps between two weighings.
        threshold: Share of B that the effective sample size must fall below before particles are resampled.
        on_step: Called after each network evaluation.

    Returns:
        Clean graphs and their log-weights (B,).

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, steer
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> chain = generator.chain()
        >>> graphs, log_weights = steer(chain, chain.start(torch.full((4,), 6), rng), edges, 1.0, rng)
        >>> len(graphs), log_weights.shape
        (4, torch.Size([4]))
    """
    groups = _one_for_each_width([x_t] if isinstance(x_t, GraphBatch) else x_t)
    log_weight = torch.zeros(sum(map(len, groups)), dtype=torch.float64, device=groups[0].nodes.device)
    potential = torch.zeros_like(log_weight)
    looks = torch.Generator(device=rng.device).manual_seed(int(torch.randint(1 << 62, (1,), generator=rng, device=rng.device)))
    for step in range(chain.steps):
        clean = [_predict(chain, group, step, on_step) for group in groups]
        if step % every == 0:
            dags = [_look(prediction, looks) for prediction in clean]
            # What is forbidden only finally: a particle whose first look is forbidden may still become allowed.
            value = _scored(score, dags).nan_to_num(neginf=-1e3).clamp(min=-1e3)
            ahead = scale * value * ((step + 1) / (chain.steps + 1))
            log_weight, potential = log_weight + ahead - potential, ahead
            rows, log_weight = _resample(log_weight, threshold, looks)
            groups, clean, potential = _take(groups, rows), _take(clean, rows), potential[rows]
        groups = [chain.move(group, prediction, step, rng) for group, prediction in zip(groups, clean, strict=True)]
    dags = [group.to_dags() for group in groups]
    return DagBatch.cat(dags), log_weight + scale * _scored(score, dags) - potential


def _one_for_each_width(batches: Sequence[GraphBatch]) -> list[GraphBatch]:
    by_width = groupby(sorted(batches, key=_width), key=_width)
    return [_cat(list(group)) for _, group in by_width]


def _width(batch: GraphBatch) -> int:
    return batch.mask.shape[1]


def _cat(parts: Sequence[GraphBatch]) -> GraphBatch:
    if len(parts) == 1:
        return parts[0]
    return GraphBatch(*(torch.cat([getattr(part, name) for part in parts]) for name in ("nodes", "edges", "mask")))


def _predict(chain: Chain, x_t: GraphBatch, step: int, on_step: Callable[[], None]) -> GraphBatch:
    """The prediction of the clean graphs, in batches that the network can take."""
    found = []
    for rows in torch.arange(len(x_t), device=x_t.nodes.device).split(at_once(_width(x_t))):
        part = x_t if len(rows) == len(x_t) else _rows(x_t, rows)
        found.append(chain.denoise(part, chain.time(part, step)))
        on_step()
    return _cat(found)


def _look(clean: GraphBatch, rng: torch.Generator) -> DagBatch:
    return GraphBatch(_draw(clean.nodes, rng), _draw(clean.edges, rng), clean.mask).to_dags()


def _draw(p: Tensor, rng: torch.Generator) -> Tensor:
    """Draws categories from predictions, which a score model may leave slightly outside the simplex."""
    p = p.clamp(min=0)
    return draw(p / p.sum(-1, keepdim=True).clamp(min=1e-30), rng)


def _scored(score: Score, groups: Sequence[DagBatch]) -> Tensor:
    """Scores of all graphs, in batches: (B,) float64, minus infinity in place of nan."""
    parts = [dags[rows] for dags in groups for rows in torch.arange(len(dags)).split(at_once(dags.max_nodes))]
    return torch.cat([score(part).double() for part in parts]).nan_to_num(nan=-math.inf, posinf=math.inf, neginf=-math.inf)


def _rows(x: GraphBatch, rows: Tensor) -> GraphBatch:
    return GraphBatch(x.nodes[rows], x.edges[rows], x.mask[rows])


def _take(groups: Sequence[GraphBatch], rows: Tensor) -> list[GraphBatch]:
    """Graphs at ascending rows of all groups together; a group that none is taken of goes."""
    if len(groups) == 1:
        return [_rows(groups[0], rows)]
    ends = torch.tensor([len(group) for group in groups], device=rows.device).cumsum(0)
    counts = torch.searchsorted(rows, ends).diff(prepend=ends.new_zeros(1)).tolist()
    found, start = [], 0
    for group, part in zip(groups, rows.split(counts), strict=True):
        if len(part):
            found.append(_rows(group, part - start))
        start += len(group)
    return found


def _shares(log_weight: Tensor) -> Tensor:
    """Weights (B,) that sum to 1; equal ones where nothing is allowed."""
    return torch.where(log_weight.isneginf().all(), torch.zeros_like(log_weight), log_weight).softmax(0)


def _resample(log_weight: Tensor, threshold: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows (B,) and log-weights after resampling, which happens on the device where the effective sample size is low."""
    batch = len(log_weight)
    weight = log_weight.softmax(0)
    stays = 1 / weight.square().sum() >= threshold * batch
    rows = torch.where(stays, torch.arange(batch, device=weight.device), systematic(weight, rng))
    mean = log_weight.logsumexp(0) - math.log(batch)
    return rows, torch.where(stays, log_weight, mean)


def systematic(weight: Tensor, rng: torch.Generator, count: int | None = None) -> Tensor:
    """Systematic resampling (Kitagawa 1996): rows in ascending order, each as often as its share, rounded up or down.

    Args:
        weight: (B,) float64 summing to 1.
        rng: Source of randomness.
        count: Number of rows; B if None.

    Returns:
        (count,) int64; no row of weight 0.
    """
    batch = len(weight)
    count = batch if count is None else count
    u = torch.rand(1, generator=rng, device=weight.device, dtype=weight.dtype)
    grid = (torch.arange(count, device=weight.device, dtype=weight.dtype) + u) / count
    total = weight.cumsum(0)
    return torch.searchsorted(total / total[-1], grid, right=True).clamp(max=batch - 1)
