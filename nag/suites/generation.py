"""The suite `generation`: how well each diffusion process learns a search space, and what sampling costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nag.core.documents import read_json
from nag.core.errors import InvalidRequest, NagError, did_you_mean
from nag.diffusion.generation import STEPS_PER_POSITION, TrainedGenerator, load_generator
from nag.evaluation import Stopwatch, sample_metrics
from nag.graphs import DagBatch
from nag.spaces import load_space
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.distances import WholeSpace, parameter_counts
from nag.suites.suite import Baseline, Column, Suite, SuiteOptions, Table, chosen
from nag.training import FitOptions, make_fabric
from nag.workflows.run import RunFolder
from nag.workflows.train_generator import TrainingData, train_generator

__all__ = ["GenerationJob", "GenerationPreset", "GenerationSuite", "measure_generation"]

_FIRST = 1000
_DISTANCES = ("tv_ops", "tv_edges", "tv_depth", "tv_params")
_QUALITY = ("validity_raw", "uniqueness", "functional_uniqueness", "novelty")
_ON_CURVE = ("validity_raw", "tv_ops", "tv_edges", "tv_depth")


@dataclass(frozen=True)
class OtherProcesses:
    """What is computed of the processes beside the main one.

    Args:
        training: Length and speed of the training.
        samples: Samples of each trained generator.
    """

    training: FitOptions
    samples: int = 2000


@dataclass(frozen=True)
class GenerationPreset:
    """How much the suite computes.

    Args:
        seeds: Space -> number of seeds of a process that `more_seeds` does not name.
        training: Length and speed of the training.
        more_seeds: Process -> space -> number of seeds.
        samples: Samples of each trained generator.
        step_samples: Samples of each point of the curve over sampler steps.
        steps: Sampler steps on the curve.
        train_fraction: Share of the space to train on, split by canonical hash.
        others: Training and number of samples of the processes that `more_seeds` does not name, which have no curve; None
            for those of the others.
        parameters: Space -> (task, metric) of a table that knows the parameters of its architectures, without which nothing is
            computed; of other spaces the modelled cost is compared.
    """

    seeds: Mapping[str, int]
    training: FitOptions
    more_seeds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    samples: int = 10_000
    step_samples: int = 2000
    steps: Sequence[int] = (1, 2, 4, 8, 16, 32, 64)
    train_fraction: float = 0.5
    others: OtherProcesses | None = None
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, values in (("samples", [self.samples]), ("step_samples", [self.step_samples]), ("steps", self.steps)):
            if any(not isinstance(value, int) or value < 1 for value in values):
                raise InvalidRequest(f"{name} is {getattr(self, name)}", "It must be at least 1.")
        if not 0 < self.train_fraction < 1:
            raise InvalidRequest(f"train_fraction is {self.train_fraction}", "Novelty needs a part that is not trained on.")


@dataclass(frozen=True)
class GenerationJob:
    """One generator to train and to measure.

    Args:
        space: Name of the space, or the path of its YAML file.
        process: Name of the process in the tables.
        make: (space=..., data=...) -> the untrained generator.
        training: Length and speed of the training.
        samples: As in `GenerationPreset`.
        step_samples: As in `GenerationPreset`.
        steps: As in `GenerationPreset`.
        train_fraction: As in `GenerationPreset`.
        seed: Seed of the split, the training and the samples.
        device: Kind of accelerator.
        parameters: Task and metric of a table that knows the parameters; empty for none.
    """

    space: str
    process: str
    make: Callable[..., Any]
    training: FitOptions
    samples: int
    step_samples: int
    steps: tuple[int, ...]
    train_fraction: float
    seed: int
    device: str
    parameters: tuple[str, ...] = ()


class GenerationSuite(Suite):
    """Trains each process on half of each space and measures its samples beside uniform draws.

    Args:
        processes: Name -> (space=..., data=...) -> an untrained generator.
        presets: Name -> how much is computed.
    """

    def __init__(self, processes: Mapping[str, Callable[..., Any]], presets: Mapping[str, GenerationPreset]) -> None:
        self.processes = processes
        self.presets = presets

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "generation"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Generation without guidance"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Quality at two numbers of samples, cost, and the curve over sampler steps."""
        lines = (Baseline("_reference", "uniform draws"), Baseline("_train", "training set"))
        shares = [Column(name, title) for name, title in zip(_QUALITY, _QUALITY_TITLES, strict=True)]
        distances = [Column(name, title, ".4f") for name, title in zip(_DISTANCES, _DISTANCE_TITLES, strict=True)]
        cost = (
            Column("network_evaluations", "network evaluations", ".0f"),
            Column("samples_per_cpu_second", "samples a CPU second", ".0f"),
            Column("train_cpu_seconds", "training CPU s", ".0f"),
            Column("sampling_cpu_seconds", "sampling CPU s", ".1f"),
        )
        curve = tuple(column for column in [*shares, *distances] if column.metric in _ON_CURVE)
        return (
            Table("quality of samples", (*shares, *distances), ("samples=*",), lines),
            Table("cost", cost, ("default sampler",)),
            Table("few sampler steps", curve, ("steps=*",), lines[:1]),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        steps = preset.training.max_steps or f"{STEPS_PER_POSITION} (for each free position)"
        others = preset.others
        fewer = f" ({others.training.max_steps} and {others.samples:,} samples where it is not the main one)" if others else ""
        return (
            f"Each generator is trained for {steps} steps{fewer}, batches of {preset.training.batch_size}, on "
            f"{100 * preset.train_fraction:g} % of the space, split by canonical hash so that functional twins stay on "
            f"one side; {preset.samples:,} raw samples are drawn once and nothing is repaired. `samples=N` measures the "
            "first N: validity of raw samples; distinct architectures, distinct functions and architectures that were "
            "not trained on among the valid ones; total-variation distances to the whole space of operations, of edges "
            "between levels, of the longest path of what is computed, and of the parameter count. *Uniform draws* are "
            "what as many independent uniform draws as there are valid samples give (exact for shares, one simulated set "
            "a seed for distances), *training set* is the distance of the training half itself. `steps=N` draws "
            f"{preset.step_samples:,} samples with N network evaluations each."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each space, process and seed.

        Raises:
            InvalidRequest: An unknown preset, or a process whose options are wrong.
            MissingData: A table of parameters is not there.
        """
        preset = chosen(self.presets, options)
        unknown = next((name for name in preset.more_seeds if name not in self.processes), None)
        if unknown is not None:
            raise InvalidRequest(f"more_seeds names an unknown process '{unknown}'", did_you_mean(unknown, self.processes))
        seeds = {name: preset.more_seeds.get(name, preset.seeds) for name in self.processes}
        cells = []
        for space in dict.fromkeys(space for name in self.processes for space in seeds[name]):
            parameter_counts(preset.parameters.get(load_space(space).name, ()))
            for process in (name for name in self.processes if space in seeds[name]):
                self._check(process, space)
                for seed in options.seeds_from(seeds[process][space]):
                    cells.append(self._cell(preset, space, process, seed, options))
        return cells

    def _cell(self, preset: GenerationPreset, space: str, process: str, seed: int, options: SuiteOptions) -> Cell:
        training, samples, steps = preset.training, preset.samples, tuple(preset.steps)
        if preset.others is not None and process not in preset.more_seeds:
            training, samples, steps = preset.others.training, preset.others.samples, ()
        parameters = tuple(preset.parameters.get(load_space(space).name, ()))
        job = GenerationJob(
            *(space, process, self.processes[process], training, samples, preset.step_samples),
            *(steps, preset.train_fraction, seed, options.device, parameters),
        )
        return Cell(cell_key(load_space(space).name, process, f"seed{seed}"), seed, partial(measure_generation, job))

    def _check(self, process: str, name: str) -> None:
        """Builds a generator and drops it, so that wrong options fail before any work."""
        space = load_space(name)
        try:
            self.processes[process](space=space, data=space.to_dags([]))
        except NagError:
            raise
        except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
            raise InvalidRequest(f"cannot build process {process}: {error}", "Check its options.") from error


_QUALITY_TITLES = ("valid", "unique", "unique functions", "novel")
_DISTANCE_TITLES = ("TV operations", "TV edges", "TV depth", "TV parameters")


def measure_generation(job: GenerationJob, workshop: ArtifactCache) -> list[Measurement]:
    """Trains a generator, or takes the one that is there, and measures samples of it."""
    folder = _trained(job, workshop)
    trained = load_generator(folder / "generator.safetensors", make_fabric(job.device).device)
    whole = WholeSpace.of(trained.space, trained.reference, parameter_counts(job.parameters))
    values = _quality(job, trained, whole, read_json(folder / "metrics.json"))
    for steps in job.steps:
        raw = _draw(trained, job.step_samples, job.seed + 1, job.device, steps)
        values[f"steps={steps}"] = _measured(raw, trained, whole, job.seed, _ON_CURVE)
    return [
        Measurement(trained.space.name, "", job.process, setting, metric, value)
        for setting, found in values.items()
        for metric, value in found.items()
    ]


def _trained(job: GenerationJob, workshop: ArtifactCache) -> Path:
    def build(run: RunFolder) -> None:
        space, fabric = load_space(job.space), make_fabric(job.device)
        train_generator(run, space, job.make, job.training, fabric, TrainingData(job.train_fraction), metric_samples=64)

    needed = ("space", "make", "training", "train_fraction")
    config = {f.name: getattr(job, f.name) for f in fields(job) if f.name in needed}
    name = cell_key("generator", load_space(job.space).name, job.process, f"seed{job.seed}")
    return workshop.product(name, "train-generator", job.seed, job.device, config, build)


def _draw(trained: TrainedGenerator, count: int, seed: int, device: str, steps: int | None) -> DagBatch:
    """Raw samples, on the CPU."""
    rng = torch.Generator(device=make_fabric(device).device).manual_seed(seed)
    return trained.generator.sample(count, rng, steps=steps).to("cpu")


def _quality(
    job: GenerationJob, trained: TrainedGenerator, whole: WholeSpace, training: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Setting -> metric -> value of the samples of the default sampler."""
    watch = Stopwatch()
    raw = _draw(trained, job.samples, job.seed, job.device, None)
    cpu = watch.cpu
    found = {
        "default sampler": {
            "network_evaluations": training["network_evaluations"],
            "train_cpu_seconds": training["train_cpu_seconds"],
            "sampling_cpu_seconds": cpu,
            "samples_per_cpu_second": job.samples / max(cpu, 1e-9),
        }
    }
    for count in sorted({min(_FIRST, job.samples), job.samples}):
        found[f"samples={count}"] = _measured(raw[:count], trained, whole, job.seed, (*_QUALITY, *_DISTANCES))
    return found


def _measured(
    raw: DagBatch, trained: TrainedGenerator, whole: WholeSpace, seed: int, metrics: Sequence[str]
) -> dict[str, float]:
    """Metrics of raw samples, with their references and those of the training set."""
    found = sample_metrics(trained.space, raw, trained.reference, seed).values
    found = {**found, **whole.distances(raw[trained.space.is_valid(raw)], seed)}
    names = [name + suffix for name in metrics for suffix in ("", "_reference", "_train")]
    return {name: found[name] for name in names if name in found}
