"""Networks of NAS-Bench-101 (Ying et al., ICML 2019)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.core.numbers import Count
from nag.core.signatures import checked
from nag.graphs import Architecture
from nag.networks.cell import sources_of
from nag.networks.image_builder import ImageBuilder

__all__ = ["OPERATIONS", "NASBench101Builder", "vertex_channels"]


def _conv_bn_relu(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


OPERATIONS: Mapping[str, Callable[[int], nn.Module]] = {
    "conv3x3-bn-relu": lambda channels: _conv_bn_relu(channels, channels, 3),
    "conv1x1-bn-relu": lambda channels: _conv_bn_relu(channels, channels, 1),
    "maxpool3x3": lambda channels: nn.MaxPool2d(3, 1, 1),
}
"""Operation -> makes its module from the number of channels."""


def vertex_channels(arch: Architecture, inputs: int, outputs: int) -> list[int]:
    """Channels of each vertex of a cell (Ying et al. 2019, section 2.2).

    The vertices that feed the output share its channels as evenly as can be, the first ones taking what is left over; any
    other vertex has as many as the widest vertex that it feeds.

    Args:
        arch: A cell.
        inputs: Channels that the cell reads.
        outputs: Channels that it writes.

    Returns:
        One number a vertex.

    Raises:
        InvalidArchitecture: A vertex leads nowhere.
        InvalidRequest: More vertices feed the output than it has channels.
    """
    last = arch.num_nodes - 1
    feeding = [u for u, v in arch.edges if v == last and u > 0]
    if outputs < len(feeding):
        raise InvalidRequest(f"{outputs} channels cannot be shared by {len(feeding)} vertices", "Use more stem_channels.")
    channels = [inputs, *[0] * (last - 1), outputs]
    for rank, vertex in enumerate(feeding):
        channels[vertex] = outputs // len(feeding) + (rank < outputs % len(feeding))
    for vertex in range(last - 1, 0, -1):
        if vertex not in feeding:
            channels[vertex] = max((channels[v] for u, v in arch.edges if u == vertex), default=0)
            if channels[vertex] == 0:
                raise InvalidArchitecture(f"node {vertex} leads nowhere", "Each node must lie on a path to the output.")
    return channels


class _Cell(nn.Module):
    """One module of a stack: vertices sum what they read, the output concatenates.

    What comes from the cell's input is projected by a 1x1 convolution of the reader's own, what comes from a wider vertex is
    cut to its first channels. The output is the concatenation of the vertices that feed it, plus the projected input if that
    feeds it too.
    """

    def __init__(self, arch: Architecture, inputs: int, outputs: int) -> None:
        super().__init__()
        self.channels = vertex_channels(arch, inputs, outputs)
        self.sources = sources_of(arch)
        self.operations = nn.ModuleList(
            OPERATIONS[op](width) for op, width in zip(arch.ops[1:-1], self.channels[1:-1], strict=True)
        )
        self.projections = nn.ModuleDict(
            {str(v): _conv_bn_relu(inputs, self.channels[v], 1) for v in range(1, arch.num_nodes) if 0 in self.sources[v]}
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H, W)."""
        values = [x]
        for vertex, operation in enumerate(self.operations, start=1):
            parts = [values[u][:, : self.channels[vertex]] for u in self.sources[vertex] if u]
            values.append(operation(self._with_input(vertex, x, parts)))
        last = len(self.channels) - 1
        feeding = [values[u] for u in self.sources[last] if u]
        return self._with_input(last, x, [torch.cat(feeding, 1)] if feeding else [])

    def _with_input(self, vertex: int, x: Tensor, parts: list[Tensor]) -> Tensor:
        """The sum of what a vertex reads; zeros where it reads nothing."""
        if str(vertex) in self.projections:
            parts = [self.projections[str(vertex)](x), *parts]
        if not parts:
            return x.new_zeros(x.shape[0], self.channels[vertex], *x.shape[2:])
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


@checked
@dataclass(frozen=True)
class NASBench101Builder(ImageBuilder):
    """The published skeleton: stem, stacks of equal modules, each stack with twice the channels and half the resolution.

    Stem: 3x3 convolution, batch normalisation, ReLU; between stacks 2x2 max-pooling, where odd sizes are rounded up; at the
    end global average pooling and a linear classifier. With the defaults and CIFAR-10's shape, `count_parameters` is the
    benchmark's number. Batch normalisation keeps PyTorch's momentum of 0.1 rather than the published 0.003, with which its
    statistics would still be unfit after a short training.

    A network is `nn.Sequential` of `features` (to (B, channels of the last stack)) and `classifier`.

    Args:
        stem_channels: Channels of the stem and the first stack.
        stacks: Number of stacks.
        modules_per_stack: Cells of each stack.

    Raises:
        InvalidRequest: A number is less than 1.

    Example:
        >>> from nag.graphs import Architecture
        >>> from nag.networks import DataShape, NASBench101Builder, count_parameters
        >>> arch = Architecture(("input", "conv3x3-bn-relu", "output"), ((0, 1), (1, 2)))
        >>> builder = NASBench101Builder(stem_channels=4, stacks=1, modules_per_stack=1)
        >>> count_parameters(builder.build(arch, DataShape("images", 3, 10, 8, 8), seed=0))
        342
    """

    stem_channels: Count = 128
    stacks: Count = 3
    modules_per_stack: Count = 3

    operations: ClassVar = OPERATIONS

    def layers(self, arch: Architecture, channels: int) -> tuple[list[nn.Module], int]:
        """Stem and stacks."""
        width = self.stem_channels
        layers: list[nn.Module] = [_conv_bn_relu(channels, width, 3)]
        for stack in range(self.stacks):
            previous = width
            if stack:
                layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
                width = 2 * width
            layers.append(_Cell(arch, previous, width))
            layers += [_Cell(arch, width, width) for _ in range(self.modules_per_stack - 1)]
        return layers, width
