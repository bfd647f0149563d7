"""What the contracts share: refusals, randomness and round trips through files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from nag.core.plugins import allow_plugins
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, SpaceModel, load_model, sample_uniform, save_model

__all__ = ["draws", "leaves_global_randomness_alone", "refused", "same_graphs", "through_a_file"]


@contextmanager
def refused(*errors: type[Exception]) -> Iterator[None]:
    """Asserts that the block raises one of these errors."""
    try:
        yield
    except errors:
        return
    raise AssertionError(f"none of {', '.join(error.__name__ for error in errors)} was raised")


@contextmanager
def leaves_global_randomness_alone() -> Iterator[None]:
    """Asserts that the block draws nothing from torch's global generator."""
    state = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"


def through_a_file(model: SpaceModel) -> SpaceModel:
    """A model that was saved and loaded again, with its module allowed."""
    with tempfile.TemporaryDirectory() as folder, allow_plugins([type(model).__module__]):
        save_model(Path(folder) / "model.safetensors", model)
        return load_model(Path(folder) / "model.safetensors", type(model))


def draws(space: SearchSpace, count: int, seed: int = 0) -> DagBatch:
    """Uniform draws of a space."""
    return sample_uniform(space, count, seed=seed)


def same_graphs(first: DagBatch, second: DagBatch) -> bool:
    """Whether two batches hold the same graphs in the same order."""
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in ("ops", "adjacency", "mask"))
