"""The best distinct graphs seen so far, for replay."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nag.graphs import DagBatch

__all__ = ["Elites"]


@dataclass(frozen=True)
class Elites:
    """At most `size` graphs of distinct functions with the highest values, best first.

    Args:
        size: Greatest number of graphs.
        dags: E graphs.
        values: (E,) float64, descending.
        codes: (E,) int64, one for each function.
    """

    size: int
    dags: DagBatch
    values: Tensor
    codes: Tensor

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def none(cls, size: int, like: DagBatch) -> Elites:
        """No graph yet, of the shape and on the device of `like`."""
        empty = torch.zeros(0, device=like.device)
        return cls(size, like[:0], empty.double(), empty.long())

    def merge(self, dags: DagBatch, values: Tensor, codes: Tensor) -> Elites:
        """The best of these graphs and of more; of graphs with one code the best one stays.

        Args:
            dags: B graphs.
            values: (B,) float64, finite.
            codes: (B,) int64.
        """
        values, codes = torch.cat([self.values, values]), torch.cat([self.codes, codes])
        order = values.argsort(descending=True, stable=True)
        distinct, group = codes[order].unique(return_inverse=True)
        ranks = torch.arange(len(order), device=order.device)
        first = ranks.new_full(distinct.shape, len(order)).scatter_reduce(0, group, ranks, "amin")
        kept = order[first.sort().values[: self.size]]
        return Elites(self.size, DagBatch.cat([self.dags, dags])[kept], values[kept], codes[kept])
