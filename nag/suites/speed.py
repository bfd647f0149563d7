"""The suite `speed`: sampling speed, against DiffusionNAG's method and against the roofline of the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from nag.diffusion import Generator
from nag.diffusion.generation import load_generator
from nag.evaluation import Stopwatch, sample_metrics
from nag.spaces import load_space
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.page import PagedSuite
from nag.suites.parts.products import metric_of, trained_generator
from nag.suites.parts.roofline import count_flops, measure_roofline, parameter_bytes, seconds_of
from nag.training import FitOptions

__all__ = ["SpeedMethod", "SpeedSuite", "step_against_floor"]

_COMPARED = 256  # samples whose quality is compared; every method draws at least as many
_PUBLISHED_RATE = 0.53  # architectures per CPU second of DiffusionNAG's code: 256 cells, 2,000 network evaluations, one thread
_PUBLISHED_TRAINING = 250_000 * 0.70  # its training steps (batches of 256) and CPU seconds per step
_QUALITY = ("validity_raw", "uniqueness", "novelty", "functional_uniqueness")


@dataclass(frozen=True)
class SpeedMethod:
    """One generator whose speed is measured.

    Args:
        make: (space=..., data=...) -> the untrained generator.
        training: Options of the training.
        samples: Number of timed samples.
        steps: Network evaluations; None for the generator's default.
    """

    make: Callable[..., Any]
    training: FitOptions
    samples: int
    steps: int | None = None


@dataclass(frozen=True)
class SpeedSuite(PagedSuite):
    """Times generators one after the other in one process.

    Args:
        methods: Space -> name -> the timed method.
        batch: Batch size for the roofline bound.
    """

    methods: Mapping[str, Mapping[str, SpeedMethod]]
    batch: int = 2048

    name = "speed"

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each space and seed, which runs all methods one after the other."""
        cells = []
        for name, methods in self.methods.items():
            space = load_space(name).name
            cells += options.cells(1, replace(self, methods={space: methods}).measure, space)
        return cells

    def measure(self, context: CellContext) -> list[Measurement]:
        """Trains the missing generators of one space, then times all of them."""
        ((space, methods),) = self.methods.items()
        rows = list[Measurement]()
        paths = {
            name: trained_generator(context, load_space(space), method.make, method.training, name, fraction=0.5)
            for name, method in methods.items()
        }
        for name, path in paths.items():
            rows += measurements(space, "", name, "timed", _timed(methods[name], path, context))
            generator = load_generator(path, context.device).generator
            rows += measurements(space, "", name, "floor", step_against_floor(generator, self.batch, context.seed))
        return rows


def _timed(method: SpeedMethod, path: Path, context: CellContext) -> dict[str, float]:
    trained = load_generator(path, context.device)
    rng = context.rng()
    trained.generator.sample(min(256, method.samples), rng, 2)  # warm up
    watch = Stopwatch()
    raw = trained.generator.sample(method.samples, rng, method.steps).to("cpu")
    cpu, wall = watch.cpu, watch.wall
    quality = sample_metrics(trained.space, raw[:_COMPARED], trained.reference, context.seed).values
    training = metric_of(path, "train_cpu_seconds")
    return {
        "samples_per_cpu_second": method.samples / cpu,
        "samples_per_second": method.samples / wall,
        "times_published": method.samples / cpu / _PUBLISHED_RATE,
        "network_evaluations": float(trained.generator.evaluations(method.steps)),
        "train_cpu_seconds": training,
        "published_training_over": _PUBLISHED_TRAINING / training,
        **{name + suffix: quality[name + suffix] for name in _QUALITY for suffix in ("", "_reference")},
    }


@torch.no_grad()
def step_against_floor(generator: Generator, batch: int, seed: int, compiled: Generator | None = None) -> dict[str, float]:
    """Time of one step of the sampler on a full batch, and its roofline bound.

    Args:
        generator: The generator on the device; its operations are counted.
        batch: Number of graphs.
        seed: Seed of the graphs.
        compiled: The same generator with a compiled network, which is timed instead.
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
