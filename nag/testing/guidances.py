"""The laws of guidance and of every proposal in it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from nag.core.randomness import seeded
from nag.diffusion import AbsorbingKernel, DiscreteGenerator, GuidanceMethod, LinearSchedule
from nag.graphs import DagBatch
from nag.spaces import SearchSpace
from nag.testing.laws import draws, same_graphs

__all__ = ["GuidanceContract"]


class GuidanceContract(ABC):
    """Contract of `nag.diffusion.GuidanceMethod` and of what it is made of.

    Example:
        >>> from nag.diffusion import GuidanceMethod
        >>> from nag.spaces import load_space
        >>> from nag.testing import GuidanceContract
        >>> class TestMine(GuidanceContract):
        ...     space = load_space("nas_bench_graph")
        ...     def make(self, scale):
        ...         return GuidanceMethod(scale, pool=2, corrector=None)
        >>> TestMine().test_samples_follow_the_seed()  # pytest runs all tests of the contract
    """

    space: SearchSpace
    """A space with uniform draws."""

    @abstractmethod
    def make(self, scale: float) -> GuidanceMethod:
        """The guidance at a scale."""

    def score(self, dags: DagBatch) -> Tensor:
        """What is to be high: the number of nodes of one operation."""
        return (dags.ops == 2).sum(1).double()

    def sampled(self, scale: float, seed: int = 1) -> DagBatch:
        """Samples of an untrained generator."""
        with seeded(0):
            generator = DiscreteGenerator(
                self.space, draws(self.space, 50), AbsorbingKernel(), LinearSchedule(), width=8, layers=1, heads=2
            ).eval()
        return self.make(scale).sample(generator, 24, torch.Generator().manual_seed(seed), self.score)

    def test_samples_follow_the_seed(self) -> None:
        """The same seed gives the same samples."""
        assert same_graphs(self.sampled(5.0), self.sampled(5.0))

    def test_guidance_raises_the_score(self) -> None:
        """Samples score higher at a high scale than at 0."""
        assert float(self.score(self.sampled(30.0)).mean()) > float(self.score(self.sampled(0.0)).mean())
