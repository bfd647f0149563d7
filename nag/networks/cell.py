"""A cell whose nodes sum what they read: the generic form of cell spaces that keep the width."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from nag.graphs import Architecture

__all__ = ["SummedCell", "Zero", "sources_of"]


class Zero(nn.Module):
    """The operation that carries no signal: zeros of the input's shape, whatever the input holds.

    Example:
        >>> import torch
        >>> from nag.networks import Zero
        >>> Zero()(torch.tensor([float("nan"), 1.0]))
        tensor([0., 0.])
    """

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

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.graphs import Architecture
        >>> from nag.networks import SummedCell
        >>> arch = Architecture(("input", "skip", "skip", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
        >>> SummedCell(arch, {"skip": lambda channels: nn.Identity()}, channels=1)(torch.ones(1, 1, 1, 1)).item()
        2.0
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
    """The nodes that lead to each node, ascending.

    Example:
        >>> from nag.graphs import Architecture
        >>> from nag.networks import sources_of
        >>> sources_of(Architecture(("input", "conv", "output"), ((0, 1), (0, 2), (1, 2))))
        [[], [0], [0, 1]]
    """
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
