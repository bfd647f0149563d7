"""Candidates from the diffusion model: drawn under the guidance of the acquisition function."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from nag.core.numbers import Count
from nag.core.signatures import checked
from nag.diffusion import GuidanceMethod, Score
from nag.graphs import DagBatch
from nag.search.candidates import CandidateSource, Mutants, unseen
from nag.search.history import History
from nag.search.problem import Problem

__all__ = ["Generated"]


@checked
@dataclass(frozen=True)
class Generated:
    """Architectures that the problem's generator draws, guided by the acquisition function, beside those of another source.

    Args:
        guidance: How the draws are steered; its score is the acquisition function.
        count: Architectures to draw.
        beside: What to add; the only source where the problem has no generator.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.diffusion import GuidanceMethod
        >>> from nag.search import Generated
        >>> generated = Generated(GuidanceMethod(scale=3.0, pool=2, corrector=None), count=16)
        >>> generated.uses
        frozenset({'generator'})
    """

    guidance: GuidanceMethod = field(default_factory=lambda: GuidanceMethod(scale=3.0, pool=4, corrector=None))
    count: Count = 64
    beside: CandidateSource = field(default_factory=Mutants)

    @property
    def uses(self) -> frozenset[str]:
        """Parts of the problem that candidates come from (see `Strategy.uses`)."""
        return frozenset({"generator"}) | getattr(self.beside, "uses", frozenset())

    def __call__(self, problem: Problem, history: History, acquisition: Score, rng: torch.Generator) -> DagBatch:
        """See `CandidateSource`."""
        found = self.beside(problem, history, acquisition, rng)
        generator = problem.generator
        if generator is None:
            return found
        device = generator.sizes.device
        source = torch.Generator(device).manual_seed(int(torch.randint(1 << 62, (1,), generator=rng)))

        def score(dags: DagBatch) -> torch.Tensor:
            return acquisition(dags.to("cpu")).to(device)

        drawn = self.guidance.sample(generator, self.count, source, score).to("cpu")
        drawn = drawn[problem.space.is_valid(drawn)]
        return unseen(problem.space, DagBatch.cat([drawn.pad(problem.space.max_nodes), found]), history.dags)
