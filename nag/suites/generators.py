"""Generators that several cells of a suite share, each trained once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nag.spaces import SearchSpace
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import cell_key
from nag.training import FitOptions, make_fabric
from nag.workflows.run import RunFolder
from nag.workflows.train_generator import train_generator

__all__ = ["trained_generator"]


def trained_generator(
    workshop: ArtifactCache,
    space: SearchSpace,
    make: Callable[..., Any],
    training: FitOptions,
    device: str,
    family: str = "default",
) -> Path:
    """Trains a generator on uniform draws of a space, without labels, unless a cell has done so; its seed is 0.

    Args:
        workshop: Keeps it.
        space: The space.
        make: (space=..., data=...) -> the untrained generator.
        training: Length and speed of its training.
        device: Kind of accelerator.
        family: What the generator is called.

    Returns:
        Path of `generator.safetensors`.
    """

    def build(run: RunFolder) -> None:
        train_generator(run, space, make, training, make_fabric(device), metric_samples=64)

    config = {"space": space.fingerprint, "make": make, "training": training}
    name = cell_key("generator", space.name, family)
    return workshop.product(name, "train-generator", 0, device, config, build) / "generator.safetensors"
