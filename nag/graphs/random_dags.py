"""Random layered DAGs: synthetic computation graphs of any size, to test and time what must work on large graphs."""

from __future__ import annotations

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.graphs.batch import DagBatch

__all__ = ["random_layered_dags"]

_ROUNDS = 3


def random_layered_dags(
    count: int,
    num_nodes: int,
    num_ops: int,
    rng: torch.Generator,
    *,
    min_nodes: int | None = None,
    mean_width: float = 4.0,
    max_reads: int = 3,
    skip: float = 0.15,
) -> DagBatch:
    """Draws graphs whose inner nodes stand in layers of geometrically distributed width.

    Each inner node makes 1 to `max_reads` reads (two of one node count once). Most go to the layer before, whose nodes
    are read in turn, in a random order, so that few stay unread; the others go to any earlier layer. What stays unread is
    read by one of the next layers' nodes that have a read left, or else feeds the output: all nodes lie on a path.

    Args:
        count: B, the number of graphs.
        num_nodes: N, the number of nodes of the largest graphs, input and output included; at least 2.
        num_ops: K, the size of the vocabulary: 0 is the input, 1 the output, inner nodes draw uniformly from 2..K-1.
        rng: Source of randomness; the graphs are on its device.
        min_nodes: Least number of nodes, sizes being uniform; all graphs have `num_nodes` if None.
        mean_width: Mean number of nodes of a layer, at least 1.
        max_reads: Greatest number of reads of an inner node.
        skip: Probability that a read goes to any earlier layer, not to the one before.

    Returns:
        B graphs, padded to N nodes; node 0 is the input, the last one the output.

    Raises:
        InvalidRequest: A number is out of its range.

    Example:
        >>> import torch
        >>> from nag.graphs import random_layered_dags
        >>> dags = random_layered_dags(2, num_nodes=50, num_ops=6, rng=torch.Generator().manual_seed(0))
        >>> dags.num_nodes.tolist(), bool((dags.adjacency.tril() == 0).all())
        ([50, 50], True)
    """
    low = num_nodes if min_nodes is None else min_nodes
    _check_sizes(count, low, num_nodes, num_ops)
    if mean_width < 1 or max_reads < 1 or not 0 <= skip <= 1:
        raise InvalidRequest(
            f"no layers of mean width {mean_width} with up to {max_reads} reads, {skip} of them skipping",
            "mean_width and max_reads are at least 1, skip is a probability.",
        )
    device = rng.device
    sizes = torch.randint(low, num_nodes + 1, (count, 1), generator=rng, device=device)
    node = torch.arange(num_nodes, device=device).expand(count, -1)
    mask, last = node < sizes, node == sizes - 1
    inner = mask & (node > 0) & ~last
    ops = torch.randint(2, max(num_ops, 3), (count, num_nodes), generator=rng, device=device) * inner
    layer = _layers(count, num_nodes, mean_width, rng)
    reads = torch.randint(1, max_reads + 1, (count, num_nodes), generator=rng, device=device) * inner
    adjacency = _adjacency(*_sources(layer, reads, max_reads, skip, rng))
    for _ in range(_ROUNDS):
        adjacency = adjacency + _adopt_unread(adjacency, layer, inner, max_reads, mean_width, rng)
    unread = (adjacency.sum(2) == 0) & mask & ~last
    return DagBatch(ops + last, adjacency + unread.unsqueeze(2) * last.unsqueeze(1), mask)


def _check_sizes(count: int, low: int, num_nodes: int, num_ops: int) -> None:
    if count < 0 or not 2 <= low <= num_nodes or num_ops < (3 if num_nodes > 2 else 2):
        raise InvalidRequest(
            f"no {count} graphs of {low} to {num_nodes} nodes with {num_ops} operations",
            "At least 2 nodes; input, output and one more operation.",
        )


def _adjacency(source: Tensor, made: Tensor) -> Tensor:
    """The edges of reads, (B, N, R) int64 and bool: (B, N, N) int64 of 0 and 1."""
    graph, node, read = made.nonzero().unbind(1)
    adjacency = torch.zeros(*made.shape[:2], made.shape[1], dtype=torch.int64, device=made.device)
    adjacency[graph, source[graph, node, read], node] = 1
    return adjacency


def _adopt_unread(
    adjacency: Tensor, layer: Tensor, inner: Tensor, max_reads: int, mean_width: float, rng: torch.Generator
) -> Tensor:
    """New edges from unread nodes to nodes of later layers that read fewer than `max_reads`: (B, N, N) int64."""
    last = layer.shape[1] - 1
    unread = (adjacency.sum(2) == 0) & inner
    after = torch.searchsorted(layer, layer, right=True)  # first node of the next layer
    noise = torch.rand(layer.shape, generator=rng, device=rng.device)
    reader = (after + (-2 * mean_width * torch.log1p(-noise)).long()).clamp(max=last)
    unread &= after <= last
    node = torch.arange(last + 1, device=layer.device).expand_as(layer)
    # Of several that choose one reader, the last gets it; 0 stands for none.
    adopted = torch.zeros_like(layer).scatter_reduce(1, reader, node * unread, "amax")
    wanted = (adopted > 0) & inner & (adjacency.sum(1) < max_reads)
    return torch.zeros_like(adjacency).scatter_(1, adopted.unsqueeze(1), wanted.long().unsqueeze(1))


def _layers(count: int, num_nodes: int, mean_width: float, rng: torch.Generator) -> Tensor:
    """Layer of each node, ascending; the input is alone in layer 0: (B, N) int64."""
    begins = torch.rand(count, num_nodes, generator=rng, device=rng.device) * mean_width < 1
    begins[:, 0] = False
    begins[:, 1] = True
    return begins.long().cumsum(1)


def _sources(layer: Tensor, reads: Tensor, max_reads: int, skip: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Node that each read goes to, and which reads are made: (B, N, max_reads) int64 and bool."""
    start = torch.searchsorted(layer, layer)  # first node of the own layer
    before = torch.searchsorted(layer, (layer - 1).clamp(min=0))  # first node of the layer before
    width = (start - before).clamp(min=1)
    noise = torch.rand(layer.shape, generator=rng, device=rng.device)
    shuffled = (layer + 0.999 * noise.double()).argsort(1)  # a random order of the nodes within each layer
    which = torch.arange(max_reads, device=layer.device)
    turn = (reads.cumsum(1) - reads).unsqueeze(2) + which
    rank = before.unsqueeze(2) + turn % width.unsqueeze(2)
    source = shuffled.gather(1, rank.flatten(1)).view_as(rank)
    anywhere = torch.rand(rank.shape, generator=rng, device=rng.device)
    anywhere = (anywhere * start.unsqueeze(2)).long().minimum((start - 1).clamp(min=0).unsqueeze(2))
    skips = torch.rand(rank.shape, generator=rng, device=rng.device) < skip
    return torch.where(skips, anywhere, source), which < reads.unsqueeze(2)
