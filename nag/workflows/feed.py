"""Batches of training graphs: of similar sizes where graphs are large, with the conditions that the generator is told."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nag.diffusion import Score, drop_conditions
from nag.graphs import DagBatch

__all__ = ["GraphFeed", "quantiles"]

_SMALL = 16
_PAIRS = 1 << 18
_CHUNK = 4096


class GraphFeed:
    """Draws batches of training graphs.

    Graphs of up to 16 nodes are drawn uniformly. Larger ones are drawn around a uniformly drawn one in the order of
    their sizes and cut to the largest of them, as many as 2 ** 18 pairs of nodes allow, so that little is padded.

    Args:
        graphs: The training graphs, on the device of the training.
        batch_size: Greatest number of graphs in a batch.
        condition: (B, C) conditions in [0, 1]; None for none.
        multiple: What the number of graphs in a batch is a multiple of (processes that share it).
    """

    def __init__(self, graphs: DagBatch, batch_size: int, condition: Tensor | None = None, multiple: int = 1) -> None:
        self.batch_size, self.multiple, self.by_size = batch_size, multiple, graphs.max_nodes > _SMALL
        order = graphs.num_nodes.argsort(stable=True) if self.by_size else torch.arange(len(graphs), device=graphs.device)
        self.graphs = graphs[order]
        self.sizes = self.graphs.num_nodes.tolist() if self.by_size else []
        self.condition = None if condition is None else condition.to(graphs.device)[order]

    def draw(self, rng: torch.Generator) -> tuple[DagBatch, Tensor | None]:
        """One batch, and its conditions with some of them dropped."""
        rows = self._near_rows(rng) if self.by_size else self._uniform_rows(rng)
        dags = self.graphs[rows]
        if self.by_size:
            dags = dags.narrow(int(dags.num_nodes.max()))
        return dags, None if self.condition is None else drop_conditions(self.condition[rows], rng)

    def _uniform_rows(self, rng: torch.Generator) -> Tensor:
        return torch.randint(len(self.graphs), (self.batch_size,), generator=rng, device=self.graphs.device)

    def _near_rows(self, rng: torch.Generator) -> Tensor:
        anchor = int(torch.randint(len(self.sizes), (1,), generator=rng, device=self.graphs.device))
        count = min(self.batch_size, _PAIRS // self.sizes[anchor] ** 2) // self.multiple * self.multiple
        count = max(count, self.multiple)
        reach = min(2 * count, len(self.sizes) // 2)
        shift = torch.randint(-reach, reach + 1, (count,), generator=rng, device=self.graphs.device)
        return (anchor + shift).clamp(0, len(self.sizes) - 1)


def quantiles(graphs: DagBatch, conditions: Mapping[str, Score]) -> Tensor:
    """Quantile of each graph among all, by each condition: (B, C) in [0, 1], the greatest value being 1; ties share one."""
    columns = []
    for score in conditions.values():
        parts = [score(graphs[rows]).double().cpu() for rows in torch.arange(len(graphs)).split(_CHUNK)]
        values = torch.cat(parts)
        known, place, counts = values.unique(return_inverse=True, return_counts=True)
        middle = counts.cumsum(0) - (counts + 1) / 2
        columns.append((middle / max(len(values) - 1, 1))[place] if len(known) > 1 else torch.full_like(values, 0.5))
    return torch.stack(columns, 1).float()
