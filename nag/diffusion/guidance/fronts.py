"""Guidance toward a front: every sample has a score of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from nag.core.numbers import Count, Size
from nag.core.signatures import checked
from nag.diffusion.discrete import require_discrete
from nag.diffusion.generator import Generator, SamplingCost, check_counts
from nag.diffusion.guidance.refill import Refill, rounds_evaluations
from nag.diffusion.guidance.selection import repeated
from nag.graphs import DagBatch

__all__ = ["FrontGuidance", "assign"]

_FRONT = "a front", "Train one with generator=absorbing."
_REPEATED = -1e9


@checked
@dataclass(frozen=True)
class FrontGuidance:
    """Samples that together cover a front: the best assignment of graphs to directions, improved over generations.

    Each of the W samples has a score of its own, such as a scalarisation with weights of its own. Out of a pool, and then
    in each generation out of parents and offspring (see `Offspring`), the W graphs are kept whose assignment to the
    samples has the greatest sum of scores, no two of one function.

    Args:
        pool: Graphs drawn for each sample.
        rounds: Generations.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, FrontGuidance
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> def scores(dags):  # one column a sample
        ...     return torch.stack([edges(dags), -edges(dags)], 1)
        >>> few, many = FrontGuidance(pool=4, rounds=1).sample(generator, 2, rng, scores).adjacency.sum((1, 2)).sort().values
        >>> bool(few < many)
        True
    """

    pool: Count = 10
    rounds: Size = 30

    @torch.no_grad()
    def sample(
        self,
        generator: Generator,
        count: int,
        rng: torch.Generator,
        scores: Callable[[DagBatch], Tensor],
        steps: int | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> DagBatch:
        """Generates one graph for each of `count` directions; they may be invalid.

        Args:
            generator: A discrete generator.
            count: Number of directions, W.
            rng: Source of randomness, on the generator's device.
            scores: P graphs -> (P, W), higher being better.
            steps: Steps of the reverse process; None for the generator's default.
            on_step: Called after each network evaluation.

        Raises:
            InvalidRequest: The generator is not discrete, or `count` or `steps` is below 1.
        """
        check_counts(count, steps)
        discrete = require_discrete(generator, *_FRONT)
        refill = Refill(discrete.denoise, discrete.process, rng, on_step)
        code = generator.space.function_codes
        dags = generator.sample(count * self.pool, rng, steps, on_step=on_step)
        values = scores(dags)
        rows = assign(values, code(dags))
        dags, values = dags[rows], values[rows]
        for i in range(self.rounds):
            new = refill(discrete.clean(dags), i).to_dags()
            both, values = DagBatch.cat([dags, new]), torch.cat([values, scores(new)])
            rows = assign(values, code(both))
            dags, values = both[rows], values[rows]
        return dags

    def cost(self, generator: Generator, count: int, steps: int | None = None) -> SamplingCost:
        """What `sample` with the same arguments evaluates."""
        network = rounds_evaluations(require_discrete(generator, *_FRONT).process, self.rounds)
        return generator.cost(count * self.pool, steps) + SamplingCost(network, count * (self.pool + self.rounds))

    def check(self, generator: Generator) -> None:
        """Raises `InvalidRequest` for score models."""
        require_discrete(generator, *_FRONT)


def assign(values: Tensor, code: Tensor) -> Tensor:
    """The graphs whose assignment to directions has the greatest sum (Kuhn 1955; solved by scipy).

    Args:
        values: (P, W) scores, P >= W.
        code: (P,) int64; of the graphs with one code only the first counts while there are others.

    Returns:
        (W,) int64: the row of each direction.
    """
    values = torch.where(repeated(code)[:, None], torch.full_like(values, _REPEATED), values)
    directions, rows = linear_sum_assignment(values.T.double().cpu().numpy(), maximize=True)
    chosen = torch.empty(len(directions), dtype=torch.int64)
    chosen[torch.from_numpy(directions)] = torch.from_numpy(rows)
    return chosen.to(values.device)
