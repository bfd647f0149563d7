"""What policy gradients of a discrete generator need: noisy states of its samples, likelihoods and divergences there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from nag.diffusion.discrete import DiscreteGenerator
from nag.graphs import DagBatch, GraphBatch
from nag.nn import GraphLogits

__all__ = ["NoisyStates", "divergence", "draw_states", "kl_to", "log_likelihood"]

_NEVER = -1e4
_CHUNK = 1024


@dataclass(frozen=True)
class NoisyStates:
    """S noisy states of clean graphs, several in a row of each graph.

    Args:
        x_0: The clean graphs in the process's categories, each repeated.
        x_t: The states.
        t: (S,) their times.
        nodes: (S, N) bool, operations that are to be predicted.
        edges: (S, N, N) bool, edges that are to be predicted.
        positions: (S,) float, number P of generated positions of each graph.
    """

    x_0: GraphBatch
    x_t: GraphBatch
    t: Tensor
    nodes: Tensor
    edges: Tensor
    positions: Tensor

    def __len__(self) -> int:
        return len(self.t)

    @property
    def predicted(self) -> Tensor:
        """(S,) float, number of positions that are to be predicted, at least 1."""
        return (self.nodes.sum(1) + self.edges.sum((1, 2))).clamp(min=1).float()


def draw_states(generator: DiscreteGenerator, dags: DagBatch, masks: int, rng: torch.Generator) -> NoisyStates:
    """Draws states that the reverse process passes through on its way to given graphs.

    Under an absorbing kernel k = 1..P of the P generated positions are masked, k uniform (stratified over the states
    of one graph) and the positions at random: what a random order of unmasking leaves. Under other kernels x_t is
    drawn from the forward process at a uniform time, and every generated position is to be predicted.

    Args:
        generator: Knows the process.
        dags: B clean graphs.
        masks: M, states of each graph.
        rng: Source of randomness, on the graphs' device.

    Returns:
        B * M states, those of one graph together.
    """
    process = generator.process
    rows = torch.arange(len(dags), device=dags.device).repeat_interleave(masks)
    x_0 = process.clean(dags[rows])
    nodes, edges = process.free(x_0.mask)
    positions = nodes.sum(1) + edges.sum((1, 2))
    offset = torch.rand(len(dags), generator=rng, device=dags.device).repeat_interleave(masks)
    share = (torch.arange(masks, device=dags.device).repeat(len(dags)) + offset) / masks
    if not process.absorbing:
        return NoisyStates(x_0, process.noise(x_0, share, rng), share, nodes, edges, positions.float())
    masked = torch.minimum((share * positions).long() + 1, positions)
    free = torch.cat([nodes, edges.flatten(1)], 1)
    key = torch.rand(free.shape, generator=rng, device=dags.device).masked_fill(~free, 2.0)
    chosen = key.argsort(1).argsort(1) < masked[:, None]
    nodes, edges = chosen[:, : nodes.shape[1]], chosen[:, nodes.shape[1] :].view_as(edges)
    t = process.schedule.time(1 - masked / positions.clamp(min=1))
    x_t = GraphBatch(_with_mask(x_0.nodes, nodes), _with_mask(x_0.edges, edges), x_0.mask)
    return NoisyStates(x_0, x_t, t, nodes, edges, positions.float())


def _with_mask(clean: Tensor, masked: Tensor) -> Tensor:
    """The last category, which is the mask, where `masked` says so."""
    mask = one_hot(torch.tensor(clean.shape[-1] - 1, device=clean.device), clean.shape[-1]).to(clean.dtype)
    return torch.where(masked.unsqueeze(-1), mask, clean)


def log_likelihood(logits: GraphLogits, states: NoisyStates) -> Tensor:
    """Mean log-probability of the clean categories over the positions to be predicted: (S,), in nats a position.

    Times P, its mean over states is the expected log p(x_0) over random orders (under an absorbing kernel; the
    any-order bound, Sahoo et al. 2024, eq. 10).
    """

    def part(logits: Tensor, clean: Tensor, where: Tensor) -> Tensor:
        target = clean[..., : logits.shape[-1]].argmax(-1, keepdim=True)
        return (_log_softmax(logits).gather(-1, target).squeeze(-1) * where).flatten(1).sum(1)

    total = part(logits.nodes, states.x_0.nodes, states.nodes) + part(logits.edges, states.x_0.edges, states.edges)
    return total / states.predicted


def divergence(logits: GraphLogits, base: GraphLogits, states: NoisyStates) -> Tensor:
    """Mean Kullback-Leibler divergence from the base's categorical distributions, over the positions to be predicted: (S,).

    Exact at each position. Times P, its mean over states of own samples is the divergence of the two reverse
    processes (chain rule), in nats a graph.
    """

    def part(p: Tensor, q: Tensor, where: Tensor) -> Tensor:
        log_p, log_q = _log_softmax(p), _log_softmax(q)
        return ((log_p.exp() * (log_p - log_q)).sum(-1) * where).flatten(1).sum(1)

    total = part(logits.nodes, base.nodes, states.nodes) + part(logits.edges, base.edges, states.edges)
    return total / states.predicted


def _log_softmax(logits: Tensor) -> Tensor:
    """Finite where a category is not allowed, so that products with its probability, which is 0, are 0."""
    return logits.clamp(min=_NEVER).log_softmax(-1)


@torch.no_grad()
def kl_to(base: DiscreteGenerator, generator: DiscreteGenerator, count: int, rng: torch.Generator, masks: int = 4) -> float:
    """Estimates the divergence of a generator's reverse process from another's, in nats a graph, on fresh samples.

    Args:
        base: The other generator, of the same kernel.
        generator: Draws the samples.
        count: Number of samples.
        rng: Source of randomness, on the generators' device.
        masks: States of each sample.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator
        >>> from nag.diffusion.finetuning import kl_to
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> rng = torch.Generator().manual_seed(0)
        >>> kl_to(generator, generator, count=4, rng=rng)
        0.0
    """
    dags, total = generator.sample(count, rng), 0.0
    for start in range(0, count, _CHUNK):
        states = draw_states(generator, dags[start : start + _CHUNK], masks, rng)
        kl = divergence(generator(states.x_t, states.t), base(states.x_t, states.t), states)
        total += float((kl * states.positions).sum())
    return total / (count * masks)
