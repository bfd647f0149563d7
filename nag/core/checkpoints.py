"""Checkpoints: safetensors weights with a JSON description of what they are; reading one executes nothing."""

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

_FORMAT = "nag-1"
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
        kind: "generator", "predictor", "meta-predictor" or "network".
        tensors: Weights and buffers by name.
        description: JSON-like facts: search space, hyper-parameters, resolved config, version.
    """

    kind: str
    tensors: dict[str, Tensor]
    description: dict[str, Any]


class _Metadata(Document):
    """The header's metadata."""

    format: Annotated[str, Field(max_length=20)]
    kind: Annotated[str, Field(min_length=1, max_length=50)]
    nag_version: Annotated[str, Field(max_length=100)]
    description: Annotated[str, Field(max_length=_MAX_HEADER)]


def save_checkpoint(path: Path, kind: str, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Writes a checkpoint atomically; numbers of the description that are not finite become null.

    Raises:
        InvalidRequest: Weights are not finite.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    broken = _not_finite(plain)
    if broken is not None:
        raise InvalidRequest(f"the weights '{broken}' of the {kind} are not finite", "Train with a lower learning rate.")
    text = json.dumps(finite(dict(description)), allow_nan=False)
    metadata = {"format": _FORMAT, "kind": kind, "nag_version": __version__, "description": text}
    write_bytes(path, safetensors.torch.save(plain, metadata))


def load_checkpoint(path: Path | str, kind: str) -> Checkpoint:
    """Reads a checkpoint of one kind.

    Raises:
        MissingData: No such file.
        DamagedFile: Truncated, no checkpoint of this package, or with weights that are not finite.
        InvalidRequest: A checkpoint of another kind.
    """
    path, made_by = Path(path), f"Make one with: {_COMMANDS.get(kind, 'nag')}"
    named = f"'{shortened(str(path), 150)}'"
    if not path.is_file():
        raise MissingData(f"checkpoint {named} does not exist", made_by)
    _check_header(path, named)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            if metadata.get("format") != _FORMAT:
                raise DamagedFile(f"{named} was not written by this package", made_by)
            facts = check(_Metadata, metadata, f"metadata of {named}")
            if facts.kind != kind:
                raise InvalidRequest(f"{named} holds a {shortened(facts.kind)}", f"A {kind} is needed here. {made_by}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError, MemoryError) as error:
        if isinstance(error, DamagedFile | InvalidRequest):
            raise
        raise DamagedFile(f"{named} is no complete safetensors file", "Train it again, or copy it again.") from error
    description = parse_json(facts.description, f"the description in {named}")
    if not isinstance(description, dict):
        raise DamagedFile(f"the description in {named} is not a mapping", made_by)
    broken = _not_finite(tensors)
    if broken is not None:
        raise DamagedFile(f"{named} holds weights that are not finite ('{shortened(broken, 60)}')", "Train it again.")
    return Checkpoint(kind, tensors, description)


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
