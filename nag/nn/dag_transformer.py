"""A transformer over the nodes of a directed acyclic graph whose attention knows each edge's direction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nag.core.errors import InvalidRequest
from nag.nn.time_embedding import TimeEmbedding

__all__ = ["DagBody", "DagTransformer", "GraphLogits"]


@dataclass(frozen=True)
class GraphLogits:
    """Unnormalised log-probabilities of clean categories.

    Args:
        nodes: (B, N, K).
        edges: (B, N, N, L); only entries above the diagonal mean anything.

    Example:
        >>> import torch
        >>> from nag.nn import GraphLogits
        >>> logits = GraphLogits(nodes=torch.zeros(2, 4, 3), edges=torch.zeros(2, 4, 4, 2))
        >>> logits.nodes.softmax(-1)[0, 0]
        tensor([0.3333, 0.3333, 0.3333])
    """

    nodes: Tensor
    edges: Tensor


class _Block(nn.Module):
    """Pre-norm attention whose weights and values depend on the relation of each pair of nodes, then a perceptron."""

    def __init__(self, width: int, heads: int, relations: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.bias = nn.Linear(relations, heads, bias=False)
        self.relation_values = nn.Parameter(torch.randn(heads, relations, width // heads) * 0.02)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, h: Tensor, relation: Tensor, absent: Tensor) -> Tensor:
        batch, size, width = h.shape
        q, k, v = self.qkv(self.norm_attention(h)).view(batch, size, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        logits = q @ k.transpose(2, 3) * q.shape[-1] ** -0.5 + self.bias(relation).permute(0, 3, 1, 2)
        attention = logits.masked_fill(absent[:, None, None, :], float("-inf")).softmax(-1)
        by_relation = torch.einsum("bhij,bijr->bhir", attention, relation)
        mixed = attention @ v + torch.einsum("bhir,hrd->bhid", by_relation, self.relation_values)
        h = h + self.out(mixed.transpose(1, 2).reshape(batch, size, width))
        return h + self.mlp(self.norm_mlp(h))


class DagBody(nn.Module):
    """Node states of noisy graphs.

    A graph and its reverse look different to it, for two reasons: the state of the pair u < v enters attention
    from u to v and from v to u as two different relations, each with its own bias and value in every head; and nodes know
    their topological position.

    Args:
        num_ops: Noisy operation categories.
        num_edge_types: Noisy edge categories.
        max_nodes: N.
        width: W, width of the node states.
        layers: Number of blocks.
        heads: Attention heads.
        conditions: C, number of conditions of the network.

    Raises:
        InvalidRequest: The width is no multiple of the heads.

    Example:
        >>> import torch
        >>> from nag.nn import DagBody
        >>> body = DagBody(num_ops=3, num_edge_types=2, max_nodes=4, width=8, layers=1, heads=2)
        >>> nodes, edges = torch.zeros(1, 4, 3), torch.zeros(1, 4, 4, 2)
        >>> body(nodes, edges, torch.ones(1, 4, dtype=torch.bool), torch.tensor([0.5])).shape
        torch.Size([1, 4, 8])
    """

    def __init__(
        self, num_ops: int, num_edge_types: int, max_nodes: int, width: int, layers: int, heads: int, conditions: int = 0
    ) -> None:
        super().__init__()
        if width % heads:
            nearest = max(width // heads, 1) * heads
            what = f"a network of width {width} cannot have {heads} heads"
            raise InvalidRequest(what, f"The width must be a multiple of the heads, such as {nearest}.")
        self.embed_op = nn.Linear(num_ops, width)
        self.embed_position = nn.Embedding(max_nodes, width)
        self.embed_size = nn.Embedding(max_nodes + 1, width)
        self.embed_time = TimeEmbedding(width)
        self.embed_conditions = nn.ModuleList(TimeEmbedding(width, zero=True) for _ in range(conditions))
        relations = 2 * num_edge_types + 1
        self.blocks = nn.ModuleList(_Block(width, heads, relations) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        nodes: Tensor,
        edges: Tensor,
        mask: Tensor,
        t: Tensor,
        condition: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Node states: (B, n, W); arguments as in `DagTransformer`.

        `positions` (B, n) int64 in 0..N-1 stand in for the topological positions; with longest distances from the input
        the states do not depend on the order of the nodes.
        """
        batch, size, _ = nodes.shape
        upper = torch.ones(size, size, dtype=torch.bool, device=nodes.device).triu(1)
        forward = edges * upper[..., None]
        loops = torch.eye(size, device=nodes.device, dtype=edges.dtype).expand(batch, size, size).unsqueeze(-1)
        relation = torch.cat([forward, forward.transpose(1, 2), loops], -1)
        shared = self.embed_time(t) + self.embed_size(mask.sum(1))
        if condition is not None:
            for column, embed in enumerate(self.embed_conditions):
                value = condition[:, column]
                shared = shared + torch.where(value.isnan()[:, None], 0.0, embed(value.nan_to_num()))
        place = self.embed_position.weight[:size] if positions is None else self.embed_position(positions)
        h = self.embed_op(nodes) + place + shared[:, None]
        absent = ~mask
        for block in self.blocks:
            h = block(h, relation, absent)
        return self.norm(h)


