"""Networks of source tasks: one that reads the graph, and small ones that read it through the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from nag.graphs import DagBatch, dags_to_pyg
from nag.nn.graph_scorers import GraphScorers
from nag.nn.message_passing import DagEncoder
from nag.predictors.gnn import GNNPredictor
from nag.spaces import SearchSpace

if TYPE_CHECKING:
    from torch_geometric.data import Batch

__all__ = ["Reading", "SourceNetwork"]


@dataclass(frozen=True)
class Reading:
    """What a frozen network makes of B normal forms.

    Args:
        graphs: The graphs, whose n nodes carry their operation and the network's states: `op` (n, K + S) float.
        embeddings: (B, F) float64.
    """

    graphs: Batch
    embeddings: Tensor


class SourceNetwork(GNNPredictor):
    """The network of a source task; all but the first read the graph through the first, which is frozen.

    The nodes of an adapter's graphs carry, beside their operation, the states that the base gives them before each round of
    messages and after the last; its head sees, beside its own embedding, the base's.

    Args:
        space: Search space.
        base: The frozen network; None for the base itself.
        options: Those of `GNNPredictor`.
    """

    def __init__(self, space: SearchSpace, base: SourceNetwork | None, **options: Any) -> None:
        super().__init__(space, **options)
        self.base = () if base is None else (base,)  # a tuple is no sub-module: the base's weights are stored once
        if base is None:
            return
        own, num_ops = self.scorers.encoder, len(space.semantics.vocabulary)
        read = num_ops + (base.layers + 1) * base.members * base.width
        encoder = DagEncoder(read, own.output_op, own.max_depth, self.width, self.layers, self.members, directed=self.directed)
        num_shape = len(self.shape_shift) + base.members * base.scorers.encoder.out_features
        self.scorers = GraphScorers(encoder, num_shape, self.width, self.dropout)
        self.shape_shift, self.shape_scale = (torch.zeros(num_shape, dtype=torch.float64) for _ in range(2))

    def _shape(self, dags: DagBatch) -> list[Tensor]:
        return super()._shape(dags) + [_read(base, dags).embeddings for base in self.base]

    def _inputs(self, dags: DagBatch) -> tuple[Batch, Tensor]:
        return self._inputs_through(dags, self.read(dags))

    def _inputs_through(self, dags: DagBatch, seen: Reading | None) -> tuple[Batch, Tensor]:
        if not self.base or seen is None:
            return super()._inputs(dags)
        shape = torch.cat([*super()._shape(dags), seen.embeddings], 1)
        return seen.graphs, ((shape - self.shape_shift) * self.shape_scale).float()

    def read(self, dags: DagBatch) -> Reading | None:
        """What the base makes of B normal forms; all its adapters can share it. None for the base itself."""
        return _read(self.base[0], dags) if self.base else None

    @torch.no_grad()
    def look(self, dags: DagBatch, seen: Reading | None) -> tuple[Tensor, Tensor]:
        """Mean score (B,) and embeddings (B, F) of B normal forms that the base has read, float64."""
        found: list[Tensor] = []
        hook = self.scorers.encoder.register_forward_hook(lambda encoder, inputs, output: found.append(output))
        try:
            scores = self._score(self._inputs_through(dags, seen))
        finally:
            hook.remove()
        return scores.double().mean(0), _side_by_side(found[0]).double()


@torch.no_grad()
def _read(base: GNNPredictor, dags: DagBatch) -> Reading:
    encoder, graphs, found = base.scorers.encoder, dags_to_pyg(dags), []

    def note(update: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(inputs[0][..., : base.width])  # what follows are the messages

    hooks = [update.register_forward_pre_hook(note) for update in encoder.updates]
    try:
        found.append(encoder.states(graphs))
    finally:
        for hook in hooks:
            hook.remove()
    embeddings = _side_by_side(encoder.readout(found[-1], graphs)).double()
    states = torch.cat([_side_by_side(x) for x in found], 1)
    kinds = one_hot(graphs.op, len(base.space.semantics.vocabulary))
    graphs.op = torch.cat([kinds, states / states.shape[1] ** 0.5], 1)  # all states together weigh as much as the operation
    return Reading(graphs, embeddings)


def _side_by_side(x: Tensor) -> Tensor:
    """What M members have of each row: (M, n, W) to (n, M W)."""
    return x.transpose(0, 1).flatten(1)
