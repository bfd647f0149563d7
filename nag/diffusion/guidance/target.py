"""What guidance steers toward: an objective with its limits, and the share of the samples allowed near them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nag.diffusion.generator import Generator, SamplingCost
from nag.diffusion.guidance.fronts import FrontGuidance
from nag.diffusion.guidance.pipeline import GuidanceMethod
from nag.diffusion.guidance.selection import repeated
from nag.graphs import DagBatch

__all__ = ["Drawn", "GuidanceTarget"]


@dataclass(frozen=True)
class Drawn:
    """Samples of a target.

    Args:
        raw: As generated.
        kept: The valid ones that are predicted to keep all limits; distinct ones where the guidance asks for that.
    """

    raw: DagBatch
    kept: DagBatch


@dataclass(frozen=True)
class GuidanceTarget:
    """An objective and the guidance toward it.

    A limit on a predicted metric is kept with a margin, which costs the best architectures near it. A small share of the
    samples is therefore drawn with the limit at even odds: as most of the others keep it, so do the samples as a whole.

    Args:
        guidance: How to steer.
        objective: What is to be high, and what is feasible.
        boundary: The same with its limits at even odds; None for none.
        boundary_fraction: Share of the samples that are drawn by `boundary`.
        describe: Graphs -> numbers that the objective knows of each, by name.
    """

    guidance: GuidanceMethod | FrontGuidance
    objective: Any
    boundary: Any = None
    boundary_fraction: float = 0.0
    describe: Callable[[DagBatch], Mapping[str, Tensor]] = field(default=lambda dags: {}, repr=False)

    @property
    def distinct(self) -> bool:
        """Whether no two samples may compute the same function."""
        return isinstance(self.guidance, GuidanceMethod) and self.guidance.distinct and self.guidance.scale > 0

    def _near_limits(self, count: int) -> int:
        """How many samples near the limits go with `count` samples in all."""
        return 0 if self.boundary is None else round(self.boundary_fraction * count)

    def check(self, generator: Generator) -> None:
        """Raises `InvalidRequest` if the guidance cannot steer such a generator."""
        self.guidance.check(generator)

    def cost(self, generator: Generator, count: int, steps: int | None = None) -> SamplingCost:
        """What `sample` with the same arguments evaluates at most."""
        near = self._near_limits(count)
        counts = [number for number in (count - near, near) if number]
        return sum((self.guidance.cost(generator, number, steps) for number in counts), SamplingCost())

    def sample(
        self,
        generator: Generator,
        count: int,
        rng: torch.Generator,
        steps: int | None = None,
        on_step: Callable[[], None] = lambda: None,
        taken: Tensor | None = None,
    ) -> Drawn:
        """Draws samples.

        Args:
            generator: The generator.
            count: Number of samples.
            rng: Source of randomness, on the generator's device.
            steps: Steps of the reverse process; None for the generator's default.
            on_step: Called after each network evaluation.
            taken: Codes of functions that are there already; a guidance of distinct samples repeats none of them.
        """
        near = self._near_limits(count)
        known = torch.zeros(0, dtype=torch.int64) if taken is None else taken
        drawn = [self._draw(self.objective, generator, count - near, rng, steps, on_step, known)] if count > near else []
        careful = sum(len(part.kept) for part in drawn)
        if drawn:  # where few could keep the limit with the margin, few may be near it
            fraction = self.boundary_fraction
            near = min(near, round(fraction / (1 - fraction) * careful))
        if near:
            known = torch.cat([known, *(generator.space.function_codes(part.kept).to(known.device) for part in drawn)])
            drawn.append(self._draw(self.boundary, generator, near, rng, steps, on_step, known))
        return Drawn(DagBatch.cat([part.raw for part in drawn]), DagBatch.cat([part.kept for part in drawn]))

    def _draw(
        self,
        objective: Any,
        generator: Generator,
        count: int,
        rng: torch.Generator,
        steps: int | None,
        on_step: Callable[[], None],
        taken: Tensor,
    ) -> Drawn:
        if isinstance(self.guidance, FrontGuidance):
            dags = self.guidance.sample(generator, count, rng, objective.scores, steps, on_step)
        else:
            dags = self.guidance.sample(generator, count, rng, objective.score, steps, on_step, taken)
        kept = objective.feasible(dags)
        if self.distinct:
            codes = generator.space.function_codes(dags)
            kept = kept & ~_repeated_among(codes, kept, taken.to(codes.device))
        return Drawn(dags, dags[kept])


def _repeated_among(codes: Tensor, kept: Tensor, taken: Tensor) -> Tensor:
    """Which codes stand at an earlier kept place too, or among those taken: (B,) bool."""
    found = torch.ones_like(kept)
    found[kept] = repeated(codes[kept], taken)
    return found
