"""What a proxy shows to a network: some examples, with labels where there are any."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest

__all__ = ["Batch"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples: images, or some nodes of one graph.

    Args:
        inputs: A network's positional arguments: `(x (B, C, H, W),)`, or `(x (n, F), edge_index (2, E))`.
        labels: Class of each example, (B,) int64; None where they are unknown.
        rows: Numbers of the nodes that are the examples, (B,) int64; None where each row of `x` is one.

    Raises:
        InvalidRequest: There are no inputs, or not one label to each example.

    Example:
        >>> import torch
        >>> from nag.proxies import Batch
        >>> batch = Batch((torch.zeros(4, 3, 8, 8),), labels=torch.tensor([0, 1, 0, 1]))
        >>> len(batch.require_labels("grad_norm"))
        4
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor | None = None
    rows: Tensor | None = None

    def __post_init__(self) -> None:
        if not self.inputs or not self.inputs[0].is_floating_point() or not len(self):
            raise InvalidRequest("a batch holds no examples", "Give images (B, C, H, W), or features (n, F) and edges.")
        if self.labels is not None and self.labels.shape != (len(self),):
            raise InvalidRequest(f"{len(self)} examples have labels of the shape {tuple(self.labels.shape)}", "Give one each.")

    def __len__(self) -> int:
        return len(self.inputs[0]) if self.rows is None else len(self.rows)

    def chosen(self, values: Tensor) -> Tensor:
        """What belongs to the examples, of a tensor with one entry for each row of `x`: (B, ...)."""
        return values if self.rows is None else values[self.rows]

    def to(self, device: torch.device | str) -> Batch:
        """The batch on a device."""
        labels, rows = (None if value is None else value.to(device) for value in (self.labels, self.rows))
        return Batch(tuple(value.to(device) for value in self.inputs), labels, rows)

    def with_features(self, x: Tensor) -> tuple[Tensor, ...]:
        """The inputs with other images or features, in whose floating-point type the rest comes too."""
        return (x, *(value.to(x.dtype) if value.is_floating_point() else value for value in self.inputs[1:]))

    def single(self) -> tuple[Tensor, ...]:
        """The inputs of the least forward pass: one image, or the whole graph."""
        return self.inputs if len(self.inputs) > 1 else (self.inputs[0][:1],)

    def require_labels(self, what: str) -> Tensor:
        """The labels; raises `InvalidRequest` where there are none."""
        if self.labels is None:
            raise InvalidRequest(f"{what} needs labels", "Give a batch with labels.")
        return self.labels.to(torch.int64)
