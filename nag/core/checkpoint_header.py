"""Headers of checkpoints, read without torch: what is no checkpoint, or one of another kind, is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from nag.core.documents import Document, check, parse_json, shortened
from nag.core.errors import DamagedFile, InvalidRequest, MissingData

__all__ = ["FORMAT", "CheckpointHeader", "read_header"]

FORMAT = "nag-2"
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


class CheckpointHeader(Document):
    """Metadata of a checkpoint; `config`, `space` and `facts` are JSON."""

    format: Annotated[str, Field(max_length=20)]
    kind: Annotated[str, Field(min_length=1, max_length=50)]
    version: Annotated[str, Field(max_length=100)]
    class_: Annotated[str, Field(alias="class", max_length=500)]
    config: Annotated[str, Field(max_length=_MAX_HEADER)]
    space: Annotated[str, Field(max_length=_MAX_HEADER)]
    facts: Annotated[str, Field(max_length=_MAX_HEADER)]


def read_header(path: Path | str, kind: str | None = None) -> CheckpointHeader:
    """The header of a checkpoint.

    Args:
        path: The file.
        kind: What it must hold; None for any kind.

    Raises:
        MissingData: No such file.
        DamagedFile: Truncated, or no checkpoint of this package.
        InvalidRequest: A checkpoint of another kind, or of nag before 0.2.

    Example:
        >>> from nag.core.checkpoint_header import read_header
        >>> read_header("missing.safetensors", "predictor")
        Traceback (most recent call last):
            ...
        nag.core.errors.MissingData: checkpoint 'missing.safetensors' does not exist. Make one with: nag train-predictor
    """
    path = Path(path).expanduser()
    made_by = f"Make one with: {_COMMANDS.get(kind or '', 'nag train-generator')}"
    where = f"'{shortened(str(path), 150)}'"
    if not path.is_file():
        raise MissingData(f"checkpoint {where} does not exist", made_by)
    found = _checked(_metadata_of(path, where), where, made_by)
    if kind is not None and found.kind != kind:
        raise InvalidRequest(f"{where} holds a {shortened(found.kind)}", f"A {kind} is needed here. {made_by}")
    return found


def _metadata_of(path: Path, where: str) -> Mapping[str, Any]:
    """Metadata of a safetensors file whose tensors end where the file does."""
    size = path.stat().st_size - 8
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length <= size and length > _MAX_HEADER:
            raise DamagedFile(f"{where} has a header of {length} bytes", f"At most {_MAX_HEADER} are read.")
        text = file.read(length).decode("utf-8", "replace") if length <= size else ""
    try:
        header = parse_json(text, f"the header of {where}")
        ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
        whole = max(ends, default=0) == size - length
        metadata = header.get("__metadata__", {})
    except (DamagedFile, AttributeError, KeyError, TypeError, IndexError, ValueError):
        whole, metadata = False, {}
    if not whole:
        raise DamagedFile(f"{where} is no complete safetensors file", "Train it again, or copy it again.")
    return metadata if isinstance(metadata, dict) else {}


def _checked(metadata: Mapping[str, Any], where: str, made_by: str) -> CheckpointHeader:
    if metadata.get("format") in _OLD_FORMATS:
        old = _COMMANDS.get(str(metadata.get("kind", "")), "the command that made it")
        raise InvalidRequest(f"{where} was written by nag before 0.2, which this version does not read", f"Run again: {old}")
    if metadata.get("format") != FORMAT:
        raise DamagedFile(f"{where} was not written by this package", made_by)
    return check(CheckpointHeader, dict(metadata), f"metadata of {where}")
