"""Networks that a trial trained and kept: one file each, which is enough to build them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import nn

from nag.core.checkpoints import load_checkpoint
from nag.core.configured import make_described
from nag.core.documents import Document, check, shortened
from nag.core.errors import DamagedFile, NagError
from nag.core.numbers import Finite, Positive, Size
from nag.core.plugins import allowed_callable
from nag.graphs import Architecture
from nag.networks import Builder, DataShape

__all__ = ["KIND", "NetworkMetadata", "TrainedNetwork", "load_trained_network"]

KIND = "network"
"""Kind of the checkpoints of trained networks."""


class NetworkMetadata(Document):
    """Schema of the description of a trained network's file."""

    trial: str
    space: str
    arch: str
    ops: list[str]
    edges: list[Annotated[list[int], Field(min_length=2, max_length=2)]]
    seed: Size
    data_set: str
    shape: dict[str, int | str]
    mean: list[Finite]
    std: list[Positive]
    validation_accuracy: Finite


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network and what it is.

    Args:
        network: The network, on the CPU, in evaluation mode.
        arch: Its architecture.
        shape: What it reads and writes.
        metadata: The description in its file.
    """

    network: nn.Module
    arch: Architecture
    shape: DataShape
    metadata: NetworkMetadata


def load_trained_network(path: Path, builder: Builder | None = None) -> TrainedNetwork:
    """Builds a trained network from its file.

    Args:
        path: A file of a `weights` folder.
        builder: The builder; None for the one that the file names.

    Raises:
        MissingData: No such file.
        DamagedFile: It is damaged, or does not fit its description.
        InvalidRequest: It holds something else, or its builder is of a package that is not allowed.
    """
    kept = load_checkpoint(path, KIND)
    metadata = check(NetworkMetadata, kept.metadata, f"the metadata in {kept.where}", hint="Train the network again.")
    if builder is None:
        allowed_callable(kept.description["class"], kept.where)  # what is not allowed is reported as such
    try:
        shape = DataShape(**metadata.shape)  # type: ignore[arg-type]
        arch = Architecture(tuple(metadata.ops), tuple((edge[0], edge[1]) for edge in metadata.edges))
        if builder is None:
            builder = make_described(kept.description, Builder, where=kept.where)  # type: ignore[type-abstract]
        network = builder.build(arch, shape, metadata.seed)
    except (NagError, TypeError) as error:
        reason = error.what if isinstance(error, NagError) else str(error)
        raise DamagedFile(f"{kept.where} holds no network: {shortened(reason)}", "Train the network again.") from error
    try:
        network.load_state_dict(kept.tensors)
    except RuntimeError as error:
        raise DamagedFile(f"{kept.where} does not fit the network", "Use the builder that it was trained with.") from error
    return TrainedNetwork(network.eval(), arch, shape, metadata)
