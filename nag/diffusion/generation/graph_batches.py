"""Batches of training graphs: of similar sizes where graphs are large, with the conditions that the generator is given."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nag.diffusion.guidance.classifier_free import drop_conditions
from nag.diffusion.guidance.score import Score
from nag.graphs import DagBatch

__all__ = ["GraphBatchSampler", "quantiles"]

_SMALL = 16
_PAIRS = 1 << 18
_MIXED = 0.05
_CHUNK = 4096


class GraphBatchSampler:
    """Batches of training graphs; every graph comes equally often.

    Graphs of up to 16 nodes are drawn uniformly, with replacement. Larger ones come in epochs, each graph once: batches
    are cut from the graphs in the order of their sizes, as many as 2 ** 18 pairs of nodes allow, and padded to the largest
    of them. Sizes that differ by less than a twentieth are mixed; batches, and the graphs within, come in random order.
    The batch of a step is a function of seed and step. As batches differ in number, `weight` makes their mean losses add
    up to that of all graphs.

    Args:
        graphs: The training graphs, on the device of the training.
        batch_size: Greatest number of graphs in a batch.
        condition: (B, C) conditions in [0, 1]; None for none.
        multiple: What the number of graphs in a batch is a multiple of (processes that share it).
        seed: Seed of the order of large graphs.

    Example:
        >>> import torch
        >>> from nag.diffusion.generation import GraphBatchSampler
        >>> from nag.spaces import load_space, sample_uniform
        >>> batches = GraphBatchSampler(sample_uniform(load_space("nas_bench_graph"), 20, seed=0), batch_size=8)
        >>> dags, condition = batches.draw(torch.Generator().manual_seed(0))
        >>> len(dags), condition
        (8, None)
    """

    def __init__(
        self, graphs: DagBatch, batch_size: int, condition: Tensor | None = None, multiple: int = 1, seed: int = 0
    ) -> None:
        self.graphs, self.batch_size, self.seed, self.step = graphs, batch_size, seed, 0
        self.condition = None if condition is None else condition.to(graphs.device)
        self.by_size = graphs.max_nodes > _SMALL
        if self.by_size:
            self._sizes = graphs.num_nodes.cpu()
            self._counts = _batch_sizes(self._sizes, batch_size, multiple)
            self._epoch: tuple[int, list[Tensor]] = (-1, [])

    def begin(self, step: int) -> None:
        """Continues with the batch of that step."""
        self.step = step

    def draw(self, rng: torch.Generator) -> tuple[DagBatch, Tensor | None]:
        """The batch of the next step, and its conditions with some of them dropped."""
        rows = self._next_rows() if self.by_size else self._uniform_rows(rng)
        self.step += 1
        dags = self.graphs[rows]
        if self.by_size:
            dags = dags.narrow(int(dags.num_nodes.max()))
        return dags, None if self.condition is None else drop_conditions(self.condition[rows], rng)

    def weight(self, dags: DagBatch) -> float:
        """Number of graphs in a batch, in units of the mean over all batches."""
        return len(dags) * len(self._counts) / sum(self._counts) if self.by_size else 1.0

    def _uniform_rows(self, rng: torch.Generator) -> Tensor:
        return torch.randint(len(self.graphs), (self.batch_size,), generator=rng, device=self.graphs.device)

    def _next_rows(self) -> Tensor:
        epoch, batch = divmod(self.step, len(self._counts))
        if self._epoch[0] != epoch:
            self._epoch = epoch, self._batches(epoch)
        return self._epoch[1][batch].to(self.graphs.device)

    def _batches(self, epoch: int) -> list[Tensor]:
        """Rows of each batch of an epoch: all graphs but for as many as the processes cannot share."""
        rng = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) * 64 + 1)
        number = len(self._sizes)
        chosen = torch.randperm(number, generator=rng)
        chosen = chosen.repeat(-(-sum(self._counts) // number))[: sum(self._counts)]
        mixed = self._sizes[chosen] * (1 + _MIXED * torch.rand(len(chosen), generator=rng))
        parts = chosen[mixed.argsort(descending=True)].split(self._counts)
        order = torch.randperm(len(parts), generator=rng).tolist()
        return [parts[i][torch.randperm(len(parts[i]), generator=rng)] for i in order]


def _batch_sizes(sizes: Tensor, batch_size: int, multiple: int) -> list[int]:
    """Numbers of graphs in the batches of an epoch, from the largest graphs to the smallest; each a multiple."""
    largest_first = sizes.sort(descending=True).values.tolist()
    counts: list[int] = []
    left = max(len(largest_first) // multiple, 1) * multiple
    while left:
        largest = min(largest_first[min(sum(counts), len(sizes) - 1)] * (1 + _MIXED), largest_first[0])
        count = min(batch_size, int(_PAIRS / largest**2)) // multiple * multiple
        counts.append(min(max(count, multiple), left))
        left -= counts[-1]
    return counts


def quantiles(graphs: DagBatch, conditions: Mapping[str, Score]) -> Tensor:
    """Quantile of each graph among all, by each condition: (B, C) in [0, 1], the greatest value being 1; ties share one.

    Example:
        >>> from nag.diffusion.generation import quantiles
        >>> from nag.spaces import load_space, sample_uniform
        >>> dags = sample_uniform(load_space("nas_bench_graph"), 20, seed=0)
        >>> quantiles(dags, {"edges": lambda dags: dags.adjacency.sum((1, 2)).double()}).max()
        tensor(0.8421)
    """
    columns = []
    for score in conditions.values():
        parts = [score(graphs[rows]).double().cpu() for rows in torch.arange(len(graphs)).split(_CHUNK)]
        values = torch.cat(parts)
        known, place, counts = values.unique(return_inverse=True, return_counts=True)
        middle = counts.cumsum(0) - (counts + 1) / 2
        columns.append((middle / max(len(values) - 1, 1))[place] if len(known) > 1 else torch.full_like(values, 0.5))
    return torch.stack(columns, 1).float()
