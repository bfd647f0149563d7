"""Checkpoints: safetensors weights that say by which class and constructor arguments they are read; reading executes nothing.

The metadata of a file: `class` ("module:Name"), `config` (its constructor arguments), `space` (the search space) and `facts`
(facts about its training), the last three as JSON; `kind`, `format` and `version`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import safetensors
import safetensors.torch
import torch
from pydantic import Field
from torch import Tensor, nn

from nag import __version__
from nag.core.documents import Document, check, parse_json, shortened
from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.core.files import finite, write_bytes

__all__ = ["Checkpoint", "load_checkpoint", "load_tensors", "require_elements", "save_checkpoint"]

_FORMAT = "nag-2"
_OLD_FORMATS = ("nag-1",)
_MAX_HEADER = 32 * 2**20
"""Bytes of the largest header that is read."""
_COMMANDS = {
    "generator": "nag train-generator",
    "predictor": "nag train-predictor",
    "meta-predictor": "nag train-meta-predictor",
    "network": "nag evaluate evaluator=train",
}
"""Kind of checkpoint -> the command that makes one."""


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


class _Metadata(Document):
    """The header's metadata."""

    format: Annotated[str, Field(max_length=20)]
    kind: Annotated[str, Field(min_length=1, max_length=50)]
    version: Annotated[str, Field(max_length=100)]
    class_: Annotated[str, Field(alias="class", max_length=500)]
    config: Annotated[str, Field(max_length=_MAX_HEADER)]
    space: Annotated[str, Field(max_length=_MAX_HEADER)]
    facts: Annotated[str, Field(max_length=_MAX_HEADER)]


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
        "format": _FORMAT,
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
    path = Path(path)
    made_by = f"Make one with: {_COMMANDS.get(kind or '', 'nag train-generator')}"
    where = f"'{shortened(str(path), 150)}'"
    if not path.is_file():
        raise MissingData(f"checkpoint {where} does not exist", made_by)
    _check_header(path, where)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = _checked(dict(file.metadata() or {}), kind, where, made_by)
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError, MemoryError) as error:
        if isinstance(error, DamagedFile | InvalidRequest):
            raise
        raise DamagedFile(f"{where} is no complete safetensors file", "Train it again, or copy it again.") from error
    parts = {part: _mapping(getattr(metadata, part), part, where, made_by) for part in ("config", "space", "facts")}
    broken = _not_finite(tensors)
    if broken is not None:
        raise DamagedFile(f"{where} holds weights that are not finite ('{shortened(broken, 60)}')", "Train it again.")
    description = {"class": metadata.class_, "config": parts["config"]}
    return Checkpoint(path, metadata.kind, description, parts["space"], parts["facts"], tensors)


def _checked(metadata: dict[str, str], kind: str | None, where: str, made_by: str) -> _Metadata:
    if metadata.get("format") in _OLD_FORMATS:
        old = _COMMANDS.get(metadata.get("kind", ""), "the command that made it")
        raise InvalidRequest(f"{where} was written by nag before 0.2, which this version does not read", f"Run again: {old}")
    if metadata.get("format") != _FORMAT:
        raise DamagedFile(f"{where} was not written by this package", made_by)
    found = check(_Metadata, metadata, f"metadata of {where}")
    if kind is not None and found.kind != kind:
        raise InvalidRequest(f"{where} holds a {shortened(found.kind)}", f"A {kind} is needed here. {made_by}")
    return found


def _mapping(text: str, part: str, where: str, made_by: str) -> dict[str, Any]:
    found = parse_json(text, f"the {part} in {where}")
    if not isinstance(found, dict):
        raise DamagedFile(f"the {part} in {where} is not a mapping", made_by)
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


def _check_header(path: Path, named: str) -> None:
    """Raises `DamagedFile` if the header is longer than the file or than what is read."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > path.stat().st_size - 8:
        raise DamagedFile(f"{named} is no complete safetensors file", "Train it again, or copy it again.")
    if length > _MAX_HEADER:
        raise DamagedFile(f"{named} has a header of {length} bytes", f"At most {_MAX_HEADER} are read.")


def _not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with a number that is not finite."""
    floating = ((name, tensor) for name, tensor in tensors.items() if tensor.is_floating_point())
    return next((name for name, tensor in floating if not torch.isfinite(tensor).all()), None)
