"""A data set: labelled images, or a graph with labelled nodes, in three parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from nag.evaluation.data_sets.layouts import described
from nag.networks import DataShape

__all__ = ["DataSet", "Graph", "Split", "digest_of"]


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled examples.

    Args:
        inputs: Images, (n, C, H, W) float32, normalised; or numbers of nodes of the data set's graph, (n,) int64.
        labels: Class of each, (n,) int64.

    Example:
        >>> import torch
        >>> from nag.evaluation.data_sets import Split
        >>> len(Split(inputs=torch.zeros(4, 1, 8, 8), labels=torch.tensor([0, 1, 0, 1])))
        4
    """

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Split:
        """The examples on a device."""
        return Split(self.inputs.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph whose nodes are the examples of all three parts.

    Args:
        x: Features of the nodes, (n, F) float32.
        edge_index: Source and target of each edge, (2, E) int64; an undirected edge stands in both directions.

    Example:
        >>> import torch
        >>> from nag.evaluation.data_sets import Graph
        >>> graph = Graph(x=torch.zeros(3, 5), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> graph.x.shape
        torch.Size([3, 5])
    """

    x: Tensor
    edge_index: Tensor

    def to(self, device: torch.device) -> Graph:
        """The graph on a device."""
        return Graph(self.x.to(device), self.edge_index.to(device))


@dataclass(frozen=True, eq=False)
class DataSet:
    """Training and test data of networks.

    Args:
        name: Name, or the path that it was read from.
        shape: What goes into a network and how many classes come out.
        train: Training data.
        validation: What a search may see.
        test: What results show.
        digest: Digest of the raw data, of the split and of how they are normalised.
        graph: The graph whose nodes the parts number; None for images.
        task_features: Numbers that describe it, by which a meta-predictor tells how alike tasks are.
        mean: Mean of each channel that was subtracted, in units of the raw data scaled to 0..1; empty for graphs.
        std: Standard deviation of each channel that was divided by; empty for graphs.

    Example:
        >>> from nag.evaluation import load_data_set
        >>> data = load_data_set("digits")
        >>> data.summary
        '1,797 pictures of 8 x 8 pixels, 1 channel, 10 classes; 1,078 to train, 360 to validate, 359 to test'
    """

    name: str
    shape: DataShape
    train: Split
    validation: Split
    test: Split
    digest: str
    graph: Graph | None = None
    task_features: Mapping[str, float] = field(default_factory=dict)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Examples of each part."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    @property
    def summary(self) -> str:
        """The data in words: what it holds, and the sizes of its parts."""
        shape, sizes = self.shape, self.sizes
        if self.graph is not None:
            what = f"a graph of {len(self.graph.x):,} nodes, {shape.channels} features"
        else:
            what = described(sum(sizes.values()), shape.channels, shape.height, shape.width)
        parts = ", ".join(f"{sizes[part]:,} to {part.replace('validation', 'validate')}" for part in sizes)
        return f"{what}, {shape.classes} classes; {parts}"

    def inputs(self, split: Split) -> tuple[Tensor, ...]:
        """What a network takes for a part: its images, or the features and the edges of the whole graph."""
        return (split.inputs,) if self.graph is None else (self.graph.x, self.graph.edge_index)

    def logits_of(self, split: Split, logits: Tensor) -> Tensor:
        """The part's logits, (n, classes), among what a network gave for `inputs(split)`."""
        return logits if self.graph is None else logits[split.inputs]

    def to(self, device: torch.device | str) -> DataSet:
        """The data set on a device."""
        device = torch.device(device)
        parts = {name: getattr(self, name).to(device) for name in ("train", "validation", "test")}
        return replace(self, graph=None if self.graph is None else self.graph.to(device), **parts)


def digest_of(arrays: Iterable[np.ndarray | Tensor], *parts: object) -> str:
    """A digest of arrays (values, types and shapes) and of further parts (by how they print)."""
    digest = hashlib.sha256(repr(parts).encode())
    for values in arrays:
        array = np.ascontiguousarray(values.numpy() if isinstance(values, Tensor) else values)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()[:32]
