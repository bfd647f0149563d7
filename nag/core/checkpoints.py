"""Checkpoints: safetensors weights that say by which class and constructor arguments they are read; reading executes nothing.

The metadata of a file: `class` ("module:Name"), `config` (its constructor arguments), `space` (the search space) and `facts`
(facts about its training), the last three as JSON; `kind`, `format` and `version`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from nag import __version__
from nag.core.checkpoint_header import FORMAT, read_header
from nag.core.documents import parse_json, shortened
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.files import finite, write_bytes

__all__ = ["Checkpoint", "load_checkpoint", "load_tensors", "require_elements", "save_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Args:
        path: The file.
        kind: "generator", "predictor", "meta-predictor" or "network".
        description: `{class: "module:Name", config: {...}}` of the object, as `nag.core.configured.describe` gives it.
        space: Description of its search space.
        metadata: JSON-like description of its training: on what, and for how long.
        tensors: Weights and buffers by name.
    """

    path: Path
    kind: str
    description: dict[str, Any]
    space: dict[str, Any]
    metadata: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def where(self) -> str:
        """The file, for messages."""
        return f"'{shortened(str(self.path), 150)}'"


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint atomically; numbers of the metadata that are not finite become null.

    Raises:
        InvalidRequest: Weights are not finite.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    broken = _not_finite(plain)
    if broken is not None:
        what = f"the weights '{broken}' of the {checkpoint.kind} are not finite"
        raise InvalidRequest(what, "Train with a lower learning rate.")
    metadata = {
        "format": FORMAT,
        "kind": checkpoint.kind,
        "version": __version__,
        "class": str(checkpoint.description["class"]),
        "config": _as_json(checkpoint.description["config"]),
        "space": _as_json(checkpoint.space),
        "facts": _as_json(checkpoint.metadata),
    }
    write_bytes(path, safetensors.torch.save(plain, metadata))


def load_checkpoint(path: Path | str, kind: str | None = None) -> Checkpoint:
    """Reads a checkpoint; nothing is made of it yet.

    Args:
        path: The file.
        kind: What it must hold; None for any kind.

    Raises:
        MissingData: No such file.
        DamagedFile: Truncated, no checkpoint of this package, or with weights that are not finite.
        InvalidRequest: A checkpoint of another kind, or of nag before 0.2.
    """
    path = Path(path).expanduser()
    where, header = f"'{shortened(str(path), 150)}'", read_header(path, kind)
    parts = {part: _mapping(getattr(header, part), part, where) for part in ("config", "space", "facts")}
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError, MemoryError) as error:
        raise DamagedFile(f"{where} is no complete safetensors file", "Train it again, or copy it again.") from error
    broken = _not_finite(tensors)
    if broken is not None:
        raise DamagedFile(f"{where} holds weights that are not finite ('{shortened(broken, 60)}')", "Train it again.")
    description = {"class": header.class_, "config": parts["config"]}
    return Checkpoint(path, header.kind, description, parts["space"], parts["facts"], tensors)


def _mapping(text: str, part: str, where: str) -> dict[str, Any]:
    found = parse_json(text, f"the {part} in {where}")
    if not isinstance(found, dict):
        raise DamagedFile(f"the {part} in {where} is not a mapping", "Train it again, or copy it again.")
    return found


def _as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(finite(dict(value)), allow_nan=False)


def require_elements(tensors: Mapping[str, Tensor], least: int) -> None:
    """Refuses a description of a large network beside a few tensors, before the network takes memory.

    Args:
        tensors: What a network is to be made of.
        least: Numbers that a network of that description has at least.

    Raises:
        ValueError: The tensors hold fewer numbers.
    """
    held = sum(tensor.numel() for tensor in tensors.values())
    if held < least:
        raise ValueError(f"{held} numbers are too few for a network of {least}")


def load_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Loads a state of the same names, shapes and kinds of number.

    Raises:
        ValueError: A tensor holds another kind of number.
        RuntimeError: Names or shapes differ.
    """
    own = module.state_dict()
    for name, value in tensors.items():
        if name in own and own[name].dtype != value.dtype:
            raise ValueError(f"'{shortened(name, 60)}' holds {value.dtype}, not {own[name].dtype}")
    module.load_state_dict(dict(tensors))


def _not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with a number that is not finite."""
    floating = ((name, tensor) for name, tensor in tensors.items() if tensor.is_floating_point())
    return next((name for name, tensor in floating if not torch.isfinite(tensor).all()), None)
