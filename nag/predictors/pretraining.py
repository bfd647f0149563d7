"""Pre-training without labels: hidden operations, missing edges and graph statistics of random architectures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from nag.core.divergence import LossWatch
from nag.core.numbers import BatchSize, Count, FractionBelowOne, Rate, Size
from nag.core.signatures import checked
from nag.graphs import DagBatch, Semantics, dags_to_pyg
from nag.nn.message_passing import DagEncoder, EnsembleLinear
from nag.predictors.structure import group_scales, structure_counts

__all__ = ["Pretraining", "pretrain"]


@checked
@dataclass(frozen=True)
class Pretraining:
    """How an encoder is pre-trained.

    Args:
        graphs: Random architectures of the space.
        steps: Training steps.
        batch_size: Architectures in a step.
        learning_rate: Step size of AdamW, which falls linearly.
        hidden: Share of the operations that are hidden, and of the edges that are taken away.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.predictors import Pretraining
        >>> Pretraining(graphs=500, steps=50).hidden
        0.2
    """

    graphs: Count = 2000
    steps: Size = 200
    batch_size: BatchSize = 256
    learning_rate: Rate = 3e-3
    hidden: FractionBelowOne = 0.2


class _Heads(nn.Module):
    """What the states and embeddings are asked: operations of nodes, edges of pairs, statistics of graphs."""

    def __init__(self, members: int, width: int, num_ops: int, statistics: int) -> None:
        super().__init__()
        self.op = EnsembleLinear(members, width, num_ops)
        self.source = EnsembleLinear(members, width, width)
        self.target = EnsembleLinear(members, width, width)
        self.statistics = EnsembleLinear(members, 3 * width, statistics)


def pretrain(encoder: DagEncoder, dags: DagBatch, semantics: Semantics, options: Pretraining, rng: torch.Generator) -> None:
    """Trains an encoder on architectures without labels, in place.

    A share of the operations is replaced by a mixture of all (the mean of their embeddings) and a share of the edges is
    taken away; the states tell the operations (as in Hu et al. 2020, attribute masking) and whether a pair had an edge
    (edge prediction, ibid.), and the embedding tells the scaled structure counts of the whole graph.

    Args:
        encoder: Encoder of M members.
        dags: Normal forms.
        semantics: Vocabulary of the operations.
        options: How.
        rng: Source of randomness, on the CPU.

    Raises:
        InvalidRequest: The training diverges.
    """
    device = encoder.ops.device
    counts = structure_counts(dags, semantics).groups()
    shift, scale = group_scales(counts)
    wanted = ((torch.cat(counts, 1) - shift) * scale * len(counts) ** 0.5).float()
    members, num_ops, width = encoder.ops.shape
    heads = _Heads(members, width, num_ops, wanted.shape[1])
    for part in (heads.op, heads.source, heads.target, heads.statistics):
        part.reset_parameters(rng)
    heads.to(device)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, max(options.steps, 1))
    watch = LossWatch("the encoder", "predictor.pretraining.learning_rate", options.learning_rate, Pretraining.learning_rate)
    for _ in range(options.steps):
        rows = torch.randint(len(dags), (min(options.batch_size, len(dags)),), generator=rng)
        optimizer.zero_grad(set_to_none=True)
        loss = _loss(encoder, heads, dags[rows.to(device)], wanted[rows.to(device)], options.hidden, rng)
        loss.backward()
        optimizer.step()
        schedule.step()
        watch.see(loss)
    watch.look(encoder.parameters())


def _loss(encoder: DagEncoder, heads: _Heads, dags: DagBatch, wanted: Tensor, hidden: float, rng: torch.Generator) -> Tensor:
    """Sum of the three losses over the members."""
    members, num_ops, _ = encoder.ops.shape
    hide = (torch.rand(dags.ops.shape, generator=rng).to(dags.device) < hidden) & dags.mask
    cut = (torch.rand(dags.adjacency.shape, generator=rng).to(dags.device) < hidden) & (dags.adjacency > 0)
    damaged = dags_to_pyg(DagBatch(dags.ops, dags.adjacency.masked_fill(cut, 0), dags.mask))
    known = one_hot(damaged.op, num_ops).float()
    damaged.op = torch.where(hide[dags.mask][:, None], torch.full_like(known, 1 / num_ops), known)
    states = encoder.states(damaged)
    at = hide[dags.mask]
    op = (
        cross_entropy(heads.op(states[:, at]).flatten(0, 1), dags.ops[dags.mask][at].repeat(members)) if bool(at.any()) else 0.0
    )
    place = dags.mask.flatten().cumsum(0).view_as(dags.mask) - 1  # of each node among all
    upper = torch.ones_like(dags.adjacency, dtype=torch.bool).triu(1) & dags.mask.unsqueeze(1) & dags.mask.unsqueeze(2)
    graph, u, v = (upper & (cut | (dags.adjacency == 0))).nonzero(as_tuple=True)
    from_u, to_v = heads.source(states)[:, place[graph, u]], heads.target(states)[:, place[graph, v]]
    there = cut[graph, u, v].float().expand(members, -1)
    logits = (from_u * to_v).mean(-1) * from_u.shape[-1] ** 0.5
    edge = binary_cross_entropy_with_logits(logits, there, reduction="sum") / max(there.numel(), 1)
    whole = dags_to_pyg(dags)
    statistics = (heads.statistics(encoder(whole)) - wanted).square().mean()
    return members * (op + edge + statistics)
