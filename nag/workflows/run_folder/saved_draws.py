"""What a sampling drew so far, kept in its run folder so that more samples can be added later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from pydantic import ValidationError
from torch import Tensor

from nag.core.documents import Document
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.files import write_bytes
from nag.core.numbers import NonNegative, Size
from nag.diffusion.generation import Draws
from nag.diffusion.generator import SamplingCost
from nag.graphs import DagBatch
from nag.spaces import SearchSpace

__all__ = ["SavedDraws", "read_draws", "write_draws"]

_NAMES = ("ops", "adjacency", "mask")
_HINT = "Delete it and sample again."


@dataclass(frozen=True)
class SavedDraws:
    """All that was drawn, and how long it took.

    Args:
        draws: The samples.
        cpu_seconds: CPU seconds of drawing them.
        wall_seconds: Wall seconds, likewise.
    """

    draws: Draws
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


class _Metadata(Document):
    """Metadata of the file."""

    identity: str
    requested: Size
    distinct: bool
    network_evaluations: Size
    scored: Size
    cpu_seconds: NonNegative
    wall_seconds: NonNegative


def write_draws(path: Path, identity: str, saved: SavedDraws) -> None:
    """Writes what was drawn.

    Args:
        path: The file.
        identity: Digest of all that the samples depend on but their number.
        saved: What was drawn.
    """
    draws = saved.draws
    metadata = _Metadata(
        identity=identity,
        requested=draws.requested,
        distinct=draws.distinct,
        network_evaluations=draws.cost.network_evaluations,
        scored=draws.cost.scored,
        cpu_seconds=saved.cpu_seconds,
        wall_seconds=saved.wall_seconds,
    )
    tensors = {**_tensors(draws.raw, "raw"), **_tensors(draws.kept, "kept")}
    write_bytes(path, safetensors.torch.save(tensors, {"facts": metadata.model_dump_json()}))


def read_draws(path: Path, identity: str, space: SearchSpace, differences: Callable[[str], str]) -> SavedDraws:
    """Reads what was drawn.

    Args:
        path: The file.
        identity: What the samples must depend on.
        space: Their search space.
        differences: Identity of another run -> what is different from it, in words, for the message.

    Raises:
        DamagedFile: It is not what `write_draws` wrote.
        InvalidRequest: The samples are of another configuration.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = _Metadata.model_validate_json((file.metadata() or {}).get("facts", ""))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (safetensors.SafetensorError, OSError, ValueError, ValidationError) as error:
        raise DamagedFile(f"'{path}' does not hold the draws of a sampling", _HINT) from error
    if metadata.identity != identity:
        changed = differences(metadata.identity)
        what = f"'{path.parent}' holds samples of another configuration" + (f": {changed}" if changed else "")
        raise InvalidRequest(what, "Use its options and inputs, or choose another out_dir.")
    raw, kept = (_graphs(tensors, part, space, path) for part in ("raw", "kept"))
    if not bool(space.is_valid(kept).all()) or len(kept) > len(raw):
        raise DamagedFile(f"'{path}' does not hold the draws of a sampling", _HINT)
    cost = SamplingCost(metadata.network_evaluations, metadata.scored)
    draws = Draws(raw, kept, metadata.requested, cost, metadata.distinct)
    return SavedDraws(draws, metadata.cpu_seconds, metadata.wall_seconds)


def _tensors(dags: DagBatch, part: str) -> dict[str, Tensor]:
    whole = {"ops": dags.ops.to(torch.int32), "adjacency": dags.adjacency.to(torch.uint8), "mask": dags.mask}
    return {f"{part}.{name}": value.cpu().contiguous() for name, value in whole.items()}


def _graphs(tensors: dict[str, Tensor], part: str, space: SearchSpace, path: Path) -> DagBatch:
    found = [tensors.get(f"{part}.{name}", torch.zeros(0)) for name in _NAMES]
    rows, nodes = found[0].shape if found[0].ndim == 2 else (0, 0)
    shapes = [(rows, nodes), (rows, nodes, nodes), (rows, nodes)]
    kinds = [torch.int32, torch.uint8, torch.bool]
    fits = all(value.shape == shape and value.dtype == kind for value, shape, kind in zip(found, shapes, kinds, strict=True))
    if not fits or not rows or not 0 <= int(found[0].min()) <= int(found[0].max()) < len(space.vocabulary):
        raise DamagedFile(f"'{path}' does not hold the draws of a sampling", _HINT)
    return DagBatch(found[0].long(), found[1].long(), found[2])
