"""Checkpoints: safetensors weights with a JSON description of what they are; reading one executes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from nag import __version__
from nag.errors import DamagedFile, InvalidRequest, MissingData
from nag.files import write_bytes

__all__ = ["Checkpoint", "load_checkpoint", "save_checkpoint"]

_FORMAT = "nag-1"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Args:
        kind: "generator" or "predictor".
        tensors: Weights and buffers by name.
        description: JSON-like facts: search space, hyper-parameters, resolved config, version.
    """

    kind: str
    tensors: dict[str, Tensor]
    description: dict[str, Any]


def save_checkpoint(path: Path, kind: str, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Writes a checkpoint atomically."""
    metadata = {"format": _FORMAT, "kind": kind, "nag_version": __version__, "description": json.dumps(description)}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, safetensors.torch.save(plain, metadata))


def load_checkpoint(path: Path | str, kind: str) -> Checkpoint:
    """Reads a checkpoint of one kind.

    Raises:
        MissingData: No such file.
        DamagedFile: Truncated, or no checkpoint of this package.
        InvalidRequest: A checkpoint of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingData(f"checkpoint '{path}' does not exist", f"Make one with: nag train-{kind}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise DamagedFile(f"'{path}' is no complete safetensors file", "Train it again, or copy it again.") from error
    if metadata.get("format") != _FORMAT:
        raise DamagedFile(f"'{path}' was not written by this package", f"Make one with: nag train-{kind}")
    if metadata.get("kind") != kind:
        raise InvalidRequest(f"'{path}' holds a {metadata.get('kind')}", f"A {kind} is needed here.")
    try:
        description = json.loads(metadata["description"])
    except (KeyError, ValueError) as error:
        raise DamagedFile(f"'{path}' has no readable description", "Train it again.") from error
    return Checkpoint(kind, tensors, description)
