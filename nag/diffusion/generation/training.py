"""Training of a generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nag.core.randomness import seeded
from nag.core.stopwatch import Stopwatch
from nag.diffusion.discrete import DiscreteGenerator
from nag.diffusion.generation.trained import TrainedGenerator
from nag.diffusion.generation.training_set import TrainingSet
from nag.diffusion.generator import Generator
from nag.graphs import Architecture
from nag.spaces import SearchSpace
from nag.tracking import RunTracker, terminal_progress
from nag.training import FitOptions, FitResult, SavedTraining, fit, make_fabric

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["DEFAULT_TRAINING", "STEPS_PER_POSITION", "default_steps", "fit_generator", "train_generator"]

STEPS_PER_POSITION = 400
_MOST_POSITIONS = 40
_NOT_SAVED = SavedTraining()

DEFAULT_TRAINING = FitOptions(max_steps=0, batch_size=128, learning_rate=4e-3)
"""Length and speed of a generator's training; with `max_steps` 0, `default_steps` of the space."""


def train_generator(
    space: SearchSpace,
    *,
    generator: Callable[..., Generator] = DiscreteGenerator,
    data: TrainingSet | Sequence[Architecture] | None = None,
    options: FitOptions = DEFAULT_TRAINING,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> TrainedGenerator:
    """Trains a generator on the architectures of a search space.

    Args:
        space: The search space.
        generator: (space=..., data=...) -> the untrained generator; masked diffusion unless another class is given.
        data: What to train on: architectures, or a `TrainingSet`; all architectures of the space if None.
        options: Length and speed.
        seed: Seed of all randomness.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        progress: Whether to show a bar on a terminal.

    Returns:
        The generator, from which samples can be drawn.

    Raises:
        InvalidRequest: The space is too large to draw architectures from and none are given, or the training diverges.

    Example:
        >>> import nag
        >>> space = nag.load_space("nas_bench_graph")
        >>> nag.train_generator(space, options=nag.FitOptions(max_steps=2), seed=0, device="cpu")
        TrainedGenerator(DiscreteGenerator of nas_bench_graph, 2 steps)
    """
    tracker, fabric = terminal_progress(progress), make_fabric(device)
    if not isinstance(data, TrainingSet):
        with tracker.progress(None, f"listing the architectures of {space.name}", "stages"):
            data = TrainingSet.of(space, data, seed=seed)
    return fit_generator(data, generator, options, fabric, tracker, seed)[0]


def fit_generator(
    data: TrainingSet,
    make_generator: Callable[..., Generator],
    options: FitOptions,
    fabric: Fabric,
    tracker: RunTracker,
    seed: int,
    saved: SavedTraining = _NOT_SAVED,
) -> tuple[TrainedGenerator, FitResult]:
    """Builds a generator and fits it to a training set, on one process or several.

    Args:
        data: The training set.
        make_generator: (space=..., data=..., and conditions=... if there are some) -> the untrained generator.
        options: Length and speed; with `max_steps` 0, the steps follow the number of generated positions.
        fabric: Device, precision and processes.
        tracker: Gets losses and progress.
        seed: Seed of all randomness.
        saved: Where to keep the state of the training.

    Raises:
        InvalidRequest: See `nag.training.fit`.
        DamagedFile: The saved state cannot be read.

    Example:
        >>> from functools import partial
        >>> from nag.diffusion import DiscreteGenerator
        >>> from nag.diffusion.generation import TrainingSet, fit_generator
        >>> from nag.spaces import load_space
        >>> from nag.tracking import NullTracker
        >>> from nag.training import FitOptions, make_fabric
        >>> data = TrainingSet.of(load_space("nas_bench_graph"), fraction=0.01)
        >>> small, options = partial(DiscreteGenerator, width=8, layers=1, heads=2), FitOptions(max_steps=2, batch_size=8)
        >>> trained, result = fit_generator(data, small, options, make_fabric("cpu"), NullTracker(), seed=0)
        >>> trained, result.steps
        (TrainedGenerator(DiscreteGenerator of nas_bench_graph, 2 steps), 2)
    """
    options = options if options.max_steps else replace(options, max_steps=default_steps(data.space))
    feed = data.batches(options.batch_size, fabric.device, fabric.world_size, seed)
    conditions = {"conditions": tuple(data.conditions)} if data.conditions else {}
    with seeded(seed):
        generator = make_generator(space=data.space, data=data.graphs, **conditions)
    watch, share = Stopwatch(), slice(fabric.global_rank, None, fabric.world_size)

    def loss(module: Any, rng: torch.Generator) -> dict[str, Tensor]:
        dags, condition = feed.draw(rng)
        terms = module.loss(dags, rng, condition, share)
        weight = feed.weight(dags)
        return {"loss": weight * terms.total, "loss_nodes": weight * terms.nodes, "loss_edges": weight * terms.edges}

    result = fit(generator, loss, options, fabric, tracker, seed, saved, feed.begin)
    assert isinstance(result.model, Generator)
    metadata = {
        "steps": result.steps,
        "train_size": len(data),
        "train_fraction": data.fraction,
        "train_cpu_seconds": round(watch.cpu, 3),
        "seed": seed,
    }
    return TrainedGenerator.of(result.model, data.reference, metadata), result


def default_steps(space: SearchSpace) -> int:
    """Steps that grow with the number of operations and edges that are generated, up to those of a cell of ten nodes.

    Example:
        >>> from nag.diffusion.generation import default_steps
        >>> from nag.spaces import load_space
        >>> default_steps(load_space("nasbench201")) < default_steps(load_space("nasbench101"))
        True
    """
    n = space.max_nodes
    positions = int((space.masks.nodes[n].sum(-1) > 1).sum() + (space.masks.edges.sum(-1) > 1).sum())
    return STEPS_PER_POSITION * min(max(positions, 4), _MOST_POSITIONS)