class DagTransformer(nn.Module):
    """Predicts clean operations and edges of noisy graphs; the edge head reads source and target through different weights.

    Args:
        num_ops: K, clean operation categories.
        num_edge_types: L, clean edge categories.
        max_nodes: N.
        extra: 1 if noisy categories include a mask, else 0.
        width: Width of the node states.
        layers: Number of blocks.
        heads: Attention heads.
        conditions: C, number of conditions of the network.

    Example:
        >>> import torch
        >>> from nag.nn import DagTransformer
        >>> network = DagTransformer(num_ops=3, num_edge_types=2, max_nodes=4, width=8, layers=1, heads=2)
        >>> nodes, edges = torch.zeros(1, 4, 3), torch.zeros(1, 4, 4, 2)
        >>> logits = network(nodes, edges, torch.ones(1, 4, dtype=torch.bool), torch.tensor([0.5]))
        >>> logits.nodes.shape, logits.edges.shape
        (torch.Size([1, 4, 3]), torch.Size([1, 4, 4, 2]))
    """

    def __init__(
        self,
        num_ops: int,
        num_edge_types: int,
        max_nodes: int,
        extra: int = 0,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        conditions: int = 0,
    ) -> None:
        super().__init__()
        noisy = num_edge_types + extra
        self.body = DagBody(num_ops + extra, noisy, max_nodes, width, layers, heads, conditions)
        self.node_head = nn.Linear(width, num_ops)
        self.source, self.target = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.pair = nn.Linear(noisy, width, bias=False)
        self.edge_head = nn.Linear(width, num_edge_types)
        self.num_edge_types = num_edge_types

    def forward(
        self,
        nodes: Tensor,
        edges: Tensor,
        mask: Tensor,
        t: Tensor,
        condition: Tensor | None = None,
        pairs: tuple[Tensor, Tensor] | None = None,
    ) -> GraphLogits:
        """Logits of the clean graph.

        Args:
            nodes: (B, n, K + extra) noisy operations, n <= N.
            edges: (B, n, n, L + extra) noisy edges.
            mask: (B, n) bool, where there is a node.
            t: (B,) times in [0, 1].
            condition: (B, C) numbers in [0, 1], nan where one is not given; None for none.
            pairs: Sources and targets of the edges that are asked for, each (P,) int64; None for all u < v.
        """
        batch, size, _ = nodes.shape
        h = self.body(nodes, edges, mask, t, condition)
        u, v = torch.triu_indices(size, size, 1, device=nodes.device) if pairs is None else pairs
        if not len(u):
            return GraphLogits(self.node_head(h), h.new_zeros(batch, size, size, self.num_edge_types))
        hidden = self.source(h)[:, u] + self.target(h)[:, v] + self.pair(edges[:, u, v])
        found = self.edge_head(nn.functional.gelu(hidden))
        logits = found.new_zeros(batch, size, size, self.num_edge_types)  # under autocast their type is not that of the states
        logits[:, u, v] = found
        return GraphLogits(self.node_head(h), logits)
