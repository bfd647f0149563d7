"""The suite `speed`: architectures a second, against DiffusionNAG's method and against what the device could do at best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from nag.core.documents import read_json
from nag.diffusion import Generator
from nag.diffusion.generation import load_generator
from nag.evaluation import Stopwatch, sample_metrics
from nag.spaces import load_space
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.roofline import count_flops, measure_roofline, parameter_bytes, seconds_of
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.training import FitOptions, make_fabric
from nag.workflows.run import RunFolder
from nag.workflows.train_generator import TrainingData, train_generator

__all__ = ["SpeedJob", "SpeedMethod", "SpeedPreset", "SpeedSuite", "measure_speed", "step_against_floor"]

_COMPARED = 256  # samples whose quality is compared, as many as every method draws
_PUBLISHED_RATE = 0.53  # architectures a CPU-second of DiffusionNAG's code: 256 cells, 2,000 network evaluations, one thread
_PUBLISHED_TRAINING = 250_000 * 0.70  # its steps of 256, and CPU-seconds a step


@dataclass(frozen=True)
class SpeedMethod:
    """One generator whose speed is measured.

    Args:
        make: (space=..., data=...) -> the untrained generator.
        training: Length and speed of the training.
        samples: Samples that are timed.
        steps: Network evaluations; None for the generator's default.
    """

    make: Callable[..., Any]
    training: FitOptions
    samples: int
    steps: int | None = None


@dataclass(frozen=True)
class SpeedPreset:
    """How much the suite computes.

    Args:
        methods: Space -> name -> what is timed.
        batch: Graphs in a batch that the floor is measured on.
    """

    methods: Mapping[str, Mapping[str, SpeedMethod]]
    batch: int = 2048


@dataclass(frozen=True)
class SpeedJob:
    """One space: all its methods, one after the other in one process.

    Args:
        space: Name of the space.
        methods: As in `SpeedPreset`.
        batch: As in `SpeedPreset`.
        seed: Seed of split, training and samples.
        device: Kind of accelerator.
    """

    space: str
    methods: Mapping[str, SpeedMethod]
    batch: int
    seed: int
    device: str


class SpeedSuite(Suite):
    """Times generators side by side in one run.

    Args:
        presets: Name -> how much is computed.
    """

    def __init__(self, presets: Mapping[str, SpeedPreset]) -> None:
        self.presets = presets

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "speed"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Speed"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Rates and ratios, the quality that goes with them, and the floor."""
        rates = (
            Column("samples_per_cpu_second", "samples a CPU-s", ".4g"),
            Column("samples_per_second", "samples a s", ".4g"),
            Column("times_published", "times the published code's 0.53", ".0f"),
            Column("network_evaluations", "network evaluations", ".0f"),
            Column("train_cpu_seconds", "training CPU-s", ".0f"),
            Column("published_training_over", "published training over it", ".0f"),
        )
        quality = tuple(Column(name, name) for name in ("validity_raw", "uniqueness", "novelty", "functional_uniqueness"))
        floor = (
            Column("step_seconds", "s a step", ".2e"),
            Column("floor_seconds", "floor, s", ".2e"),
            Column("times_floor", "times the floor", ".1f"),
            Column("gflops_per_step", "GFLOP a step", ".2f"),
        )
        return (
            Table("architectures a second", rates, ("timed",)),
            Table("their quality", quality, ("timed",)),
            Table("one step against the device's floor", floor, ("floor",)),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        return (
            "Each generator is trained on half of the space, split by canonical hash, and timed in one process, one "
            "thread, nothing else running; the preset `diffusionnag` reruns DiffusionNAG's method inside this package "
            "(variance-exploding SDE, 1,000 steps of two network evaluations, 12 layers) and is trained for as many "
            f"steps as the default. The published code makes {_PUBLISHED_RATE} architectures a CPU-second (256 cells, "
            f"2,000 evaluations, one thread) and trains for {_PUBLISHED_TRAINING:,.0f} CPU-seconds (250,000 steps of 0.70 "
            "s). The floor of a step is the larger of its matrix products' operations over the rate of a large matrix "
            "product, and the bytes of parameters, inputs and outputs over the rate of a large copy, both rates measured "
            f"here. Quality is that of the first {_COMPARED} samples."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell a space.

        Raises:
            InvalidRequest: An unknown preset.
        """
        preset = chosen(self.presets, options)
        cells = []
        for space, methods in preset.methods.items():
            for seed in options.seeds_from(1):
                job = SpeedJob(load_space(space).name, methods, preset.batch, seed, options.device)
                cells.append(Cell(cell_key(job.space, f"seed{seed}"), seed, partial(measure_speed, job)))
        return cells


def measure_speed(job: SpeedJob, workshop: ArtifactCache) -> list[Measurement]:
    """Trains what is not there, then times everything in a row."""
    device = make_fabric(job.device).device
    loaded = {name: _trained(job, name, workshop) for name in job.methods}
    rows = []
    for name, folder in loaded.items():
        values = _timed(job, job.methods[name], folder, device)
        rows += [Measurement(job.space, "", name, "timed", metric, value) for metric, value in values.items()]
        generator = load_generator(folder / "generator.safetensors", device).generator
        values = step_against_floor(generator, job.batch, job.seed)
        rows += [Measurement(job.space, "", name, "floor", metric, value) for metric, value in values.items()]
    return rows


def _trained(job: SpeedJob, name: str, workshop: ArtifactCache) -> Any:
    method, space = job.methods[name], load_space(job.space)

    def build(run: RunFolder) -> None:
        train_generator(run, space, method.make, method.training, make_fabric(job.device), TrainingData(0.5), metric_samples=0)

    config = {"space": space.fingerprint, "make": method.make, "training": method.training}
    return workshop.product(cell_key("generator", job.space, name), "train-generator", job.seed, job.device, config, build)


def _timed(job: SpeedJob, method: SpeedMethod, folder: Any, device: torch.device) -> dict[str, float]:
    trained = load_generator(folder / "generator.safetensors", device)
    rng = torch.Generator(device=device).manual_seed(job.seed)
    trained.generator.sample(min(256, method.samples), rng, 2)  # warm up
    watch = Stopwatch()
    raw = trained.generator.sample(method.samples, rng, method.steps).to("cpu")
    cpu, wall = watch.cpu, watch.wall
    quality = sample_metrics(trained.space, raw[:_COMPARED], trained.reference, job.seed).values
    training = float(read_json(folder / "metrics.json")["train_cpu_seconds"])
    shown = ("validity_raw", "uniqueness", "novelty", "functional_uniqueness")
    return {
        "samples_per_cpu_second": method.samples / cpu,
        "samples_per_second": method.samples / wall,
        "times_published": method.samples / cpu / _PUBLISHED_RATE,
        "network_evaluations": float(trained.generator.evaluations(method.steps)),
        "train_cpu_seconds": training,
        "published_training_over": _PUBLISHED_TRAINING / training,
        **{name + suffix: quality[name + suffix] for name in shown for suffix in ("", "_reference")},
    }


@torch.no_grad()
def step_against_floor(generator: Generator, batch: int, seed: int, compiled: Generator | None = None) -> dict[str, float]:
    """One step of the sampler on a full batch, beside the least time that the device could take.

    Args:
        generator: The generator, on the device; its operations are counted.
        batch: Number of graphs.
        seed: Seed of the graphs.
        compiled: The same generator with a compiled network, which is timed in its place.
    """
    device = generator.sizes.device
    rng = torch.Generator(device=device).manual_seed(seed)
    chain, timed = generator.chain(), (compiled or generator).chain()
    x = chain.start(generator.draw_sizes(batch, rng), rng, generator.space.max_nodes)
    t = chain.time(x, 0)
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    roofline = measure_roofline(device, torch.bfloat16 if half else torch.float32)
    flops = count_flops(lambda: chain.denoise(x, t))
    touched = sum(tensor.numel() * tensor.element_size() for tensor in (x.nodes, x.edges))
    floor = roofline.floor(flops, parameter_bytes(generator) + 2 * touched)
    seconds = seconds_of(lambda: timed.move(x, timed.denoise(x, t), 0, rng), device, 5)
    return {
        "step_seconds": seconds,
        "floor_seconds": floor,
        "times_floor": seconds / floor,
        "gflops_per_step": flops / 1e9,
        "peak_gflops": roofline.flops / 1e9,
        "bandwidth_gb_per_second": roofline.bandwidth / 1e9,
    }
