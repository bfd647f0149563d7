"""Networks that score graphs from an embedding and features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from nag.nn.message_passing import DagEncoder, EnsembleLinear

if TYPE_CHECKING:
    from torch_geometric.data import Batch

__all__ = ["GraphScorers"]


class GraphScorers(nn.Module):
    """M networks that score graphs: a message-passing encoder, then a perceptron on its embedding and features.

    Args:
        encoder: Encoder of M members.
        num_features: F, number of features that stand beside the embedding.
        width: Size of the hidden states.
        dropout: Share of the perceptron's inputs and hidden states that is dropped where a generator is given.
    """

    def __init__(self, encoder: DagEncoder, num_features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.encoder, self.dropout = encoder, dropout
        members = encoder.members
        self.features = EnsembleLinear(members, num_features, width)
        self.hidden = EnsembleLinear(members, encoder.out_features + width, width)
        self.score = EnsembleLinear(members, width, 1)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draws all weights afresh."""
        self.encoder.reset_parameters(generator)
        for layer in (self.features, self.hidden, self.score):
            layer.reset_parameters(generator)

    def forward(self, graphs: Batch, features: Tensor, dropout_rng: torch.Generator | None = None) -> Tensor:
        """Scores graphs; differentiable in what the encoder is differentiable in.

        Args:
            graphs: B graphs, as `DagEncoder` takes them.
            features: (B, F).
            dropout_rng: Source of dropout; nothing is dropped if None.

        Returns:
            (M, B) scores.
        """
        beside = silu(self.features(features.expand(self.encoder.members, -1, -1)))
        hidden = silu(self.hidden(self._drop(torch.cat([self.encoder(graphs), beside], -1), dropout_rng)))
        return self.score(self._drop(hidden, dropout_rng)).squeeze(2)

    def _drop(self, x: Tensor, rng: torch.Generator | None) -> Tensor:
        if rng is None or not self.dropout:
            return x
        keep = torch.rand(x.shape, generator=rng).to(x.device) >= self.dropout
        return x * keep / (1 - self.dropout)
