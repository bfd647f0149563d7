"""A transformer over the nodes of a directed acyclic graph whose attention knows each edge's direction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nag.nn.time_embedding import TimeEmbedding

__all__ = ["DagTransformer", "GraphLogits"]


@dataclass(frozen=True)
class GraphLogits:
    """Unnormalised log-probabilities of clean categories.

    Args:
        nodes: (B, N, K).
        edges: (B, N, N, L); only entries above the diagonal mean anything.
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


class DagTransformer(nn.Module):
    """Predicts clean operations and edges of noisy graphs.

    A graph and its reverse look different to it, for three reasons: the state of the pair u < v enters attention
    from u to v and from v to u as two different relations, each with its own bias and value in every head; nodes know
    their topological position; and the edge head reads source and target through different weights.

    Args:
        num_ops: K, clean operation categories.
        num_edge_types: L, clean edge categories.
        max_nodes: N.
        extra: 1 if noisy categories include a mask, else 0.
        width: Width of the node states.
        layers: Number of blocks.
        heads: Attention heads.
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
    ) -> None:
        super().__init__()
        noisy = num_edge_types + extra
        self.embed_op = nn.Linear(num_ops + extra, width)
        self.embed_position = nn.Embedding(max_nodes, width)
        self.embed_size = nn.Embedding(max_nodes + 1, width)
        self.embed_time = TimeEmbedding(width)
        relations = 2 * noisy + 1
        self.blocks = nn.ModuleList(_Block(width, heads, relations) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.node_head = nn.Linear(width, num_ops)
        self.source, self.target = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.pair = nn.Linear(noisy, width, bias=False)
        self.edge_head = nn.Linear(width, num_edge_types)
        self.num_edge_types = num_edge_types

    def forward(self, nodes: Tensor, edges: Tensor, mask: Tensor, t: Tensor) -> GraphLogits:
        """Logits of the clean graph.

        Args:
            nodes: (B, N, K + extra) noisy operations.
            edges: (B, N, N, L + extra) noisy edges.
            mask: (B, N) bool, where there is a node.
            t: (B,) times in [0, 1].
        """
        batch, size, _ = nodes.shape
        upper = torch.ones(size, size, dtype=torch.bool, device=nodes.device).triu(1)
        forward = edges * upper[..., None]
        loops = torch.eye(size, device=nodes.device).expand(batch, size, size).unsqueeze(-1)
        relation = torch.cat([forward, forward.transpose(1, 2), loops], -1)
        shared = self.embed_time(t) + self.embed_size(mask.sum(1))
        h = self.embed_op(nodes) + self.embed_position.weight[:size] + shared[:, None]
        absent = ~mask
        for block in self.blocks:
            h = block(h, relation, absent)
        h = self.norm(h)
        u, v = upper.nonzero(as_tuple=True)
        hidden = self.source(h)[:, u] + self.target(h)[:, v] + self.pair(edges[:, u, v])
        pairs = self.edge_head(nn.functional.gelu(hidden))
        logits = pairs.new_zeros(batch, size, size, self.num_edge_types)
        logits[:, u, v] = pairs
        return GraphLogits(self.node_head(h), logits)
