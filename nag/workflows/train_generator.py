"""Stage: train a generator on a search space."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nag.core.errors import InvalidRequest
from nag.diffusion import Generator, Score
from nag.diffusion.generation import (
    TrainedGenerator,
    TrainingSet,
    check_drawable,
    default_steps,
    fit_generator,
)
from nag.evaluation import Stopwatch, sample_metrics
from nag.graphs import DagBatch
from nag.spaces import SearchSpace
from nag.tracking import NullTracker
from nag.training import FitOptions, FitResult, SavedTraining, read_state
from nag.workflows.run_folder.run import RunFolder, stage

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["TrainingData", "train_generator"]


@dataclass(frozen=True)
class TrainingData:
    """Which architectures a generator is trained on.

    Args:
        fraction: Share of the architectures to train on, split by canonical hash; 1 for all.
        num_architectures: Uniform draws that stand for a space too large to enumerate.
        graphs: Architectures to train on in place of the space's; None for the space's.
        conditions: Name -> a number of each architecture; the generator is conditioned on its quantile.
    """

    fraction: float = 1.0
    num_architectures: int = 100_000
    graphs: DagBatch | None = None
    conditions: Mapping[str, Score] | None = None

    def of(self, space: SearchSpace, seed: int) -> TrainingSet:
        """The architectures of a space; raises what `TrainingSet.of` raises."""
        return TrainingSet.of(
            space,
            self.graphs,
            fraction=self.fraction,
            num_architectures=self.num_architectures,
            conditions=self.conditions,
            seed=seed,
        )


ALL = TrainingData()
"""All architectures of the space."""


@stage
def train_generator(
    run: RunFolder,
    space: SearchSpace,
    make_generator: Callable[..., Generator],
    options: FitOptions,
    fabric: Fabric,
    data: TrainingData = ALL,
    metric_samples: int = 2000,
) -> Path:
    """Trains a generator on all architectures of a space, on given ones, or on a fraction of either split by canonical hash.

    A run that is resumed continues from the folder's training state, also to more steps.

    Args:
        run: Run folder; gets `generator.safetensors` and `train_state.pt`.
        space: The search space.
        make_generator: (space=..., data=...) -> the untrained generator.
        options: Length and speed; with `max_steps` 0, the steps follow the number of generated positions.
        fabric: Device, precision and processes.
        data: What to train on.
        metric_samples: Unguided samples that the sample metrics are computed on; 0 for none.

    Returns:
        Path of the checkpoint, which process 0 writes as it does everything in the run folder.

    Raises:
        InvalidRequest: The space is too large to draw from, and no graphs are given; or the folder holds another
            training, one that would be lost, or more steps than asked for.
    """
    if data.graphs is None:
        check_drawable(space)
    run.depends_on(search_space=space.fingerprint)
    options = replace(options, max_steps=options.max_steps or default_steps(space))
    saved = SavedTraining(run.path / "train_state.pt", run.resume, run.identity)
    if fabric.is_global_zero:
        _begin(run, saved, options.max_steps)
    tracker = run.tracker if fabric.is_global_zero else NullTracker()
    with tracker.progress(None, f"listing the architectures of {space.name}", "stages") as progress:
        listed = data.of(space, run.seed)
        progress.advance(1)
    trained, result = fit_generator(listed, make_generator, options, fabric, tracker, run.seed, saved)
    if fabric.is_global_zero:
        run.save(trained, "generator.safetensors")
        run.finish({**_summary(trained), **_speed(result), **_sampled(trained, metric_samples, run.seed)})
    return run.path / "generator.safetensors"


def _begin(run: RunFolder, saved: SavedTraining, max_steps: int) -> None:
    """Takes the run folder; what cannot be done is reported before the folder is touched."""
    run.lock()
    if saved.path is not None and saved.path.is_file():
        _check_state(run, saved.path, max_steps)
    run.start()
    run.record_identity()


def _check_state(run: RunFolder, path: Path, max_steps: int) -> None:
    """Raises `InvalidRequest` unless the training state in a run folder may be continued, or be lost."""
    if not run.resume:
        if not run.overwrite:
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


def _summary(trained: TrainedGenerator) -> dict[str, Any]:
    """Entries of `metrics.json` that describe the training."""
    reference, metadata = trained.reference, trained.metadata
    return {
        "search_space": trained.space.name,
        "space_size": int(reference.class_sizes.sum()) if reference.enumerated else None,
        "canonical_classes": len(reference.class_sizes) if reference.enumerated else None,
        **{name: metadata[name] for name in ("train_fraction", "train_size", "steps", "train_cpu_seconds")},
        "network_evaluations": trained.generator.evaluations(None),
    }


def _speed(result: FitResult) -> dict[str, float | None]:
    """Steps a second, and the loss of the last steps."""
    loss = result.loss if math.isfinite(result.loss) else None
    return {"steps_per_second": result.steps / max(result.seconds, 1e-9), "loss": loss}


def _sampled(trained: TrainedGenerator, count: int, seed: int) -> dict[str, float]:
    """Metrics of unguided samples, and what they took."""
    if not count:
        return {}
    rng, watch = torch.Generator(device=trained.device).manual_seed(seed), Stopwatch()
    raw = trained.generator.sample(count, rng).to("cpu")
    seconds = {"sampling_cpu_seconds": round(watch.cpu, 3), "sampling_wall_seconds": round(watch.wall, 3)}
    return {**seconds, **sample_metrics(trained.space, raw, trained.reference, seed).values}
