"""What a network reads and writes: the kind of data, its channels, size and classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import Count, Size
from nag.core.signatures import checked, conform_value

__all__ = ["DataShape"]

_EDGES_PER_NODE = 2  # each in both directions


@checked
@dataclass(frozen=True)
class DataShape:
    """Shape of a data set's examples; a one-dimensional signal is an image of height 1.

    Args:
        kind: "images" for a label an image, "graph" for a label a node.
        channels: Channels of an image, or features of a node.
        classes: Number of classes.
        height: Rows of an image; 0 for graphs.
        width: Columns of an image; 0 for graphs.

    Raises:
        InvalidRequest: No such kind, or a number that is too small.

    Example:
        >>> import torch
        >>> from nag.networks import DataShape
        >>> shape = DataShape("images", channels=3, classes=10, height=8, width=8)
        >>> [tensor.shape for tensor in shape.example(4, torch.Generator().manual_seed(0))]
        [torch.Size([4, 3, 8, 8])]
    """

    kind: Literal["images", "graph"]
    channels: Count
    classes: Count
    height: Size = 0
    width: Size = 0

    def __post_init__(self) -> None:
        for name in ("height", "width") if self.kind == "images" else ():
            conform_value(name, getattr(self, name), Count)

    def example(self, batch_size: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Random inputs, in the form that a network of this shape takes as its positional arguments.

        Args:
            batch_size: B images, or n nodes of one graph.
            rng: Source of randomness; the inputs are made on its device.

        Returns:
            `(x (B, C, H, W),)`, or `(x (n, F), edge_index (2, 4 n))` with each of 2 n random edges in both directions.

        Raises:
            InvalidRequest: `batch_size` is less than 1.
        """
        if batch_size < 1:
            raise InvalidRequest(f"no batch of {batch_size}", "It must be at least 1.")
        if self.kind == "images":
            size = (batch_size, self.channels, self.height, self.width)
            return (torch.randn(size, generator=rng, device=rng.device),)
        x = torch.randn(batch_size, self.channels, generator=rng, device=rng.device)
        edges = torch.randint(batch_size, (2, _EDGES_PER_NODE * batch_size), generator=rng, device=rng.device)
        return x, torch.cat([edges, edges.flip(0)], 1)

    def require(self, kind: Literal["images", "graph"], builder: object) -> None:
        """Raises `InvalidRequest` unless the data is of the kind that a builder's networks read."""
        if self.kind != kind:
            raise InvalidRequest(
                f"{type(builder).__name__} reads {kind}, not {self.kind}", "Choose another data set or builder."
            )
