"""Networks of the space."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from nag.networks import Builder, SummedCell, check_operations, options_fingerprint, seeded

OPERATIONS = {
    "blur": lambda channels: nn.Conv2d(channels, channels, 3, padding=1),
    "bend": lambda channels: nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU()),
    "keep": lambda channels: nn.Identity(),
}


@dataclass(frozen=True)
class PixelBuilder(Builder):
    """A convolution, a cell, a mean and a linear classifier."""

    channels: int = 4

    @property
    def fingerprint(self):
        return options_fingerprint(self)

    def build(self, arch, shape, seed):
        shape.require("images", self)
        check_operations(arch, OPERATIONS)
        with seeded(seed):
            return nn.Sequential(
                nn.Conv2d(shape.channels, self.channels, 3, padding=1),
                SummedCell(arch, OPERATIONS, self.channels),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(self.channels, shape.classes),
            )
