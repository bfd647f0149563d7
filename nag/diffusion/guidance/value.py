"""A value of noisy graphs, and the guidance of transitions that follows from it: gradient, first-order, exact."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nag.core.numbers import Count
from nag.core.randomness import seeded
from nag.core.signatures import checked
from nag.diffusion.chains import Tilt
from nag.diffusion.discrete import require_discrete
from nag.diffusion.generator import Generator, SamplingCost
from nag.diffusion.guidance.request import Request
from nag.diffusion.guidance.score import Score
from nag.graphs import DagBatch, GraphBatch
from nag.nn import DagBody

__all__ = ["ExactTilt", "GradientTilt", "NoisyValue", "fit_value"]

_WIDTH, _LAYERS, _HEADS, _BATCH = 64, 3, 4, 128
_EXACT = "exact guidance", "Use guidance=gradient."


class NoisyValue(nn.Module):
    """E[score(x_0) | x_t] of noisy graphs: the noise-aware predictor that guidance needs (Dhariwal and Nichol 2021, 4.1).

    Args:
        generator: Whose noisy graphs it reads.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, NoisyValue
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> x_0 = generator.clean(data[:2])
        >>> NoisyValue(generator)(x_0, torch.tensor([0.0, 0.0])).shape
        torch.Size([2])
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        probe = generator.clean(generator.space.to_dags([]))
        kinds, links = probe.nodes.shape[-1], probe.edges.shape[-1]
        self.body = DagBody(kinds, links, generator.space.max_nodes, _WIDTH, _LAYERS, _HEADS)
        self.head = nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, 1))

    def forward(self, x_t: GraphBatch, t: Tensor) -> Tensor:
        """Expected scores: (B,)."""
        h = self.body(x_t.nodes, x_t.edges, x_t.mask, t)
        return self.head((h * x_t.mask.unsqueeze(-1)).sum(1) / x_t.mask.sum(1, keepdim=True)).squeeze(-1)


