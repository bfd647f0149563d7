"""A message-passing encoder of architectures that follows the data flow in both directions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, silu
from torch_geometric.nn import MessagePassing

if TYPE_CHECKING:
    from torch_geometric.data import Batch

__all__ = ["DagEncoder", "EnsembleLinear", "flow_depths"]


def flow_depths(edge_index: Tensor, num_nodes: int, limit: int) -> Tensor:
    """Longest path that leads to each node, in edges.

    Args:
        edge_index: (2, E) int64, edges of acyclic graphs.
        num_nodes: n.
        limit: Depth at which counting stops; also the number of rounds.

    Returns:
        (n,) int64 in 0..limit. Pass `edge_index.flip(0)` for the longest path that leads away.
    """
    source, target = edge_index
    depth = torch.zeros(num_nodes, dtype=torch.int64, device=edge_index.device)
    for _ in range(limit):
        depth = depth.scatter_reduce(0, target, depth[source] + 1, "amax")
    return depth.clamp(max=limit)


class EnsembleLinear(nn.Module):
    """M affine maps side by side, so that the members of an ensemble train in one pass.

    Args:
        members: M.
        width_in: Size of each input.
        width_out: Size of each output.
    """

    def __init__(self, members: int, width_in: int, width_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(members, width_in, width_out))
        self.bias = nn.Parameter(torch.zeros(members, 1, width_out))

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draws normal weights of variance 1 / width_in and sets the biases to zero."""
        scale = 1 / math.sqrt(self.weight.shape[1])
        self.weight.copy_(torch.randn(self.weight.shape, generator=generator) * scale)
        self.bias.zero_()

    def forward(self, *parts: Tensor) -> Tensor:
        """Maps (M, n, width_in) to (M, n, width_out); the input may come in parts, which are not copied side by side."""
        found: Tensor = self.bias
        start = 0
        for part in parts:
            found = torch.baddbmm(found, part, self.weight[:, start : start + part.shape[-1]])
            start += part.shape[-1]
        return found


class _WeightedSum(MessagePassing):
    """Sums what the neighbours send, each message times the weight of its edge."""

    def __init__(self) -> None:
        super().__init__(aggr="add", node_dim=0)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Sums x (n, F) along edge_index (2, E) with weights (E,): (n, F)."""
        return self.propagate(edge_index, x=x, edge_weight=edge_weight)

    def message(self, x_j: Tensor, edge_weight: Tensor) -> Tensor:
        """Messages (E, F) from the states (E, F) of the senders."""
        return x_j * edge_weight.unsqueeze(1)


class DagEncoder(nn.Module):
    """Embeds multigraphs by residual message passing along and against the edges (FLAN, Akhauri and Abdelfattah 2024).

    A graph and its reverse get different embeddings, for three reasons: each layer has separate weights for what comes
    along the edges and for what comes against them; every node knows its longest distance from the inputs and, through
    another table, to the outputs; and the readout singles out the state of the output node. Messages are summed and
    multiplied by the edge weights (multiplicities), in which the embedding is differentiable; depths count each
    edge present, whatever its weight.

    Args:
        num_ops: K, size of the vocabulary.
        output_op: Index of the operation of output nodes.
        max_depth: Greatest distinguished depth, in edges.
        width: W, size of the states.
        layers: Number of rounds of messages.
        members: M encoders of separate weights side by side.
        generator: Source of the initial weights; seeded with 0 if None.
        directed: Whether directions are distinguished; if not, messages go both ways with the same weights, and nodes do not
            know their depths.
    """

    def __init__(
        self,
        num_ops: int,
        output_op: int,
        max_depth: int,
        width: int = 32,
        layers: int = 3,
        members: int = 1,
        generator: torch.Generator | None = None,
        directed: bool = True,
    ) -> None:
        super().__init__()
        self.output_op, self.max_depth, self.members, self.directed = output_op, max_depth, members, directed
        self.ops = nn.Parameter(torch.zeros(members, num_ops, width))
        self.depths = nn.Parameter(torch.zeros(2, members, max_depth + 1, width))
        self.updates = nn.ModuleList(EnsembleLinear(members, 3 * width, width) for _ in range(layers))
        self.gather = _WeightedSum()
        self.reset_parameters(generator or torch.Generator().manual_seed(0))

    @property
    def out_features(self) -> int:
        """Size of an embedding, 3 W."""
        return 3 * self.ops.shape[2]

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draws all weights afresh."""
        self.ops.copy_(torch.randn(self.ops.shape, generator=generator))
        self.depths.copy_(torch.randn(self.depths.shape, generator=generator) / 2)
        for update in self.updates:
            assert isinstance(update, EnsembleLinear)
            update.reset_parameters(generator)

    def forward(self, graphs: Batch) -> Tensor:
        """Embeds every graph of a batch.

        Args:
            graphs: B graphs of n nodes and E edges in all: `op` (n,) int64 or, where operations are uncertain, (n, K)
                float probabilities; `edge_index` (2, E) int64; `edge_weight` (E,) float; `batch` (n,) int64. Every
                node is a real one: what does not exist has no row.

        Returns:
            (M, B, 3 W): the output node's state, the mean and a quarter of the sum of the states of all nodes.
        """
        return self.readout(self.states(graphs), graphs)

    def states(self, graphs: Batch) -> Tensor:
        """States of all nodes: (M, n, W); arguments as in `forward`."""
        op, along = graphs.op, graphs.edge_index
        against = along.flip(0)
        num_nodes = op.shape[0]
        x = op @ self.ops if op.is_floating_point() else self.ops[:, op]
        if self.directed:
            x = x + self.depths[0][:, flow_depths(along, num_nodes, self.max_depth)]
            x = x + self.depths[1][:, flow_depths(against, num_nodes, self.max_depth)]
        for update in self.updates:
            h = layer_norm(x, x.shape[-1:])
            messages = [self._send(h, edges, graphs.edge_weight) for edges in (along, against)]
            if not self.directed:
                messages = [messages[0] + messages[1]] * 2
            x = x + silu(update(h, *messages))
        return layer_norm(x, x.shape[-1:])

    def readout(self, x: Tensor, graphs: Batch) -> Tensor:
        """Embeddings of the graphs from the states (M, n, W) of their nodes: (M, B, 3 W)."""
        op, size = graphs.op, graphs.num_graphs
        is_output = op[:, self.output_op] if op.is_floating_point() else (op == self.output_op).to(x.dtype)
        output = self._pool(x * is_output[:, None], graphs.batch, size)
        total = self._pool(x, graphs.batch, size)
        count = torch.bincount(graphs.batch, minlength=size).clamp(min=1).unsqueeze(1)
        return torch.cat([output, total / count, total / 4], -1)

    def _send(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """One round of messages for all members: (M, n, W) to (M, n, W)."""
        members, n, width = x.shape
        # Nodes first: gathering and scattering whole contiguous rows is several times faster.
        rows = x.transpose(0, 1).reshape(n, members * width)
        return self.gather(rows, edge_index, edge_weight).view(n, members, width).transpose(0, 1)

    @staticmethod
    def _pool(x: Tensor, batch: Tensor, size: int) -> Tensor:
        """Sums of the states of each graph: (M, n, W) to (M, B, W)."""
        members, n, width = x.shape
        rows = x.transpose(0, 1).reshape(n, members * width)
        return rows.new_zeros(size, members * width).index_add(0, batch, rows).view(size, members, width).transpose(0, 1)
