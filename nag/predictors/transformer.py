"""A predictor by attention: an ensemble of transformers over the nodes of the normal form."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from typing_extensions import Unpack

from nag.core.errors import InvalidRequest
from nag.core.numbers import FractionBelowOne, SmallCount, Width
from nag.core.randomness import seeded
from nag.core.signatures import checked
from nag.graphs import DagBatch, GraphBatch, levels
from nag.nn import DagBody
from nag.predictors.network import NetworkOptions, NetworkPredictor
from nag.spaces import SearchSpace

__all__ = ["TransformerPredictor"]

_DEFAULTS = NetworkOptions(members=4, steps=200, batch_size=256, learning_rate=3e-3, weight_decay=1e-2)
_MOST_EDGES = 3  # multiplicities of an edge that are told apart


class _Scorer(nn.Module):
    """One network: the body that the denoisers use, then a perceptron on the mean and the output node's state."""

    def __init__(
        self, num_ops: int, output: int, max_nodes: int, extra: int, width: int, layers: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.output, self.dropout = output, dropout
        self.body = DagBody(num_ops, _MOST_EDGES, max_nodes, width, layers, heads)
        self.head = nn.Sequential(nn.Linear(2 * width + extra, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, graphs: GraphBatch, depths: Tensor, extra: Tensor, rng: torch.Generator | None) -> Tensor:
        h = self.body(graphs.nodes, graphs.edges, graphs.mask, graphs.nodes.new_zeros(len(graphs)), positions=depths)
        mask = graphs.mask.unsqueeze(-1)
        is_output = graphs.nodes[..., self.output].unsqueeze(-1)
        pooled = torch.cat([(h * mask).sum(1) / mask.sum(1).clamp(min=1), (h * is_output).sum(1)], -1)
        if rng is not None and self.dropout:
            keep = torch.rand(pooled.shape, generator=rng).to(pooled.device) >= self.dropout
            pooled = pooled * keep / (1 - self.dropout)
        return self.head(torch.cat([pooled, extra], -1)).squeeze(-1)


@checked
class TransformerPredictor(NetworkPredictor):
    """Attention among the nodes of the normal form, biased by the edges and their directions (`DagBody`).

    Nodes know their longest distance from the input in place of their position, so that their order does not matter.

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        width: Width of the node states.
        layers: Blocks.
        heads: Attention heads.
        dropout: Share of the pooled states dropped during training.
        members: Networks in the ensemble, 4 by default.
        steps: Training steps for up to `batch_size` labels, 200 by default; more labels get more, with the square root of their
            number.
        batch_size: Labels in a training step, 256 by default.
        learning_rate: Greatest step size of AdamW, 0.003 by default.
        weight_decay: Decoupled weight decay, 0.01 by default.
        loss: Loss of the scores; pairs and squared errors if None.
        proxies: Training-free scores that join the features.
        chunk_size: Architectures scored at a time.
        seed: Seed of initial weights, pairs, batches and dropout.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.predictors import TransformerPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 10, seed=0)
        >>> predictor = TransformerPredictor(space, width=8, layers=1, heads=2, members=1, steps=2)
        >>> predictor.fit(dags, dags.adjacency.sum((1, 2)).double())
        >>> predictor.predict(dags).mean.shape
        torch.Size([10])
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        width: Width = 32,
        layers: SmallCount = 2,
        heads: SmallCount = 4,
        dropout: FractionBelowOne = 0.1,
        **options: Unpack[NetworkOptions],
    ) -> None:
        super().__init__(space, **_DEFAULTS | options)
        self.width, self.layers, self.heads, self.dropout = width, layers, heads, dropout
        if width % heads:
            raise InvalidRequest(f"width {width} cannot be divided among {heads} heads", "Make it a multiple of heads.")
        self.scorers = self._make(0)

    def _make(self, seed: int) -> nn.ModuleList:
        """New networks; the global generator is left as it was."""
        vocabulary, output = self.space.semantics.vocabulary, self.space.semantics.output
        extra = 0 if self.proxies is None else self.proxies.columns
        sizes = (len(vocabulary), vocabulary.index(output), self.space.max_nodes, extra)
        with seeded(seed):
            options = (self.width, self.layers, self.heads, self.dropout)
            return nn.ModuleList(_Scorer(*sizes, *options) for _ in range(self.members))

    def _networks(self) -> nn.Module:
        return self.scorers

    def _reset(self, rng: torch.Generator) -> None:
        self.scorers = self._make(int(torch.randint(1 << 31, (1,), generator=rng))).to(self.fitted.device)

    def _inputs(self, dags: DagBatch) -> tuple[GraphBatch, Tensor, Tensor]:
        num_ops = len(self.space.semantics.vocabulary)
        nodes = one_hot(dags.ops, num_ops).float() * dags.mask.unsqueeze(-1)
        # Pairs without an edge have no category: one of their own would tell which node stands first.
        edges = one_hot(dags.adjacency.clamp(max=_MOST_EDGES), _MOST_EDGES + 1).float()[..., 1:]
        extra = nodes.new_zeros(len(dags), 0) if self.proxies is None else self.proxies(dags).float()
        return GraphBatch(nodes, edges, dags.mask), levels(dags), extra

    def _score(self, inputs: tuple[GraphBatch, Tensor, Tensor], dropout: torch.Generator | None = None) -> Tensor:
        return torch.stack([scorer(*inputs, dropout) for scorer in self.scorers])