@torch.enable_grad()
def fit_value(
    generator: Generator, score: Score, graphs: int, training_steps: int, rng: torch.Generator, steps: int | None = None
) -> NoisyValue:
    """Fits the value to the scores of the generator's own samples, noised; it uses no label beyond those of the score.

    Args:
        generator: The generator.
        score: What is to be high.
        graphs: Clean graphs that are drawn and scored.
        training_steps: Steps of AdamW on batches of 128 noisy graphs.
        rng: Source of randomness.
        steps: Steps of the generator's sampler.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, fit_value
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> value = fit_value(generator, edges, graphs=16, training_steps=2, rng=rng)
        >>> value(generator.clean(data[:3]), torch.zeros(3)).shape
        torch.Size([3])
    """
    dags = generator.sample(graphs, rng, steps)
    target = score(dags).float()
    with seeded(int(torch.randint(1 << 31, (1,), generator=rng, device=rng.device))):
        value = NoisyValue(generator).to(dags.device)
    optimizer = torch.optim.AdamW(value.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=max(training_steps, 2))
    for _ in range(training_steps):
        rows = torch.randint(graphs, (_BATCH,), generator=rng, device=dags.device)
        t = torch.rand(_BATCH, generator=rng, device=dags.device)
        x_t = generator.noise(generator.clean(dags[rows]), t, rng)
        loss = (value(x_t, t) - target[rows]).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(value.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return value.eval().requires_grad_(False)


@checked
@dataclass(frozen=True)
class _ValueTilt(ABC):
    """Proposal: transitions tilted by a noisy value that is fitted first."""

    graphs: Count = 2000
    training_steps: Count = 300

    def sample(self, request: Request) -> DagBatch:
        """Fits the value, then samples with the tilted transitions (see `Proposal`)."""
        generator = request.generator
        self.check(generator)
        value = fit_value(generator, request.score, self.graphs, self.training_steps, request.rng, request.steps)
        return request.draw(tilt=self.tilt(generator, value, request.scale))

    def cost(self, generator: Generator, count: int, steps: int | None) -> SamplingCost:
        """Scores the graphs that the value is fitted to; the value's own evaluations are not counted."""
        return generator.cost(count, steps) + SamplingCost(scored=self.graphs)

    @abstractmethod
    def check(self, generator: Generator) -> None:
        """Raises `InvalidRequest` if it cannot draw from such a generator."""

    @abstractmethod
    def tilt(self, generator: Generator, value: NoisyValue, scale: float) -> Tilt:
        """The log-weights that the value gives to transitions (see `Tilt`)."""


@dataclass(frozen=True)
class GradientTilt(_ValueTilt):
    """Proposal: transitions follow the gradient of the noisy value.

    In a score model the gradient is added to the score (Dhariwal and Nichol 2021, alg. 1; Song et al. 2021, eq. 14). In a
    discrete one it is the first-order expansion of the log-ratio of the value between x_t and each graph that differs
    in one position (Nisonoff et al. 2025, eq. 5), at the cost of one backward pass a step.

    Args:
        graphs: Clean graphs that the value is fitted to.
        training_steps: Training steps of the value.

    Raises:
        InvalidRequest: A number is below 1.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, GradientTilt, GuidanceMethod
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> method = GuidanceMethod(3.0, GradientTilt(graphs=16, training_steps=1), pool=1, corrector=None)
        >>> len(method.sample(generator, 4, rng, edges))
        4
    """

    def check(self, generator: Generator) -> None:
        """Every generator serves."""

    def tilt(self, generator: Generator, value: NoisyValue, scale: float) -> Tilt:
        """Scale times the gradient of the value in the categories of x_t."""

        def tilt(x_t: GraphBatch, t: Tensor) -> GraphBatch:
            with torch.enable_grad():
                nodes, edges = x_t.nodes.detach().requires_grad_(), x_t.edges.detach().requires_grad_()
                total = value(GraphBatch(nodes, edges, x_t.mask), t).sum()
                by_nodes, by_edges = torch.autograd.grad(total, (nodes, edges))
            return GraphBatch(scale * by_nodes, scale * by_edges, x_t.mask)

        return tilt


@dataclass(frozen=True)
class ExactTilt(_ValueTilt):
    """Proposal: each transition is reweighted by the ratio of the value after and before it (discrete generators).

    One evaluation of the value for each position and category (exact predictor guidance; Nisonoff et al. 2025, eq. 2).

    Args:
        graphs: Clean graphs that the value is fitted to.
        training_steps: Training steps of the value.

    Raises:
        InvalidRequest: A number is below 1.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, ExactTilt, GuidanceMethod
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> method = GuidanceMethod(3.0, ExactTilt(graphs=16, training_steps=1), pool=1, corrector=None)
        >>> len(method.sample(generator, 4, rng, edges))
        4
    """

    def check(self, generator: Generator) -> None:
        """Raises `InvalidRequest` for score models."""
        require_discrete(generator, *_EXACT)

    def tilt(self, generator: Generator, value: NoisyValue, scale: float) -> Tilt:
        """Scale times the value of every graph that differs from x_t in one position."""
        process = require_discrete(generator, *_EXACT).process

        def tilt(x_t: GraphBatch, t: Tensor) -> GraphBatch:
            at_nodes, at_edges = torch.zeros_like(x_t.nodes), torch.zeros_like(x_t.edges)
            positions = process.free_nodes.any(0).nonzero().squeeze(1).tolist()
            for i in positions:
                for k in range(process.allowed_nodes.shape[-1]):
                    nodes = x_t.nodes.clone()
                    nodes[:, i] = 0
                    nodes[:, i, k] = 1
                    at_nodes[:, i, k] = scale * value(GraphBatch(nodes, x_t.edges, x_t.mask), t)
            sources, targets = process.pairs_of(x_t.mask.shape[1])
            for u, v in zip(sources.tolist(), targets.tolist(), strict=True):
                for k in range(process.allowed_edges.shape[-1]):
                    edges = x_t.edges.clone()
                    edges[:, u, v] = 0
                    edges[:, u, v, k] = 1
                    at_edges[:, u, v, k] = scale * value(GraphBatch(x_t.nodes, edges, x_t.mask), t)
            return GraphBatch(at_nodes, at_edges, x_t.mask)

        return tilt
