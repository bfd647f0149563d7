"""Guides: what samples are steered toward, as it is given to `TrainedGenerator.sample`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from nag.core.errors import InvalidRequest
from nag.diffusion.guidance.fronts import FrontGuidance
from nag.diffusion.guidance.pipeline import GuidanceMethod
from nag.diffusion.guidance.target import GuidanceTarget
from nag.graphs import Architecture, DagBatch
from nag.spaces import SearchSpace

__all__ = ["ArchitectureScore", "FunctionScore", "Guide", "GuideLike", "ScoreGuide", "as_guide"]

ArchitectureScore = Callable[[list[Architecture]], ArrayLike]
"""Valid architectures -> a number of each, greater being better."""


@runtime_checkable
class Guide(Protocol):
    """Anything that makes a guidance target for a space; `nag.Guidance` and fitted predictors do.

    Example:
        >>> import nag
        >>> from nag.diffusion.generation import Guide
        >>> isinstance(nag.Guidance(lambda archs: [len(arch.edges) for arch in archs]), Guide)
        True
    """

    def target(self, space: SearchSpace, count: int) -> GuidanceTarget:
        """What guidance makes high.

        Args:
            space: Search space of the generator.
            count: Number of samples wanted.

        Raises:
            InvalidRequest: The guide is of another space.
        """
        ...


GuideLike = Guide | ArchitectureScore
"""What can be given as a guide."""


def as_guide(guide: GuideLike, method: GuidanceMethod | FrontGuidance | None = None) -> Guide:
    """The guide that an argument stands for: a guide itself, or a function of a list of architectures.

    Args:
        guide: The argument.
        method: How a function steers; the default guidance if None.

    Raises:
        InvalidRequest: It is neither.

    Example:
        >>> from nag.diffusion.generation import as_guide
        >>> type(as_guide(lambda archs: [len(arch.edges) for arch in archs])).__name__
        'ScoreGuide'
    """
    if isinstance(guide, Guide):
        return guide
    if isinstance(guide, nn.Module) or not callable(guide):
        raise InvalidRequest(
            f"a {type(guide).__name__} cannot guide samples",
            "Pass a predictor of nag.fit_predictor, a nag.Guidance, or a function of a list of architectures.",
        )
    return ScoreGuide(guide, GuidanceMethod() if method is None else method)


@dataclass(frozen=True)
class ScoreGuide:
    """A function of architectures as a guide.

    Args:
        score: A list of valid architectures -> a number of each, greater being better.
        method: How to steer.

    Example:
        >>> import nag
        >>> from nag.diffusion.generation import ScoreGuide
        >>> guide = ScoreGuide(lambda archs: [len(arch.edges) for arch in archs], nag.diffusion.GuidanceMethod(pool=2))
        >>> target = guide.target(nag.load_space("nas_bench_graph"), count=4)
        >>> target.guidance.pool
        2
    """

    score: ArchitectureScore
    method: GuidanceMethod | FrontGuidance = field(default_factory=GuidanceMethod)

    def target(self, space: SearchSpace, count: int) -> GuidanceTarget:
        """The function as an objective over the space (see `Guide`)."""
        objective = FunctionScore(space, self.score)
        return GuidanceTarget(self.method, objective, describe=lambda dags: {"score": objective.values(dags)})


class FunctionScore:
    """A function of architectures as an objective: standardised values; the function never sees an invalid graph.

    The function is called once for each architecture. Values are standardised by the mean and standard deviation of the
    first architectures that it is called with, so that the scale of guidance counts standard deviations whatever the unit.

    Args:
        space: Search space.
        score: Valid architectures -> a number of each, greater being better; nan where there is none.
    """

    def __init__(self, space: SearchSpace, score: ArchitectureScore) -> None:
        self.space, self._score = space, score
        self._known: dict[Architecture, float] = {}
        self._scale: tuple[float, float] | None = None

    def values(self, dags: DagBatch) -> Tensor:
        """What the function says: (B,) float64; nan where it says nothing, or the graph is invalid.

        Raises:
            InvalidRequest: The function does not return one number for each architecture.
        """
        valid = self.space.is_valid(dags).cpu()
        archs = self.space.to_architectures(dags.to("cpu")[valid])
        self._call([arch for arch in dict.fromkeys(archs) if arch not in self._known])
        found = torch.full((len(dags),), math.nan, dtype=torch.float64)
        found[valid] = torch.tensor([self._known[arch] for arch in archs], dtype=torch.float64)
        return found.to(dags.device)

    def score(self, dags: DagBatch) -> Tensor:
        """Standardised values; minus infinity for what is invalid or has none: (B,) float64."""
        values = self.values(dags)
        if self._scale is None:
            known = values[values.isfinite()]
            spread = float(known.std(correction=0)) if len(known) else 0.0
            self._scale = (float(known.mean()), spread or 1.0) if len(known) else None
        mean, spread = self._scale or (0.0, 1.0)
        return ((values - mean) / spread).nan_to_num(nan=-math.inf)

    def feasible(self, dags: DagBatch) -> Tensor:
        """What belongs to the space: (B,) bool."""
        return self.space.is_valid(dags)

    def _call(self, archs: Sequence[Architecture]) -> None:
        if not archs:
            return
        numbers = _as_numbers(self._score(list(archs)))
        if numbers is None or numbers.shape != (len(archs),):
            shape = "no numbers" if numbers is None else f"numbers of shape {numbers.shape}"
            raise InvalidRequest(
                f"the guide returned {shape} for {len(archs)} architectures", "Return a list of one number for each."
            )
        self._known.update(zip(archs, numbers.tolist(), strict=True))


def _as_numbers(answer: Any) -> np.ndarray | None:
    if isinstance(answer, Tensor):
        answer = answer.detach().cpu()
    try:
        return np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        return None
