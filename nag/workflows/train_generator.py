"""Stage: train a generator on a search space."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import ConfigDict
from torch import Tensor

from nag.core.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from nag.core.documents import Document, check, shortened
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.numbers import NonNegative, Size
from nag.core.randomness import seeded
from nag.diffusion import Generator, Score, restore_generator
from nag.evaluation import SpaceReference, Stopwatch, sample_metrics
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, can_sample_uniform, enumerate_space, is_enumerable, sample_uniform, space_from_mapping
from nag.tasks import split_by_class
from nag.tracking import NullTracker
from nag.training import FitOptions, fit, read_state
from nag.workflows.graph_batches import GraphBatchSampler, quantiles
from nag.workflows.run import RunFolder, stage

__all__ = ["STEPS_PER_POSITION", "TrainedGenerator", "load_generator", "train_generator"]

STEPS_PER_POSITION = 400
_MOST_POSITIONS = 40


class GeneratorFacts(Document):
    """What a generator's checkpoint says beside its tensors, as far as it is used."""

    model_config = ConfigDict(extra="ignore")

    space: dict[str, Any]
    hyperparameters: dict[str, Any]
    train_cpu_seconds: NonNegative = 0.0
    labels_used: Size = 0


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator with what its checkpoint says about it.

    Args:
        generator: The generator, in evaluation mode.
        reference: Facts of its space and training set.
        facts: Description in the checkpoint.
    """

    generator: Generator
    reference: SpaceReference
    facts: dict[str, Any]

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.generator.space


@stage
def train_generator(
    run: RunFolder,
    space: SearchSpace,
    make_generator: Callable[..., Generator],
    options: FitOptions,
    fabric: Fabric,
    train_fraction: float = 1.0,
    num_architectures: int = 100_000,
    metric_samples: int = 2000,
    resume: bool = False,
    graphs: DagBatch | None = None,
    conditions: Mapping[str, Score] | None = None,
    overwrite: bool = False,
) -> Path:
    """Trains a generator on all architectures of a space, on given ones, or on a fraction of either split by canonical hash.

    Args:
        run: Run folder; gets `generator.safetensors`.
        space: The search space.
        make_generator: (space=..., data=...) -> the untrained generator.
        options: Length and speed; with `max_steps` 0, the steps follow the number of generated positions.
        fabric: Device, precision and processes.
        train_fraction: Share of the architectures to train on, 1 for all.
        num_architectures: Uniform draws that stand for a space too large to enumerate.
        metric_samples: Unguided samples that the sample metrics are computed on; 0 for none.
        resume: Continue from the folder's training state, also with more steps.
        graphs: Architectures to train on in place of the space's; None for the space's.
        conditions: Name -> a number of each architecture; the generator learns to be told its quantile.
        overwrite: Begin anew in a folder that holds a training state, which is lost.

    Returns:
        Path of the checkpoint, which process 0 writes as it does everything in the run folder.

    Raises:
        InvalidRequest: The space is too large to draw from, and no graphs are given; or the folder holds another
            training, one that would be lost, or more steps than asked for.
    """
    if graphs is None and not can_sample_uniform(space):
        raise InvalidRequest(f"{space.name} is too large to draw architectures from", "List some: architectures=FILE.")
    run.depends_on(search_space=space.fingerprint)
    if options.max_steps == 0:
        options = replace(options, max_steps=default_steps(space))
    identity, state = run.identity, run.path / "train_state.pt"
    if fabric.is_global_zero:
        run.lock()
        if state.is_file():  # what cannot be done is told before the folder is touched
            _check_state(run, state, resume, overwrite, options.max_steps)
        run.start()
        run.record_identity()
    tracker = run.tracker if fabric.is_global_zero else NullTracker()
    with tracker.progress(None, f"listing the architectures of {space.name}", "stages") as progress:
        enumerated = graphs is None and is_enumerable(space)
        if graphs is not None:
            everything = graphs
        else:
            everything = enumerate_space(space) if enumerated else sample_uniform(space, num_architectures, run.seed)
        progress.advance(1)
        canonical = space.canonical_hashes(everything)
        train = _training_rows(canonical, train_fraction, run.seed)
        reference = SpaceReference.of(space, everything, canonical, train, enumerated)
    names = tuple(conditions or ())
    told = quantiles(everything[train], conditions) if conditions else None
    feed = GraphBatchSampler(everything[train].to(fabric.device), options.batch_size, told, fabric.world_size, run.seed)

    with seeded(run.seed):
        generator = make_generator(space=space, data=everything[train], **({"conditions": names} if names else {}))
    watch, share = Stopwatch(), slice(fabric.global_rank, None, fabric.world_size)

    def loss(module: Any, rng: torch.Generator) -> dict[str, Tensor]:
        dags, condition = feed.draw(rng)
        terms = module.loss(dags, rng, condition, share)
        weight = feed.weight(dags)
        return {"loss": weight * terms.total, "loss_nodes": weight * terms.nodes, "loss_edges": weight * terms.edges}

    result = fit(generator, loss, options, fabric, tracker, run.seed, state, resume, identity, feed.begin)
    trained = result.model
    assert isinstance(trained, Generator)
    path = run.path / "generator.safetensors"
    if not fabric.is_global_zero:
        return path
    facts = {
        "space": dict(space.description),
        "space_fingerprint": space.fingerprint,
        "hyperparameters": trained.description(),
        "config": dict(run.config),
        "steps": result.steps,
        "train_size": len(train),
        "train_fraction": train_fraction,
        "train_cpu_seconds": round(watch.cpu, 3),
        "seed": run.seed,
    }
    save_checkpoint(run.output(path.name), "generator", {**trained.state_dict(), **reference.tensors()}, facts)

    measured: dict[str, float] = {}
    if metric_samples:
        rng, sample_watch = torch.Generator(device=fabric.device).manual_seed(run.seed), Stopwatch()
        raw = trained.sample(metric_samples, rng).to("cpu")
        measured = {"sampling_cpu_seconds": round(sample_watch.cpu, 3), "sampling_wall_seconds": round(sample_watch.wall, 3)}
        measured |= sample_metrics(space, raw, reference, run.seed).values
    run.finish(
        {
            "search_space": space.name,
            "space_size": int(reference.class_sizes.sum()) if enumerated else None,
            "canonical_classes": len(reference.class_sizes) if enumerated else None,
            "train_fraction": train_fraction,
            "train_size": len(train),
            "steps": result.steps,
            "steps_per_second": result.steps / max(result.seconds, 1e-9),
            "loss": result.loss if math.isfinite(result.loss) else None,
            "train_cpu_seconds": facts["train_cpu_seconds"],
            "network_evaluations": trained.evaluations(None),
            **measured,
        }
    )
    return path


def _check_state(run: RunFolder, path: Path, resume: bool, overwrite: bool, max_steps: int) -> None:
    """Raises `InvalidRequest` unless the training state in a run folder may be continued, or be lost."""
    if not resume:
        if not overwrite:
            hint = "Continue it with resume=true, discard it with overwrite=true, or choose another out_dir."
            raise InvalidRequest(f"'{run.path}' holds a training", hint)
        return
    try:
        step = read_state(path, run.identity)["step"]
    except InvalidRequest as error:
        changed = run.differences()
        what = f"'{run.path}' holds a training with another configuration" + (f": {changed}" if changed else "")
        raise InvalidRequest(what, "Use its options and inputs, or choose another out_dir.") from error
    if step > max_steps:
        what = f"'{run.path}' holds a training of {step} steps, training.max_steps is {max_steps}"
        raise InvalidRequest(what, f"Use training.max_steps={step} or more.")


def load_generator(path: Path | str, device: torch.device | str = "cpu") -> TrainedGenerator:
    """Reads a generator's checkpoint.

    Raises:
        MissingData: No such file.
        DamagedFile: The file is damaged.
        InvalidRequest: A checkpoint of another kind.
    """
    checkpoint = load_checkpoint(path, "generator")
    facts = check(GeneratorFacts, checkpoint.description, f"the description in '{shortened(str(path))}'")
    weights = {name: t for name, t in checkpoint.tensors.items() if not name.startswith("reference.")}
    space = _space_of(checkpoint, path)
    generator = restore_generator(space, facts.hyperparameters, weights).to(device)
    try:
        reference = SpaceReference.restore(checkpoint.tensors, space)
    except ValueError as error:
        raise DamagedFile(f"'{path}' lacks the facts of its training set", "Train the generator again.") from error
    return TrainedGenerator(generator, reference, checkpoint.description)


def _space_of(checkpoint: Checkpoint, path: Path | str) -> SearchSpace:
    return space_from_mapping(checkpoint.description.get("space"), f"the space in '{path}'")


def _training_rows(canonical: list[str], fraction: float, seed: int) -> Tensor:
    if fraction == 1:
        return torch.arange(len(canonical))
    classes = np.unique(np.array(canonical), return_inverse=True)[1]
    return torch.from_numpy(split_by_class(classes, fraction=fraction, seed=seed).train)


def default_steps(space: SearchSpace) -> int:
    """Steps that grow with the number of operations and edges that are generated, up to those of a cell of ten nodes."""
    n = space.max_nodes
    positions = int((space.masks.nodes[n].sum(-1) > 1).sum() + (space.masks.edges.sum(-1) > 1).sum())
    return STEPS_PER_POSITION * min(max(positions, 4), _MOST_POSITIONS)
