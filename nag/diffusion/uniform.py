"""The generator without a network: uniform draws of the allowed categories."""

from __future__ import annotations

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.diffusion.chains import AncestralChain, Chain, Denoise
from nag.diffusion.generator import Generator
from nag.diffusion.kernels import UniformKernel
from nag.diffusion.losses import LossTerms
from nag.diffusion.process import DiscreteProcess
from nag.diffusion.schedules import LinearSchedule
from nag.graphs import DagBatch, GraphBatch
from nag.spaces import SearchSpace

__all__ = ["UniformGenerator"]


class UniformGenerator(Generator):
    """Draws every position uniformly from what the space allows there, independently; sizes follow the data.

    It is not trained; it serves methods that rely on a score alone, such as `Evolution`. Masks are kept, but of the
    constraints that masks cannot express it knows nothing.

    Args:
        space: The search space.
        data: Graphs whose sizes are drawn.

    Example:
        >>> import torch
        >>> from nag.diffusion import UniformGenerator
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> generator = UniformGenerator(space, sample_uniform(space, 20, seed=0))
        >>> len(generator.sample(5, torch.Generator().manual_seed(0)))
        5
    """

    def __init__(self, space: SearchSpace, data: DagBatch) -> None:
        super().__init__(space)
        self.process = DiscreteProcess(UniformKernel(), LinearSchedule(), space.masks, data)

    @property
    def sizes(self) -> Tensor:
        """Shares of the numbers of nodes 0..N among the graphs."""
        return self.process.sizes

    def check_state(self) -> None:
        """Raises `ValueError` if a distribution of the process does not sum to 1, or has a negative share."""
        self.process.check()

    def loss(
        self, dags: DagBatch, rng: torch.Generator, condition: Tensor | None = None, share: slice = slice(None)
    ) -> LossTerms:
        """There is none.

        Raises:
            InvalidRequest: Always.
        """
        raise InvalidRequest("a uniform generator has nothing to train", "Sample from it, or train another generator.")

    def denoise(self, x_t: GraphBatch, t: Tensor, condition: Tensor | None = None) -> GraphBatch:
        """The uniform distribution, whatever x_t."""
        return self.process.pi(x_t.mask)

    def chain(self, steps: int | None = None, denoise: Denoise | None = None) -> Chain:
        """One step, unless more are asked for; `denoise` makes its draws anything but uniform."""
        return AncestralChain(self.denoise if denoise is None else denoise, self.process, 1 if steps is None else steps)

    def clean(self, dags: DagBatch) -> GraphBatch:
        """One-hot clean graphs."""
        return self.process.clean(dags)

    def noise(self, x_0: GraphBatch, t: Tensor, rng: torch.Generator) -> GraphBatch:
        """Replaces categories by uniform ones with probability t."""
        return self.process.noise(x_0, t, rng)
