"""A trained model of a search space, with what its checkpoint says about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor
from typing_extensions import Self

from nag.spaces.models import SpaceModel, save_model

__all__ = ["TrainedModel"]


class TrainedModel(ABC):
    """A model that was trained: a frozen dataclass with the field `metadata`, what its checkpoint says beside the tensors."""

    checkpoint_kind: ClassVar[str | None] = None
    """Kind of its checkpoints, if not that of the model's class."""
    metadata: dict[str, Any]

    @property
    @abstractmethod
    def model(self) -> SpaceModel:
        """What was trained."""

    def reference_tensors(self) -> Mapping[str, Tensor]:
        """Tensors of its checkpoint that are not the model's; their names begin with `reference.`."""
        return {}

    def with_metadata(self, **metadata: Any) -> Self:
        """The same model with further metadata."""
        return replace(self, metadata={**self.metadata, **metadata})  # type: ignore[type-var]

    def save(self, path: str | Path) -> Path:
        """Writes the checkpoint, a safetensors file that `nag.load` and the command line read.

        Raises:
            InvalidRequest: Weights are not finite.
        """
        path = Path(path)
        save_model(path, self.model, self.metadata, self.checkpoint_kind, self.reference_tensors())
        return path
