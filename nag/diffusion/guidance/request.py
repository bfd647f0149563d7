"""What is asked of a proposal and of a corrector: graphs from a generator's law, tilted by a score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from nag.diffusion.chains import Denoise, Tilt
from nag.diffusion.generator import Generator
from nag.diffusion.guidance.score import Score
from nag.graphs import DagBatch

__all__ = ["Request"]


@dataclass(frozen=True)
class Request:
    """Graphs asked of a generator: `count` from about p(x_0) exp(scale * score(x_0)).

    Args:
        generator: Draws from p(x_0).
        count: Number of graphs.
        rng: Source of randomness, on the generator's device.
        score: What is to be high.
        scale: Inverse temperature.
        steps: Steps of the reverse process; None for the generator's default.
        on_step: Called after each network evaluation.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, Request
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> request = Request(generator, count=4, rng=rng, score=edges, scale=3.0)
        >>> len(request.draw())
        4
    """

    generator: Generator
    count: int
    rng: torch.Generator
    score: Score
    scale: float
    steps: int | None = None
    on_step: Callable[[], None] = lambda: None

    def draw(self, denoise: Denoise | None = None, tilt: Tilt | None = None) -> DagBatch:
        """Draws with the generator; the score plays a part only through these (see `Generator.sample`).

        Args:
            denoise: In place of the generator's own unconditional `denoise`.
            tilt: Guidance of the transitions.

        Raises:
            InvalidRequest: `count` or `steps` is below 1.
        """
        return self.generator.sample(self.count, self.rng, self.steps, denoise, tilt, self.on_step)
