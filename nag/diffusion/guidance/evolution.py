"""Evolution as denoising: a population is the denoiser, and no network is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from nag.core.numbers import Count, Fraction, FractionBelowOne, NonNegative
from nag.core.signatures import checked
from nag.diffusion.generator import Generator, SamplingCost, check_counts
from nag.diffusion.guidance.request import Request
from nag.diffusion.guidance.score import Score
from nag.graphs import DagBatch, GraphBatch
from nag.spaces import SearchSpace

__all__ = ["Evolution"]


@checked
@dataclass(frozen=True)
class Evolution:
    """Proposal: DDIM on one-hot graphs whose clean estimate is a fitness-weighted mean of the best graphs so far.

    With the elite x_i, the best `population` graphs found, the estimate is (Zhang et al. 2024, "Diffusion models are
    evolutionary algorithms")

        x_0(x_t) = sum_i w_i x_i,  w_i proportional to f(x_i) N(x_t; sqrt(alpha_t) x_i, 1 - alpha_t).

    Each generation takes one DDIM step (Song et al. 2021a, eq. 12), decodes the allowed category that is greatest at every
    position, scores those graphs that are valid and new, and lets the best of parents and children be the next elite;
    a trajectory whose child did not come in starts again from a noised member (selection as in EDNAG; Zhou and Yu 2025).
    Only graphs of one size are compared; sizes follow the fit as trajectories start again.

    The density f is exponential in the rank, so that no increasing function of the score changes anything; `scale`
    counts only in being above 0. Twins (graphs of one function) are scored once; nan means not measured, which
    is worse than anything measured. Of the generator only its draws are used, for the first generation.

    Args:
        population: Graphs in a generation, and the size of the elite.
        generations: Generations after the first, unless steps are asked for.
        pressure: Logarithm of the ratio of the best and the worst member's density.
        fresh: Share of noise that is drawn anew in each step, DDIM's eta; 0 keeps that of the start.
        least_alpha: alpha of the first step; nearer 0, the first generations are nearer to random draws.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, Evolution, GuidanceMethod
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> method = GuidanceMethod(3.0, Evolution(population=8, generations=2), pool=1, corrector=None)
        >>> len(method.sample(generator, 4, rng, edges))
        4
    """

    population: Count = 30
    generations: Count = 60
    pressure: NonNegative = 10.0
    fresh: Fraction = 1.0
    least_alpha: Annotated[FractionBelowOne, Field(gt=0)] = 0.6

    @torch.no_grad()
    def sample(self, request: Request) -> DagBatch:
        """The best `count` of all graphs that were scored, best first, over again where there are fewer (see `Proposal`)."""
        count, rng, steps, space = request.count, request.rng, request.steps, request.generator.space
        check_counts(count, steps)
        first = replace(request, count=self.population, steps=None).draw()
        found = _Found(space, request.score, first[:0])
        found.add(first)
        if not len(found.dags):  # nothing valid to start from
            return first[torch.arange(count, device=first.device) % len(first)]
        elite = found.best(self.population)
        x, sizes = self._restart(elite, self.population, self.least_alpha, rng)
        alphas = self._alphas(steps)
        for alpha, later in pairwise(alphas):
            x = self._step(x, sizes, elite, alpha, later, rng)
            children = _decode(x, sizes, space)
            found.add(children)
            elite = found.best(self.population)
            out = ~torch.isin(space.function_codes(children), found.codes_of(self.population))
            fresh_x, fresh_sizes = self._restart(elite, self.population, later, rng)
            x, sizes = torch.where(out[:, None], fresh_x, x), torch.where(out, fresh_sizes, sizes)
        best = found.best(count).dags
        return best[torch.arange(count, device=first.device) % len(best)]

    def cost(self, generator: Generator, count: int, steps: int | None) -> SamplingCost:
        """At most: what is invalid or known already is not scored."""
        generations = self.generations if steps is None else steps
        return generator.cost(self.population) + SamplingCost(scored=self.population * (1 + generations))

    def check(self, generator: Generator) -> None:
        """Every generator serves."""

    def _alphas(self, steps: int | None) -> list[float]:
        """The alpha of every generation and of the end: equally spaced up to 1."""
        generations = self.generations if steps is None else steps
        return torch.linspace(self.least_alpha, 1.0, generations + 1, dtype=torch.float64).tolist()

    def _step(self, x: Tensor, sizes: Tensor, elite: _Elite, alpha: float, later: float, rng: torch.Generator) -> Tensor:
        """DDIM from alpha to later (Song et al. 2021a, eq. 12): (B, D) to (B, D)."""
        clean = _estimate(x, sizes, elite, self.pressure, alpha)
        noise = (x - math.sqrt(alpha) * clean) / math.sqrt(1 - alpha)
        sigma = self.fresh * math.sqrt((1 - later) / (1 - alpha) * (1 - alpha / later))
        drawn = torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)
        return math.sqrt(later) * clean + math.sqrt(max(1 - later - sigma**2, 0.0)) * noise + sigma * drawn

    def _restart(self, elite: _Elite, count: int, alpha: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Noised members, drawn by their densities, and their numbers of nodes: (count, D) and (count,)."""
        density = _log_density(elite.values, self.pressure).softmax(0)
        rows = torch.multinomial(density, count, replacement=True, generator=rng)
        drawn = torch.randn((count, elite.x.shape[1]), generator=rng, device=rows.device, dtype=elite.x.dtype)
        return math.sqrt(alpha) * elite.x[rows] + math.sqrt(1 - alpha) * drawn, elite.dags.num_nodes[rows]


@dataclass(frozen=True)
class _Elite:
    """Graphs, their scores (E,) and their one-hot form (E, D)."""

    dags: DagBatch
    values: Tensor
    x: Tensor


class _Found:
    """All graphs that were scored, one a function."""

    def __init__(self, space: SearchSpace, score: Score, none: DagBatch) -> None:
        self.space, self.score = space, score
        self.dags = none
        self.codes = torch.zeros(0, dtype=torch.int64, device=none.device)
        self.values = torch.zeros(0, dtype=torch.float64, device=none.device)

    def add(self, dags: DagBatch) -> None:
        """Scores what is valid and new."""
        codes = self.space.function_codes(dags)
        valid = self.space.is_valid(dags)
        earlier = (codes[:, None] == codes).tril(-1) & valid
        new = valid & ~torch.isin(codes, self.codes) & ~earlier.any(1)
        if not new.any():
            return
        values = self.score(dags[new]).double().nan_to_num(nan=-math.inf, posinf=math.inf, neginf=-math.inf)
        self.dags = DagBatch.cat([self.dags, dags[new]])
        self.codes, self.values = torch.cat([self.codes, codes[new]]), torch.cat([self.values, values])

    def best(self, count: int) -> _Elite:
        """The best `count` graphs, best first."""
        rows = self._order(count)
        dags = self.dags[rows]
        graphs = GraphBatch.from_dags(dags, self.space.masks.nodes.shape[-1], self.space.masks.edges.shape[-1])
        return _Elite(dags, self.values[rows], torch.cat([graphs.nodes.flatten(1), graphs.edges.flatten(1)], 1))

    def codes_of(self, count: int) -> Tensor:
        """Functions of the best `count` graphs."""
        return self.codes[self._order(count)]

    def _order(self, count: int) -> Tensor:
        return self.values.argsort(descending=True, stable=True)[:count]


def _log_density(values: Tensor, pressure: float) -> Tensor:
    """The pressure times the share of members that are worse, equal ones counting half; minus infinity where not measured."""
    worse = (values[:, None] > values).double() + 0.5 * (values[:, None] == values)
    density = pressure * worse.mean(1)
    measured = values > -math.inf
    return torch.where(measured | ~measured.any(), density, -math.inf)


def _estimate(x: Tensor, sizes: Tensor, elite: _Elite, pressure: float, alpha: float) -> Tensor:
    """The weighted mean of the members of each graph's size: (B, D).

    Members of one size have one norm, so that of the Gaussian's exponent the inner product is all that differs.
    """
    log_weight = (math.sqrt(alpha) / (1 - alpha) * x @ elite.x.T).double() + _log_density(elite.values, pressure)
    same = sizes[:, None] == elite.dags.num_nodes
    weight = log_weight.masked_fill(~same, -math.inf).softmax(1).nan_to_num()
    return weight.to(x.dtype) @ elite.x


def _decode(x: Tensor, sizes: Tensor, space: SearchSpace) -> DagBatch:
    """The greatest allowed category of every position."""
    size, num_ops = space.masks.nodes.shape[1:]
    mask = torch.arange(size, device=x.device) < sizes[:, None]
    nodes, edges = x[:, : size * num_ops].view(-1, size, num_ops), x[:, size * num_ops :].view(len(x), size, size, -1)
    nodes = nodes.masked_fill(~space.masks.nodes.to(x.device)[sizes], -math.inf)
    return GraphBatch(nodes, edges.masked_fill(~space.masks.edges_of(mask), -math.inf), mask).to_dags()
