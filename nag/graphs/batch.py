"""Two batched forms of architectures: integer-coded multigraphs, and categorical tensors for diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from nag.core.errors import InvalidArchitecture
from nag.graphs.architecture import Architecture

__all__ = ["DENSE", "DagBatch", "GraphBatch"]

DENSE = 32
"""Up to this number of nodes, graphs are worked on as whole matrices; larger ones by the entries that are there."""


@dataclass(frozen=True)
class DagBatch:
    """Integer-coded directed acyclic multigraphs of one vocabulary, padded to one size.

    Args:
        ops: (B, N) int64, index of each node's operation; 0 where there is no node.
        adjacency: (B, N, N) int64, multiplicity of the edge u->v; zero on and below the diagonal.
        mask: (B, N) bool, where there is a node.

    Example:
        >>> from nag.graphs import Architecture, DagBatch
        >>> arch = Architecture(("input", "conv", "output"), ((0, 1), (1, 2)))
        >>> dags = DagBatch.from_architectures([arch], ("input", "output", "conv"), size=4)
        >>> dags.ops.tolist(), dags.mask.tolist()
        ([[0, 2, 1, 0]], [[True, True, True, False]])
        >>> dags.to_architectures(("input", "output", "conv")) == [arch]
        True
    """

    ops: Tensor
    adjacency: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return self.ops.shape[0]

    def __getitem__(self, index: Tensor | slice) -> DagBatch:
        return DagBatch(self.ops[index], self.adjacency[index], self.mask[index])

    @property
    def max_nodes(self) -> int:
        """N, the padded number of nodes."""
        return self.ops.shape[1]

    @property
    def num_nodes(self) -> Tensor:
        """(B,) int64, the number of nodes of each graph."""
        return self.mask.sum(1)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.ops.device

    def to(self, device: torch.device | str) -> DagBatch:
        """The same graphs on another device."""
        return DagBatch(self.ops.to(device), self.adjacency.to(device), self.mask.to(device))

    @classmethod
    def cat(cls, batches: Sequence[DagBatch]) -> DagBatch:
        """Concatenates batches along B, padding all to the largest N."""
        size = max(batch.max_nodes for batch in batches)
        padded = [batch.pad(size) for batch in batches]
        return cls(*(torch.cat([getattr(batch, name) for batch in padded]) for name in ("ops", "adjacency", "mask")))

    def pad(self, size: int) -> DagBatch:
        """The same graphs padded to `size` nodes."""
        extra = size - self.max_nodes
        if extra == 0:
            return self
        pad = torch.nn.functional.pad
        return DagBatch(pad(self.ops, (0, extra)), pad(self.adjacency, (0, extra, 0, extra)), pad(self.mask, (0, extra)))

    def narrow(self, size: int) -> DagBatch:
        """The same graphs, which have at most `size` nodes each, padded to no more than that."""
        return DagBatch(self.ops[:, :size], self.adjacency[:, :size, :size], self.mask[:, :size])

    def take_nodes(self, order: Tensor) -> DagBatch:
        """Reorders the nodes of each graph.

        Args:
            order: (B, N) int64, the node that comes to stand at each position.
        """
        rows = order.unsqueeze(2).expand_as(self.adjacency)
        columns = order.unsqueeze(1).expand_as(self.adjacency)
        adjacency = self.adjacency.gather(1, rows).gather(2, columns)
        return DagBatch(self.ops.gather(1, order), adjacency, self.mask.gather(1, order))

    @classmethod
    def from_architectures(cls, archs: Sequence[Architecture], vocabulary: Sequence[str], size: int | None = None) -> DagBatch:
        """Encodes architectures.

        Args:
            archs: B architectures.
            vocabulary: Names of the operations, in the order of their indices.
            size: N; the largest architecture's number of nodes if None.

        Raises:
            InvalidArchitecture: An operation is not in the vocabulary, or a graph has more than `size` nodes.
        """
        index = {name: i for i, name in enumerate(vocabulary)}
        size = size or max((arch.num_nodes for arch in archs), default=1)
        ops = torch.zeros(len(archs), size, dtype=torch.int64)
        adjacency = torch.zeros(len(archs), size, size, dtype=torch.int64)
        mask = torch.zeros(len(archs), size, dtype=torch.bool)
        where: list[tuple[int, int, int]] = []
        for b, arch in enumerate(archs):
            arch.check_operations(index)
            if arch.num_nodes > size:
                raise InvalidArchitecture(f"the architecture has {arch.num_nodes} nodes", f"At most {size} are allowed.")
            ops[b, : arch.num_nodes] = torch.tensor([index[op] for op in arch.ops], dtype=torch.int64)
            mask[b, : arch.num_nodes] = True
            where.extend((b, u, v) for u, v in arch.edges)
        if where:
            b_, u_, v_ = torch.tensor(where).T
            adjacency[b_, u_, v_] = 1
        return cls(ops, adjacency, mask)

    def to_architectures(self, vocabulary: Sequence[str]) -> list[Architecture]:
        """Decodes every graph, which must have single edges and its nodes at the first positions."""
        sizes = self.num_nodes.tolist()
        edges: list[list[tuple[int, int]]] = [[] for _ in sizes]
        for b, u, v in self.adjacency.nonzero().tolist():
            edges[b].append((u, v))
        rows = self.ops.tolist()
        return [
            Architecture(tuple(vocabulary[op] for op in row[:size]), tuple(pairs))
            for row, size, pairs in zip(rows, sizes, edges, strict=True)
        ]


@dataclass(frozen=True)
class GraphBatch:
    """Categorical tensors of graphs, one-hot or probabilities, for diffusion.

    Args:
        nodes: (B, N, K) operation categories.
        edges: (B, N, N, L) edge categories, 0 meaning "no edge"; only entries above the diagonal count.
        mask: (B, N) bool, where there is a node.

    Example:
        >>> from nag.graphs import Architecture, DagBatch, GraphBatch
        >>> arch = Architecture(("input", "conv", "output"), ((0, 1), (1, 2)))
        >>> graphs = GraphBatch.from_dags(DagBatch.from_architectures([arch], ("input", "output", "conv")), num_ops=3)
        >>> graphs.nodes.shape, graphs.edges.shape
        (torch.Size([1, 3, 3]), torch.Size([1, 3, 3, 2]))
    """

    nodes: Tensor
    edges: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return self.nodes.shape[0]

    @classmethod
    def from_dags(cls, dags: DagBatch, num_ops: int, num_edge_types: int = 2) -> GraphBatch:
        """One-hot encodes simple graphs with `num_ops` operations."""
        nodes = one_hot(dags.ops, num_ops).float()
        edges = one_hot(dags.adjacency, num_edge_types).float()
        return cls(nodes, edges, dags.mask)

    def to_dags(self) -> DagBatch:
        """The most probable category of every node and every pair above the diagonal."""
        pair = self.mask.unsqueeze(1) & self.mask.unsqueeze(2)
        adjacency = (self.edges.argmax(-1) * pair).triu(1)
        return DagBatch(self.nodes.argmax(-1) * self.mask, adjacency, self.mask)
