"""Networks of images: features of cells, then a linear classifier."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import ClassVar

from torch import nn

from nag.graphs import Architecture
from nag.networks.builder import Builder, check_operations, options_fingerprint, seeded
from nag.networks.shape import DataShape

__all__ = ["ImageBuilder"]


class ImageBuilder(Builder):
    """A frozen dataclass of options that builds the features of an image; a linear classifier follows."""

    operations: ClassVar[Mapping[str, Callable[[int], nn.Module]]]
    """Operation -> makes its module from the number of channels."""

    @abstractmethod
    def layers(self, arch: Architecture, channels: int) -> tuple[list[nn.Module], int]:
        """The layers up to global average pooling, and how many channels they write.

        Args:
            arch: The architecture, of operations that there are.
            channels: Channels of the image.
        """

    @property
    def fingerprint(self) -> str:
        """Digest of the options."""
        return options_fingerprint(self)

    def build(self, arch: Architecture, shape: DataShape, seed: int) -> nn.Module:
        """A network of images, (B, C, H, W) to logits (B, classes); see `Builder.build`."""
        shape.require("images", self)
        check_operations(arch, self.operations)
        with seeded(seed):
            layers, width = self.layers(arch, shape.channels)
            features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
            classifier = nn.Linear(width, shape.classes)
        return nn.Sequential(OrderedDict(features=features, classifier=classifier))
