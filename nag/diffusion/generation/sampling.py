"""Drawing samples until enough are valid and feasible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from nag.core.errors import InvalidRequest
from nag.core.numbers import Count
from nag.core.signatures import conform_value
from nag.diffusion.generation.reference import SpaceReference
from nag.diffusion.generator import Generator, SamplingCost
from nag.diffusion.guidance.fronts import FrontGuidance
from nag.diffusion.guidance.target import Drawn, GuidanceTarget
from nag.graphs import DagBatch
from nag.spaces import SearchSpace
from nag.tracking import RunTracker

__all__ = ["Draws", "check_request", "draw_valid"]

_ROUNDS = 10


@dataclass(frozen=True)
class Draws:
    """All that was drawn for a number of valid architectures.

    Args:
        raw: As generated.
        kept: The valid ones that are predicted to keep all limits; distinct ones where the guidance asks for that.
        requested: Number of architectures wanted.
        cost: What was evaluated.
        distinct: Whether functions were not to repeat.

    Example:
        >>> import torch
        >>> import nag
        >>> from nag.diffusion.generation import draw_valid
        >>> from nag.tracking import NullTracker
        >>> generator = nag.load("g.safetensors").generator
        >>> draws = draw_valid(generator, 2, torch.Generator().manual_seed(0), None, None, NullTracker())
        >>> len(draws.kept) <= draws.requested <= len(draws.raw)
        True
    """

    raw: DagBatch
    kept: DagBatch
    requested: int
    cost: SamplingCost
    distinct: bool = False

    def shortfall(self, space: SearchSpace, guided: bool) -> str:
        """Why there are fewer architectures than wanted, in words; empty where there are enough."""
        if len(self.kept) == self.requested:
            return ""
        valid = int(space.is_valid(self.raw).sum())
        limited = ["predicted to break a limit"] if guided and valid > len(self.kept) else []
        reasons = " or ".join(["invalid", *limited, *(["repeated functions"] if self.distinct else [])])
        return f"{len(self.kept)} of {self.requested}: of {len(self.raw)} drawn in all, the others were {reasons}"


def check_request(generator: Generator, reference: SpaceReference, count: int, target: GuidanceTarget | None) -> None:
    """Refuses samples that cannot be had, before any work.

    Raises:
        InvalidRequest: `count` is below 1 or more than there are distinct functions where those are asked for, or the guidance
            cannot steer such a generator.

    Example:
        >>> import nag
        >>> from nag.diffusion.generation import check_request
        >>> generator = nag.load("g.safetensors")
        >>> check_request(generator.generator, generator.reference, 0, None)
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidRequest: num_samples is 0. It must be a whole number of at least 1.
    """
    conform_value("num_samples", count, Count)
    if target is None:
        return
    target.check(generator)
    functions = len(reference.class_sizes)
    if target.distinct and reference.enumerated and count > functions:
        raise InvalidRequest(
            f"num_samples is {count}, but {generator.space.name} has {functions} distinct functions",
            f"Ask for at most {functions}, or let functions repeat with guidance.distinct=false.",
        )


def draw_valid(
    generator: Generator,
    count: int,
    rng: torch.Generator,
    target: GuidanceTarget | None,
    steps: int | None,
    tracker: RunTracker,
    begun: Draws | None = None,
) -> Draws:
    """Draws until enough are valid and feasible, at most ten rounds; a front is drawn once.

    Args:
        generator: The generator.
        count: Number of architectures wanted.
        rng: Source of randomness, on the generator's device.
        target: What guidance makes high; None for unguided samples.
        steps: Network evaluations of the sampler; None for the generator's default.
        tracker: Shows progress.
        begun: Samples that are there already and count toward the number; none if None.

    Returns:
        All samples and the kept ones, on the CPU.

    Raises:
        InvalidRequest: No sample is valid and keeps all limits.

    Example:
        >>> import torch
        >>> import nag
        >>> from nag.diffusion.generation import draw_valid
        >>> from nag.tracking import NullTracker
        >>> generator = nag.load("g.safetensors").generator
        >>> draws = draw_valid(generator, 2, torch.Generator().manual_seed(0), None, None, NullTracker())
        >>> bool(generator.space.is_valid(draws.kept).all())
        True
    """
    raw, kept = ([], []) if begun is None else ([begun.raw], [begun.kept])
    distinct = target is not None and target.distinct
    known = torch.zeros(0, dtype=torch.int64, device=rng.device)
    if begun is not None and distinct:
        known = generator.space.function_codes(begun.kept).to(known.device)
    total = SamplingCost() if begun is None else begun.cost
    for _ in range(1 if target is not None and isinstance(target.guidance, FrontGuidance) else _ROUNDS):
        missing = count - sum(len(part) for part in kept)
        if missing == 0:
            break
        cost = generator.cost(missing, steps) if target is None else target.cost(generator, missing, steps)
        with tracker.progress(cost.network_evaluations, f"sampling {missing}", "steps") as progress:
            drawn = _drawn(generator, missing, rng, target, steps, progress.advance, known)
        if distinct:
            known = torch.cat([known, generator.space.function_codes(drawn.kept).to(known.device)])
        total += cost
        raw.append(drawn.raw.to("cpu"))
        kept.append(drawn.kept.to("cpu"))
    found = Draws(DagBatch.cat(raw), DagBatch.cat(kept), count, total, distinct)
    if not len(found.kept):
        raise _nothing_kept(generator.space, found.raw)
    return found


def _drawn(
    generator: Generator,
    count: int,
    rng: torch.Generator,
    target: GuidanceTarget | None,
    steps: int | None,
    on_step: Callable[[], None],
    known: torch.Tensor,
) -> Drawn:
    if target is not None:
        return target.sample(generator, count, rng, steps, on_step, known)
    dags = generator.sample(count, rng, steps, on_step=on_step)
    return Drawn(dags, dags[generator.space.is_valid(dags)])


def _nothing_kept(space: SearchSpace, raw: DagBatch) -> InvalidRequest:
    valid = int(space.is_valid(raw).sum())
    if not valid:
        return InvalidRequest(f"none of {len(raw)} samples is valid", "Train the generator longer: training.max_steps.")
    return InvalidRequest(
        f"none of {len(raw)} samples, {valid} of them valid, is predicted to keep all limits",
        "Loosen objective.limits.",
    )
