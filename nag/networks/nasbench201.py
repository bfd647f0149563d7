"""Networks of NAS-Bench-201 (Dong and Yang, ICLR 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from nag.core.numbers import Count
from nag.core.signatures import checked
from nag.graphs import Architecture
from nag.networks.cell import SummedCell, Zero
from nag.networks.image_builder import ImageBuilder

__all__ = ["OPERATIONS", "NASBench201Builder"]

_STAGES = 3


def _relu_conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(outputs))


OPERATIONS: Mapping[str, Callable[[int], nn.Module]] = {
    "none": lambda channels: Zero(),
    "skip_connect": lambda channels: nn.Identity(),
    "nor_conv_1x1": lambda channels: _relu_conv_bn(channels, channels, 1),
    "nor_conv_3x3": lambda channels: _relu_conv_bn(channels, channels, 3),
    "avg_pool_3x3": lambda channels: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
}
"""Operation -> makes its module from the number of channels."""


class _Reduction(nn.Module):
    """The residual block between stages: half the resolution, more channels (section 2.1, figure 1).

    Odd sizes are rounded up on both branches, so that signals of height 1 pass; for even sizes this is the published block.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_relu_conv_bn(inputs, outputs, 3, stride=2), _relu_conv_bn(outputs, outputs, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2, ceil_mode=True), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.body(x)


@checked
@dataclass(frozen=True)
class NASBench201Builder(ImageBuilder):
    """The published skeleton: stem, three stages of equal cells, residual reductions between them, pooling, classifier.

    Stem: 3x3 convolution and batch normalisation. Widths are `channels`, twice and four times that. A convolution of a cell
    is ReLU, convolution without bias, batch normalisation with scale and shift; average pooling leaves the padding out. With
    the defaults and CIFAR-10's shape, `count_parameters` is the benchmark's number for each of the 15,625 cells. Any
    architecture of these operations can be built, whatever its wiring; nodes sum what they read.

    A network is `nn.Sequential` of `features` (to (B, 4 channels)) and `classifier`.

    Args:
        channels: Channels of the first stage.
        cells_per_stage: Cells of each stage.

    Raises:
        InvalidRequest: A number is less than 1.

    Example:
        >>> import torch
        >>> from nag.networks import DataShape, NASBench201Builder
        >>> from nag.spaces import load_space
        >>> arch = load_space("nasbench201").sample(1, seed=0)[0]
        >>> builder = NASBench201Builder(channels=4, cells_per_stage=1)
        >>> network = builder.build(arch, DataShape("images", 3, 10, 8, 8), seed=0)
        >>> network(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 10])
    """

    channels: Count = 16
    cells_per_stage: Count = 5

    operations: ClassVar = OPERATIONS

    def layers(self, arch: Architecture, channels: int) -> tuple[list[nn.Module], int]:
        """Stem, and stages with reductions between them."""
        widths = [self.channels * 2**stage for stage in range(_STAGES)]
        convolution = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        layers: list[nn.Module] = [nn.Sequential(convolution, nn.BatchNorm2d(widths[0]))]
        for stage, width in enumerate(widths):
            if stage:
                layers.append(_Reduction(widths[stage - 1], width))
            layers += [SummedCell(arch, OPERATIONS, width) for _ in range(self.cells_per_stage)]
        return [*layers, nn.BatchNorm2d(widths[-1]), nn.ReLU()], widths[-1]
