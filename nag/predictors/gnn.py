"""A predictor by message passing: an ensemble of graph neural networks that follow the data flow in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from nag.core.errors import InvalidRequest
from nag.core.numbers import FractionBelowOne, SmallCount, Width
from nag.core.signatures import checked
from nag.graphs import DagBatch, dags_to_pyg
from nag.nn.graph_scorers import GraphScorers
from nag.nn.message_passing import DagEncoder
from nag.predictors.network import NetworkOptions, NetworkPredictor
from nag.predictors.pretraining import Pretraining, pretrain
from nag.predictors.structure import group_scales, structure_counts
from nag.spaces import SearchSpace, can_sample_uniform, sample_uniform

if TYPE_CHECKING:
    from torch_geometric.data import Batch

__all__ = ["GNNPredictor"]

_DEFAULTS = NetworkOptions(members=6, steps=200, batch_size=512, learning_rate=5e-3, weight_decay=1e-2)


@checked
class GNNPredictor(NetworkPredictor):
    """Message passing along and against the edges of the normal form (`DagEncoder`), beside the graph's shape and random walks.

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        width: Size of the networks' states.
        layers: Rounds of messages.
        dropout: Share of the states dropped in the perceptrons during training.
        directed: Whether messages along and against the edges, and depths and heights, are told apart.
        pretraining: How the encoders are pre-trained without labels; None for random initial weights.
        members: Networks in the ensemble, 6 by default.
        steps: Training steps for up to `batch_size` labels, 200 by default; more labels get more, with the square root of their
            number.
        batch_size: Labels in a training step, 512 by default.
        learning_rate: Greatest step size of AdamW, 0.005 by default.
        weight_decay: Decoupled weight decay, 0.01 by default.
        loss: Loss of the scores; pairs and squared errors if None.
        proxies: Training-free scores that join the features.
        chunk_size: Architectures scored at a time.
        seed: Seed of initial weights, pairs, batches and dropout.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.predictors import GNNPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 10, seed=0)
        >>> predictor = GNNPredictor(space, width=8, layers=1, members=1, steps=2)
        >>> predictor.fit(dags, dags.adjacency.sum((1, 2)).double())
        >>> predictor.predict(dags).mean.shape
        torch.Size([10])
    """

    shape_shift: Tensor
    shape_scale: Tensor

    def __init__(
        self,
        space: SearchSpace,
        *,
        width: Width = 32,
        layers: SmallCount = 3,
        dropout: FractionBelowOne = 0.1,
        directed: bool = True,
        pretraining: Pretraining | None = None,
        **options: Unpack[NetworkOptions],
    ) -> None:
        super().__init__(space, **_DEFAULTS | options)
        self.width, self.layers, self.dropout, self.directed = width, layers, dropout, directed
        self.pretraining = pretraining
        semantics = space.semantics
        output = semantics.vocabulary.index(semantics.output)
        sizes = (space.max_nodes - 1, width, layers, self.members)
        encoder = DagEncoder(len(semantics.vocabulary), output, *sizes, directed=directed)
        num_shape = space.max_nodes + 11 + len(semantics.vocabulary) + (0 if self.proxies is None else self.proxies.columns)
        self._pretrained: tuple[tuple[Pretraining, int], dict[str, Tensor]] | None = None
        self.scorers = GraphScorers(encoder, num_shape, width, dropout)
        self.register_buffer("shape_shift", torch.zeros(num_shape, dtype=torch.float64))
        self.register_buffer("shape_scale", torch.zeros(num_shape, dtype=torch.float64))

    def _networks(self) -> nn.Module:
        return self.scorers

    def _reset(self, rng: torch.Generator) -> None:
        self.scorers.reset_parameters(rng)
        if self.pretraining is not None:
            self._pretrain(self.pretraining, int(torch.randint(1 << 31, (1,), generator=rng)))

    def _pretrain(self, options: Pretraining, seed: int) -> None:
        """Pre-trains on uniform draws of the space; what it learned is kept for the next fit with the same seed."""
        encoder, space = self.scorers.encoder, self.space
        if self._pretrained is None or self._pretrained[0] != (options, seed):
            if not can_sample_uniform(space):
                raise InvalidRequest(f"{space.name} has no uniform draws to pre-train on", "Use predictor.pretraining=null.")
            dags = self.normal_form(sample_uniform(space, options.graphs, seed).to(self.fitted.device))
            pretrain(encoder, dags, space.semantics, options, torch.Generator().manual_seed(seed))
            self._pretrained = (options, seed), {name: value.clone() for name, value in encoder.state_dict().items()}
        encoder.load_state_dict(self._pretrained[1])

    def _study(self, dags: DagBatch) -> None:
        self.shape_shift, self.shape_scale = group_scales(self._shape(dags))

    def _inputs(self, dags: DagBatch) -> tuple[Batch, Tensor]:
        shape = torch.cat(self._shape(dags), 1)
        return dags_to_pyg(dags), ((shape - self.shape_shift) * self.shape_scale).float()

    def _shape(self, dags: DagBatch) -> list[Tensor]:
        """Features that stand beside the embedding, in groups."""
        counts = structure_counts(dags, self.space.semantics)
        return [counts.shape, counts.walks, *([] if self.proxies is None else [self.proxies(dags)])]

    def _score(self, inputs: tuple[Batch, Tensor], dropout: torch.Generator | None = None) -> Tensor:
        graphs, shape = inputs
        return self.scorers(graphs, shape, dropout)
