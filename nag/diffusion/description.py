"""What a generator's checkpoint says of its network and of its process, checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from nag.core.documents import Document, check
from nag.core.numbers import SmallCount, Text, Width
from nag.diffusion.process import DiscreteProcess

__all__ = ["NetworkDescription", "check_process"]


class NetworkDescription(Document):
    """Sizes of a generator's network, and the conditions that it can be given."""

    model_config = ConfigDict(extra="ignore")

    width: Width
    layers: SmallCount
    heads: SmallCount
    conditions: Annotated[list[Text], Field(max_length=1000, default_factory=list)]

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> NetworkDescription:
        """Of a checkpoint's description.

        Raises:
            DamagedFile: It is none.
        """
        return check(cls, dict(description), "the description of the generator", hint="Train it again.")

    @property
    def shape(self) -> dict[str, int]:
        """Width, layers and heads."""
        return {"width": self.width, "layers": self.layers, "heads": self.heads}

    @property
    def least_elements(self) -> int:
        """Numbers that a network of these sizes has at least."""
        return 8 * self.layers * self.width**2


def check_process(process: DiscreteProcess) -> None:
    """Checks the distributions of a process that was loaded.

    Raises:
        ValueError: One does not sum to 1, or has a negative share.
    """
    sizes: Tensor = process.sizes
    if bool((process.stationary_nodes < 0).any()) or bool((process.stationary_edges < 0).any()):
        raise ValueError("a stationary share is negative")
    if bool((sizes < 0).any()) or not torch.isclose(sizes.sum(), torch.ones_like(sizes.sum()), atol=1e-3):
        raise ValueError("the shares of the sizes do not sum to 1")
