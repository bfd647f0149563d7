"""The training set of a generator: architectures, their conditions, and the reference of their space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.diffusion.generation.graph_batches import GraphBatchSampler, quantiles
from nag.diffusion.generation.reference import SpaceReference
from nag.diffusion.guidance.score import Score
from nag.graphs import Architecture, DagBatch
from nag.spaces import SearchSpace, can_sample_uniform, enumerate_space, is_enumerable, sample_uniform
from nag.tasks import split_by_class

__all__ = ["TrainingSet", "check_drawable"]


@dataclass(frozen=True)
class TrainingSet:
    """Architectures that a generator is trained on.

    Args:
        space: The search space.
        graphs: The T training architectures.
        reference: Facts of the space and of the training set.
        fraction: Share of the architectures at hand that was taken.
        conditions: Name -> (T,) quantiles in [0, 1] that the generator is conditioned on.

    Example:
        >>> import nag
        >>> training = nag.TrainingSet.of(nag.load_space("nas_bench_graph"), fraction=0.01, seed=0)
        >>> len(training.graphs), training.reference.enumerated
        (261, True)
    """

    space: SearchSpace
    graphs: DagBatch
    reference: SpaceReference
    fraction: float = 1.0
    conditions: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        architectures: Sequence[Architecture] | DagBatch | None = None,
        *,
        fraction: float = 1.0,
        num_architectures: int = 100_000,
        conditions: Mapping[str, Score] | None = None,
        seed: int = 0,
    ) -> TrainingSet:
        """Gathers all architectures of a space, or given ones.

        Args:
            space: The search space.
            architectures: Architectures of the space; None for all of them.
            fraction: Share of them to train on, split by canonical hash.
            num_architectures: Uniform draws that stand for a space too large to enumerate.
            conditions: Name -> a score of each architecture; the generator is conditioned on its quantile.
            seed: Of the draws and of the split.

        Raises:
            InvalidRequest: The space is too large to draw from, and no architectures are given.

        Example:
            >>> from nag.spaces import load_space
            >>> cells = TrainingSet.of(load_space("nas_bench_graph"))
            >>> len(cells.graphs)
            26206
        """
        enumerated = architectures is None and is_enumerable(space)
        if architectures is not None:
            everything = architectures if isinstance(architectures, DagBatch) else space.to_dags(architectures)
        else:
            check_drawable(space)
            everything = enumerate_space(space) if enumerated else sample_uniform(space, num_architectures, seed)
        canonical = space.canonical_hashes(everything)
        rows = _training_rows(canonical, fraction, seed)
        graphs = everything[rows]
        scaled = dict(zip(conditions, quantiles(graphs, conditions).unbind(1), strict=True)) if conditions else {}
        return cls(space, graphs, SpaceReference.of(space, everything, canonical, rows, enumerated), fraction, scaled)

    def __len__(self) -> int:
        return len(self.graphs)

    def batches(self, batch_size: int, device: torch.device, processes: int, seed: int) -> GraphBatchSampler:
        """Batches of the architectures on a device; see `GraphBatchSampler`."""
        values = torch.stack(list(self.conditions.values()), 1) if self.conditions else None
        return GraphBatchSampler(self.graphs.to(device), batch_size, values, processes, seed)


def check_drawable(space: SearchSpace) -> None:
    """Raises `InvalidRequest` unless the architectures of a space can be listed or drawn.

    Example:
        >>> from nag.diffusion.generation import check_drawable
        >>> from nag.spaces import load_space
        >>> check_drawable(load_space("nasbench201"))
    """
    if not can_sample_uniform(space):
        raise InvalidRequest(f"{space.name} is too large to draw architectures from", "List some: architectures=FILE.")


def _training_rows(canonical: list[str], fraction: float, seed: int) -> Tensor:
    if fraction == 1:
        return torch.arange(len(canonical))
    classes = np.unique(np.array(canonical), return_inverse=True)[1]
    return torch.from_numpy(split_by_class(classes, fraction=fraction, seed=seed).train)
