"""What a generator is: a network that learns a search space, and a reverse process that draws from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.numbers import Count
from nag.core.signatures import conform_value
from nag.diffusion.chains import Chain, Denoise, Tilt, simulate
from nag.diffusion.losses import LossTerms
from nag.graphs import DagBatch, GraphBatch
from nag.spaces.models import SpaceModel

__all__ = ["Generator", "SamplingCost", "at_once", "batches"]

_BATCH = 2048
_PAIRS = 1 << 20


@dataclass(frozen=True)
class SamplingCost:
    """What sampling evaluates; costs add up.

    Args:
        network_evaluations: Evaluations of the denoiser, each on a batch.
        scored: Graphs that the score is computed of.

    Example:
        >>> from nag.diffusion import SamplingCost
        >>> SamplingCost(network_evaluations=20) + SamplingCost(scored=100)
        SamplingCost(network_evaluations=20, scored=100)
    """

    network_evaluations: int = 0
    scored: int = 0

    def __add__(self, other: SamplingCost) -> SamplingCost:
        return SamplingCost(self.network_evaluations + other.network_evaluations, self.scored + other.scored)


class Generator(SpaceModel, ABC):
    """Generates graphs of one search space by running a reverse process.

    Args:
        space: The search space.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> rng = torch.Generator().manual_seed(0)
        >>> graphs = generator.sample(3, rng)
        >>> len(graphs), generator.cost(3).network_evaluations == generator.evaluations()
        (3, True)
    """

    kind = "generator"
    conditions: tuple[str, ...] = ()
    """Names of the conditions that it can be given."""

    @property
    @abstractmethod
    def sizes(self) -> Tensor:
        """Shares of the numbers of nodes 0..N among the training graphs: (N + 1,)."""

    @abstractmethod
    def loss(
        self, dags: DagBatch, rng: torch.Generator, condition: Tensor | None = None, share: slice = slice(None)
    ) -> LossTerms:
        """Training loss of clean graphs at random times.

        Args:
            dags: B clean graphs.
            rng: Source of randomness, on the graphs' device.
            condition: (B, C) conditions in [0, 1], nan where there is none; None for none at all.
            share: Rows of the batch that the loss is the mean of. All else is drawn for the whole batch, so that the mean
                over equal shares, each in a process of its own, is the loss of the whole.
        """

    @abstractmethod
    def denoise(self, x_t: GraphBatch, t: Tensor, condition: Tensor | None = None) -> GraphBatch:
        """Probabilities of the clean categories, or their expectation given x_t; `condition` as in `loss`."""

    @abstractmethod
    def chain(self, steps: int | None = None, denoise: Denoise | None = None) -> Chain:
        """The reverse process.

        Args:
            steps: Network evaluations; None for the generator's default.
            denoise: In place of the generator's own unconditional `denoise`.
        """

    @abstractmethod
    def clean(self, dags: DagBatch) -> GraphBatch:
        """One-hot clean graphs in the generator's categories."""

    @abstractmethod
    def noise(self, x_0: GraphBatch, t: Tensor, rng: torch.Generator) -> GraphBatch:
        """Draws x_t given x_0 at times t (B,)."""

    def draw_sizes(self, count: int, rng: torch.Generator) -> Tensor:
        """Draws numbers of nodes from the training set's: (count,) int64, ascending."""
        return torch.multinomial(self.sizes, count, replacement=True, generator=rng).sort().values

    def evaluations(self, steps: int | None = None) -> int:
        """Network evaluations for one batch of unguided samples."""
        return self.chain(steps).steps

    def cost(self, count: int, steps: int | None = None) -> SamplingCost:
        """What `sample` with the same arguments evaluates where no graph is large."""
        return SamplingCost(self.evaluations(steps) * len(batches(count)))

    @torch.no_grad()
    def sample(
        self,
        count: int,
        rng: torch.Generator,
        steps: int | None = None,
        denoise: Denoise | None = None,
        tilt: Tilt | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> DagBatch:
        """Generates graphs; they may be invalid.

        Graphs are drawn in batches of similar sizes, each padded to its own greatest size.

        Args:
            count: Number of graphs.
            rng: Source of randomness, on the generator's device.
            steps: Network evaluations; None for the generator's default.
            denoise: In place of the generator's own unconditional `denoise`.
            tilt: Guidance of the transitions.
            on_step: Called after each network evaluation.

        Raises:
            InvalidRequest: `count` or `steps` is below 1.
        """
        check_counts(count, steps)
        chain = self.chain(steps, denoise)
        found = []
        for num_nodes, width in self.size_batches(count, rng):
            found.append(simulate(chain, chain.start(num_nodes, rng, width), rng, tilt, on_step).to_dags())
        dags = DagBatch.cat([part.pad(self.space.max_nodes) for part in found])
        return dags[torch.randperm(count, generator=rng, device=dags.device)]

    @property
    def one_width(self) -> bool:
        """Whether graphs are small enough for all batches to be padded to the space's greatest number of nodes."""
        return self.space.max_nodes**2 * _BATCH <= _PAIRS

    def size_batches(self, count: int, rng: torch.Generator) -> list[tuple[Tensor, int]]:
        """Sizes of the graphs of each batch, with what the batch is padded to."""
        num_nodes = self.draw_sizes(count, rng)
        if self.one_width:
            return [(part, self.space.max_nodes) for part in num_nodes.split(_BATCH)]
        found, values, end = [], num_nodes.tolist(), count
        while end:
            start = max(0, end - max(1, _PAIRS // values[end - 1] ** 2))
            found.append((num_nodes[start:end], values[end - 1]))
            end = start
        return found


def check_counts(count: int, steps: int | None) -> None:
    """Raises `InvalidRequest` unless there is something to draw."""
    conform_value("the number of samples", count, Count)
    conform_value("the number of steps", steps, Count | None)


def at_once(width: int) -> int:
    """How many graphs, padded to `width` nodes, are evaluated in one batch."""
    return max(1, min(_BATCH, _PAIRS // width**2))


def batches(count: int) -> list[int]:
    """Sizes of the batches that `count` small graphs are generated in."""
    return [min(_BATCH, count - start) for start in range(0, count, _BATCH)]
