"""A predictor by message passing: an ensemble of graph neural networks that follow the data flow in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nag.core.errors import InvalidRequest
from nag.core.numbers import DerivedSeed, FractionBelowOne, SmallCount, Width
from nag.core.signatures import checked
from nag.graphs import DagBatch, dags_to_pyg
from nag.nn.graph_scorers import GraphScorers
from nag.nn.message_passing import DagEncoder
from nag.predictors.losses import Loss
from nag.predictors.network import NetworkPredictor
from nag.predictors.pretraining import Pretraining, pretrain
from nag.predictors.proxies import ProxyColumns
from nag.predictors.structure import group_scales, structure_counts
from nag.spaces import SearchSpace, can_sample_uniform, sample_uniform

if TYPE_CHECKING:
    from torch_geometric.data import Batch

__all__ = ["GNNPredictor"]


@checked
class GNNPredictor(NetworkPredictor):
    """Message passing along and against the edges of the normal form (`DagEncoder`), beside the graph's shape and random walks.

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        width: Size of the networks' states.
        layers: Rounds of messages.
        members: Networks in the ensemble.
        steps: Training steps for up to `batch_size` labels; more labels get more, with the square root of their number.
        batch_size: Labels in a training step.
        learning_rate: Greatest step size of AdamW.
        weight_decay: Decoupled weight decay.
        dropout: Share of the states dropped in the perceptrons during training.
        loss: Loss of the scores; pairs and squared errors if None.
        directed: Whether messages along and against the edges, and depths and heights, are told apart.
        pretraining: How the encoders are pre-trained without labels; None for random initial weights.
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
        members: int = 6,
        steps: int = 200,
        batch_size: int = 512,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
        dropout: FractionBelowOne = 0.1,
        loss: Loss | None = None,
        directed: bool = True,
        pretraining: Pretraining | None = None,
        proxies: ProxyColumns | None = None,
        chunk_size: int = 2048,
        seed: DerivedSeed = 0,
    ) -> None:
        super().__init__(
            space,
            members=members,
            steps=steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            proxies=proxies,
            chunk_size=chunk_size,
            seed=seed,
        )
        self.width, self.layers, self.dropout, self.directed = width, layers, dropout, directed
        self.pretraining = pretraining
        semantics = space.semantics
        output = semantics.vocabulary.index(semantics.output)
        encoder = DagEncoder(len(semantics.vocabulary), output, space.max_nodes - 1, width, layers, members, directed=directed)
        num_shape = space.max_nodes + 11 + len(semantics.vocabulary) + (0 if proxies is None else proxies.columns)
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
