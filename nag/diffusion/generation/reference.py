"""What independent uniform draws from a space would give: the reference beside every sample metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nag.graphs import DagBatch, levels
from nag.spaces import SearchSpace

__all__ = ["SpaceReference", "edge_histogram", "hash_codes", "op_histogram"]


def hash_codes(hashes: Sequence[str]) -> Tensor:
    """The first 64 bits of each hexadecimal digest as int64: (B,).

    Example:
        >>> from nag.diffusion.generation.reference import hash_codes
        >>> hash_codes(["00000000000000ff" + 16 * "0"])
        tensor([255])
    """
    return torch.from_numpy(np.array([int(text[:16], 16) for text in hashes], dtype=np.uint64).view(np.int64).copy())


def op_histogram(dags: DagBatch, num_ops: int) -> Tensor:
    """Share of each operation among all nodes: (K,) float64."""
    counts = torch.bincount(dags.ops[dags.mask], minlength=num_ops).double()
    return counts / counts.sum().clamp(min=1)


def edge_histogram(dags: DagBatch) -> Tensor:
    """Share of edges between each pair of levels (longest paths from the input): (N * N,) float64.

    Levels do not depend on the order of the nodes, so graphs in any topological order can be compared.
    """
    level, size = levels(dags), dags.max_nodes
    b, u, v = dags.adjacency.nonzero().unbind(1)
    counts = torch.bincount(level[b, u] * size + level[b, v], minlength=size * size).double()
    return counts / counts.sum().clamp(min=1)


@dataclass(frozen=True)
class SpaceReference:
    """Facts of a space and of a training set that uniform draws are described by.

    Args:
        class_sizes: (C,) int64, number of architectures in each canonical class of the whole space (or of the uniform
            draws that stand for it where it cannot be enumerated).
        enumerated: Whether `class_sizes` covers the whole space.
        train_codes: (T,) int64, codes of the training architectures, sorted.
        train_function_codes: Codes of their canonical classes, sorted and distinct.
        ops: (K,) share of each operation in the whole space.
        edges: (N * N,) share of edges between levels in the whole space.

    Example:
        >>> from nag.diffusion.generation import TrainingSet
        >>> from nag.spaces import load_space
        >>> reference = TrainingSet.of(load_space("nas_bench_graph"), fraction=0.01).reference
        >>> round(reference.novelty(), 2), reference.enumerated
        (0.99, True)
    """

    class_sizes: Tensor
    enumerated: bool
    train_codes: Tensor
    train_function_codes: Tensor
    ops: Tensor
    edges: Tensor

    @classmethod
    def of(
        cls, space: SearchSpace, everything: DagBatch, canonical: Sequence[str], train: Tensor, enumerated: bool
    ) -> SpaceReference:
        """Computes the statistics.

        Args:
            space: The search space.
            everything: All its architectures, or uniform draws.
            canonical: Canonical hash of each of them.
            train: (T,) int64, which of them are trained on.
            enumerated: Whether `everything` is the whole space.
        """
        codes = hash_codes(canonical)
        return cls(
            class_sizes=torch.unique(codes, return_counts=True)[1],
            enumerated=enumerated,
            train_codes=hash_codes(space.hashes(everything[train])).unique(),
            train_function_codes=codes[train].unique(),
            ops=op_histogram(everything, len(space.vocabulary)),
            edges=edge_histogram(everything),
        )

    def tensors(self) -> dict[str, Tensor]:
        """The statistics as tensors, for a checkpoint."""
        return {
            "reference.class_sizes": self.class_sizes,
            "reference.enumerated": torch.tensor(self.enumerated),
            "reference.train_codes": self.train_codes,
            "reference.train_function_codes": self.train_function_codes,
            "reference.ops": self.ops,
            "reference.edges": self.edges,
        }

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], space: SearchSpace | None = None) -> SpaceReference:
        """The statistics from a checkpoint's tensors.

        Args:
            tensors: Tensors of a checkpoint, of which those of a reference are read.
            space: The search space that they are to fit; not checked if None.

        Raises:
            ValueError: One is missing, or has another shape or kind of number, or impossible values.
        """
        values = {name.removeprefix("reference."): t for name, t in tensors.items() if name.startswith("reference.")}
        shapes: dict[str, tuple[int, ...] | None] = {name: None for name in ("train_codes", "train_function_codes")}
        shapes |= {"class_sizes": None, "enumerated": (), "ops": None, "edges": None}
        if space is not None:
            shapes |= {"ops": (len(space.vocabulary),), "edges": (space.max_nodes**2,)}
        if set(values) != set(shapes):
            raise ValueError("the statistics of the training set are incomplete")
        for name, shape in shapes.items():
            kind = {"enumerated": torch.bool, "ops": torch.float64, "edges": torch.float64}.get(name, torch.int64)
            fits = values[name].ndim == 1 if shape is None else values[name].shape == shape
            if not fits or values[name].dtype != kind:
                raise ValueError(f"'{name}' has another shape or kind of number")
        if not len(values["class_sizes"]) or bool((values["class_sizes"] < 1).any()):
            raise ValueError("a canonical class has no architectures")
        if any(bool((values[name] < 0).any()) for name in ("ops", "edges")):
            raise ValueError("a share is negative")
        return cls(**{**values, "enumerated": bool(values["enumerated"])})  # type: ignore[arg-type]

    def uniqueness(self, draws: int) -> float:
        """Expected share of distinct architectures among uniform draws."""
        return _expected_distinct(torch.ones(int(self.class_sizes.sum())), draws) if self.enumerated else 1.0

    def functional_uniqueness(self, draws: int) -> float:
        """Expected share of distinct functions among uniform draws."""
        return _expected_distinct(self.class_sizes, draws)

    def novelty(self) -> float:
        """Probability that a uniform draw is no training architecture."""
        return 1 - len(self.train_codes) / int(self.class_sizes.sum()) if self.enumerated else 1.0


def _expected_distinct(sizes: Tensor, draws: int) -> float:
    """E[number of distinct classes] / draws, for independent draws with probability proportional to the sizes."""
    p = sizes.double() / sizes.sum()
    return float((-torch.expm1(draws * torch.log1p(-p.clamp(max=1 - 1e-15)))).sum() / max(draws, 1))
