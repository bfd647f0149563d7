"""What guidance steers toward: an objective with its limits, and how much daring there is about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from nag.diffusion import FrontGuidance, Generator, Guidance, SamplingCost
from nag.graphs import DagBatch

__all__ = ["Aim", "Drawn"]


@dataclass(frozen=True)
class Drawn:
    """Samples of an aim.

    Args:
        raw: As generated.
        kept: The valid ones that are predicted to keep all limits.
    """

    raw: DagBatch
    kept: DagBatch


@dataclass(frozen=True)
class Aim:
    """An objective and the guidance toward it.

    A limit on a predicted metric is kept with a margin, which costs the best architectures near it. A small share of the
    samples is therefore drawn with the limit at even odds: as most of the others keep it, so do the samples as a whole.

    Args:
        guidance: How to steer.
        objective: What is to be high, and what is feasible.
        daring: The same with its limits at even odds; None for none.
        share: Share of the samples that are drawn by `daring`.
    """

    guidance: Guidance | FrontGuidance
    objective: Any
    daring: Any = None
    share: float = 0.0

    def _parts(self, count: int) -> list[tuple[Any, int]]:
        """Each objective with its number of samples."""
        daring = 0 if self.daring is None else round(self.share * count)
        parts = [(self.objective, count - daring), (self.daring, daring)]
        return [(objective, number) for objective, number in parts if number]

    def check(self, generator: Generator) -> None:
        """Raises `InvalidRequest` if the guidance cannot steer such a generator."""
        self.guidance.check(generator)

    def cost(self, generator: Generator, count: int, steps: int | None = None) -> SamplingCost:
        """What `sample` with the same arguments evaluates."""
        costs = [self.guidance.cost(generator, number, steps) for _, number in self._parts(count)]
        return sum(costs, SamplingCost())

    def sample(
        self,
        generator: Generator,
        count: int,
        rng: torch.Generator,
        steps: int | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> Drawn:
        """Draws samples.

        Args:
            generator: The generator.
            count: Number of samples.
            rng: Source of randomness, on the generator's device.
            steps: Steps of the reverse process; None for the generator's default.
            on_step: Called after each network evaluation.
        """
        raw, kept = [], []
        for objective, number in self._parts(count):
            if isinstance(self.guidance, FrontGuidance):
                dags = self.guidance.sample(generator, number, rng, objective.scores, steps, on_step)
            else:
                dags = self.guidance.sample(generator, number, rng, objective.score, steps, on_step)
            raw.append(dags)
            kept.append(dags[objective.feasible(dags)])
        return Drawn(DagBatch.cat(raw), DagBatch.cat(kept))
