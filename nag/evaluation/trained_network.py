"""Networks that a trial trained and kept: one file each, which is enough to build them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from torch import nn

from nag.core.checkpoints import load_checkpoint
from nag.core.documents import Document, check, shortened
from nag.core.errors import DamagedFile, InvalidRequest, NagError
from nag.core.numbers import Finite, Positive, Size
from nag.graphs import Architecture
from nag.networks import BUILDERS, Builder, DataShape

__all__ = ["KIND", "NetworkFacts", "TrainedNetwork", "builder_facts", "load_trained_network"]

KIND = "network"
"""Kind of the checkpoints of trained networks."""


class BuilderFacts(Document):
    """Schema of what a file says of the builder of its network."""

    name: str
    options: dict[str, bool | int | float | str]


class NetworkFacts(Document):
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
    builder: BuilderFacts


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network and what it is.

    Args:
        network: The network, on the CPU, in evaluation mode.
        arch: Its architecture.
        shape: What it reads and writes.
        facts: The description in its file.
    """

    network: nn.Module
    arch: Architecture
    shape: DataShape
    facts: NetworkFacts


def builder_facts(builder: Builder) -> dict[str, Any]:
    """What a file says of the builder of its network."""
    kind = type(builder)
    options = vars(builder) if kind in BUILDERS.values() else {}
    return {"name": f"{kind.__module__}.{kind.__qualname__}", "options": dict(options)}


def load_trained_network(path: Path, builder: Builder | None = None) -> TrainedNetwork:
    """Builds a trained network from its file.

    Args:
        path: A file of a `weights` folder.
        builder: The builder, if it is not one of this package.

    Raises:
        MissingData: No such file.
        DamagedFile: It is damaged, or does not fit its description.
        InvalidRequest: It holds something else, or its builder is the user's own and was not given.
    """
    kept, where = load_checkpoint(path, KIND), f"'{shortened(str(path))}'"
    facts = check(NetworkFacts, kept.description, f"the description of {where}", hint="Train the network again.")
    known = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in BUILDERS.values()}
    try:
        shape = DataShape(**facts.shape)  # type: ignore[arg-type]
        arch = Architecture(tuple(facts.ops), tuple((edge[0], edge[1]) for edge in facts.edges))
        if builder is None and facts.builder.name in known:
            builder = known[facts.builder.name](**facts.builder.options)
        network = None if builder is None else builder.build(arch, shape, facts.seed)
    except (NagError, TypeError) as error:
        reason = error.what if isinstance(error, NagError) else str(error)
        raise DamagedFile(f"{where} holds no network: {shortened(reason)}", "Train the network again.") from error
    if network is None:
        name = shortened(facts.builder.name, 100)
        raise InvalidRequest(f"{where} was trained with the builder {name}", f"Give builder._target_={name}.")
    try:
        network.load_state_dict(kept.tensors)
    except RuntimeError as error:
        raise DamagedFile(f"{where} does not fit the network", "Use the builder that it was trained with.") from error
    return TrainedNetwork(network.eval(), arch, shape, facts)
