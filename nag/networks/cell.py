"""A cell whose nodes sum what they read: the generic form of cell spaces that keep the width."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from nag.graphs import Architecture

__all__ = ["SummedCell", "Zero", "sources_of"]


class Zero(nn.Module):
    """The operation that carries no signal: zeros of the input's shape, whatever the input holds."""

    def forward(self, x: Tensor) -> Tensor:
        """Zeros like `x`, any shape."""
        return torch.zeros_like(x)


class SummedCell(nn.Module):
    """Computes an architecture: each node applies its operation to the sum of what leads to it.

    A node that nothing leads to reads zeros. All operations keep the tensor's shape.

    Args:
        arch: The architecture, input first and output last.
        operations: Makes the module of each inner operation from the number of channels.
        channels: Number of channels.
    """

    def __init__(self, arch: Architecture, operations: Mapping[str, Callable[[int], nn.Module]], channels: int) -> None:
        super().__init__()
        self.sources = sources_of(arch)
        self.operations = nn.ModuleList(operations[op](channels) for op in arch.ops[1:-1])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H, W)."""
        values = [x]
        for sources, operation in zip(self.sources[1:-1], self.operations, strict=True):
            values.append(operation(_sum(values, sources)))
        return _sum(values, self.sources[-1])


def sources_of(arch: Architecture) -> list[list[int]]:
    """The nodes that lead to each node, ascending."""
    sources: list[list[int]] = [[] for _ in arch.ops]
    for u, v in arch.edges:
        sources[v].append(u)
    return sources


def _sum(values: list[Tensor], sources: list[int]) -> Tensor:
    """The sum of some values of one shape; zeros where there are none."""
    if not sources:
        return torch.zeros_like(values[0])
    total = values[sources[0]]
    for source in sources[1:]:
        total = total + values[source]
    return total
