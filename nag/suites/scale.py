"""The suite `scale`: time and memory as graphs grow, and generation of real computation graphs."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from nag.core.documents import read_json
from nag.core.randomness import seeded
from nag.diffusion.generation import load_generator
from nag.evaluation import Stopwatch, graph_distances
from nag.graphs import DagBatch, random_layered_dags
from nag.spaces import SearchSpace, layered_space
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.roofline import seconds_of
from nag.suites.suite import Baseline, Column, Suite, SuiteOptions, Table, chosen
from nag.tasks import load_task, split_by_class
from nag.training import FitOptions, make_fabric
from nag.workflows.run import RunFolder
from nag.workflows.train_generator import TrainingData, train_generator

__all__ = ["RealGraphsJob", "ScaleJob", "ScalePreset", "ScaleSuite", "measure_real_graphs", "measure_scale"]

_OPS = 6
_GRAPHS = 4
_FIT_FROM = 64


@dataclass(frozen=True)
class ScalePreset:
    """How much the suite computes.

    Args:
        sizes: Numbers of nodes.
        steps: Network evaluations of a sample at each size.
        training: Length and speed of the training on real graphs.
        real_seeds: Seeds of the real graphs; 0 for none.
        samples: Samples of the real graphs.
    """

    sizes: Sequence[int]
    training: FitOptions
    steps: int = 64
    real_seeds: int = 1
    samples: int = 300


@dataclass(frozen=True)
class ScaleJob:
    """Time and memory on random layered graphs.

    Args:
        make: (space=..., data=...) -> the untrained generator.
        sizes: As in `ScalePreset`.
        steps: As in `ScalePreset`.
        seed: Seed of the graphs.
        device: Kind of accelerator.
    """

    make: Callable[..., Any]
    sizes: tuple[int, ...]
    steps: int
    seed: int
    device: str


@dataclass(frozen=True)
class RealGraphsJob:
    """Training on the graphs of a task's table, and samples beside held-out ones.

    Args:
        task: The task whose graphs are learned.
        make: (space=..., data=...) -> the untrained generator.
        training: Length and speed of the training.
        samples: Number of samples.
        seed: Seed of split, training and samples.
        device: Kind of accelerator.
    """

    task: str
    make: Callable[..., Any]
    training: FitOptions
    samples: int
    seed: int
    device: str


class ScaleSuite(Suite):
    """How far the generator reaches.

    Args:
        generator: (space=..., data=...) -> an untrained generator.
        presets: Name -> how much is computed.
        task: The task whose table holds real graphs.
    """

    def __init__(
        self, generator: Callable[..., Any], presets: Mapping[str, ScalePreset], task: str = "tpu_tiles/runtime"
    ) -> None:
        self.generator, self.presets, self.task = generator, presets, task

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "scale"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Large graphs"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Time and memory by size, the fitted law, and real graphs."""
        growth = (
            Column("train_seconds_per_step", "s a training step of 4 graphs", ".3f"),
            Column("train_peak_mb", "peak MB, training", ".0f"),
            Column("seconds_per_sample", "s a sample", ".3f"),
            Column("sample_peak_mb", "peak MB, sampling", ".0f"),
            Column("network_share", "network's share of a sampling step", ".2f"),
            Column("attention_share", "of it, node states and attention", ".2f"),
        )
        law = (
            Column("train_exponent", "exponent of training time", ".2f"),
            Column("sample_exponent", "exponent of sampling time", ".2f"),
            Column("memory_exponent", "exponent of training memory", ".2f"),
        )
        names = ("tv_ops", "tv_in_degree", "tv_out_degree", "w1_depth", "w1_nodes", "w1_edge_count")
        titles = ("TV operations", "TV in-degree", "TV out-degree", "W1 depth", "W1 nodes", "W1 edges")
        distances = tuple(Column(name, title) for name, title in zip(names, titles, strict=True))
        valid = tuple(Column(f"{column.metric}_valid", f"{column.title}, valid samples alone") for column in distances[-3:])
        quality = tuple(Column(name, name) for name in ("validity_raw", "uniqueness", "novelty"))
        return (
            Table("time and memory by number of nodes", growth, ("nodes=*",)),
            Table("growth", law, ("fit",)),
            Table(
                "real computation graphs",
                (*quality, *distances, *valid),
                ("held out",),
                (Baseline("_reference", "training graphs"),),
            ),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        return (
            f"Random layered graphs with {_OPS - 2} operations; a training step is forward, backward and optimiser on "
            f"{_GRAPHS} graphs; a sample takes {preset.steps} network evaluations, drawn two at a time, "
            "each as long as the first step, which is timed. Each size runs in a process of its own, whose greatest memory "
            "beyond what it held before is the peak. Exponents are slopes of "
            f"log-log fits from {_FIT_FROM} nodes on. Real graphs: grouped by canonical hash, a fifth of the classes held "
            "out; uniqueness, novelty and distances to the held-out graphs are those of all samples, valid or not, beside the "
            "distances of the training graphs; which samples are valid depends on their size, so the distances of the valid "
            "ones alone stand apart. Nothing is repaired."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for the sizes, one a seed for the real graphs.

        Raises:
            InvalidRequest: An unknown preset.
            MissingData: The table of real graphs is not there.
        """
        preset = chosen(self.presets, options)
        sizes = ScaleJob(self.generator, tuple(preset.sizes), preset.steps, options.first_seed, options.device)
        cells = [Cell(cell_key("layered", f"seed{options.first_seed}"), options.first_seed, partial(measure_scale, sizes))]
        if preset.real_seeds:
            load_task(self.task)
        for seed in options.seeds_from(preset.real_seeds) if preset.real_seeds else ():
            job = RealGraphsJob(self.task, self.generator, preset.training, preset.samples, seed, options.device)
            cells.append(Cell(cell_key(self.task, f"seed{seed}"), seed, partial(measure_real_graphs, job)))
        return cells


def measure_scale(job: ScaleJob, workshop: ArtifactCache) -> list[Measurement]:
    """Times and memory at each size, each in a fresh process, and the laws that fit them."""
    found: dict[str, dict[str, float]] = {}
    for size in job.sizes:
        values: dict[str, float] = {}
        for part in (_training_step, _sampling):
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                values |= pool.submit(part, job, size).result()
        found[f"nodes={size}"] = values
    large = [size for size in job.sizes if size >= _FIT_FROM]
    if len(large) > 1:
        names = (
            ("train_seconds_per_step", "train_exponent"),
            ("seconds_per_sample", "sample_exponent"),
            ("train_peak_mb", "memory_exponent"),
        )
        found["fit"] = {
            exponent: float(np.polyfit(np.log(large), np.log([found[f"nodes={n}"][name] for n in large]), 1)[0])
            for name, exponent in names
        }
    return [
        Measurement("layered", "", "default", setting, metric, value)
        for setting, values in found.items()
        for metric, value in values.items()
    ]


def _made(job: ScaleJob, size: int) -> tuple[Any, DagBatch, torch.device]:
    torch.set_num_threads(1)
    device = make_fabric(job.device).device
    space = layered_space(size, _OPS)
    dags = random_layered_dags(_GRAPHS, size, _OPS, torch.Generator().manual_seed(job.seed))
    with seeded(job.seed):
        generator = job.make(space=space, data=dags)
    return generator.to(device), dags.to(device), device


def _peak_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _training_step(job: ScaleJob, size: int) -> dict[str, float]:
    generator, dags, device = _made(job, size)
    optimizer = torch.optim.AdamW(generator.parameters())
    rng = torch.Generator(device=device).manual_seed(job.seed)
    before = _peak_mb(device) if device.type == "cpu" else 0.0

    def step() -> None:
        optimizer.zero_grad()
        generator.loss(dags, rng).total.backward()
        optimizer.step()

    return {"train_seconds_per_step": seconds_of(step, device), "train_peak_mb": max(_peak_mb(device) - before, 1.0)}


@torch.no_grad()
def _sampling(job: ScaleJob, size: int) -> dict[str, float]:
    generator, _, device = _made(job, size)
    rng = torch.Generator(device=device).manual_seed(job.seed)
    chain = generator.eval().chain(job.steps)
    sizes = torch.full((2,), size, device=device)
    x_1 = chain.start(sizes, rng, size)
    before = _peak_mb(device) if device.type == "cpu" else 0.0
    t = chain.time(x_1, 0)
    clean = chain.denoise(x_1, t)
    network = seconds_of(lambda: chain.denoise(x_1, t), device)
    body = seconds_of(lambda: generator.denoiser.body(x_1.nodes, x_1.edges, x_1.mask, t), device)
    move = seconds_of(lambda: chain.move(x_1, clean, 0, rng), device)
    return {
        "seconds_per_sample": job.steps * (network + move) / 2,
        "sample_peak_mb": max(_peak_mb(device) - before, 1.0),
        "network_share": network / (network + move),
        "attention_share": min(1.0, body / network),
    }


def measure_real_graphs(job: RealGraphsJob, workshop: ArtifactCache) -> list[Measurement]:
    """Trains on four fifths of the classes of real graphs and compares samples with the others."""
    table = load_task(job.task).table
    split = split_by_class(table.canonical, fraction=0.8, seed=job.seed)
    first = np.unique(table.canonical, return_index=True)[1]  # one graph a class
    train, held_out = (table.dags[torch.from_numpy(np.intersect1d(rows, first))] for rows in (split.train, split.test))

    def build(run: RunFolder) -> None:
        train_generator(run, table.space, job.make, job.training, make_fabric(job.device), TrainingData(graphs=train), 0)

    config = {"task": job.task, "make": job.make, "training": job.training}
    name = cell_key("generator", table.space.name, f"seed{job.seed}")
    folder = workshop.product(name, "train-generator", job.seed, job.device, config, build)
    trained = load_generator(folder / "generator.safetensors", make_fabric(job.device).device)
    watch = Stopwatch()
    raw = trained.generator.sample(job.samples, torch.Generator(device=make_fabric(job.device).device).manual_seed(job.seed))
    raw = raw.to("cpu")
    cpu = watch.cpu
    values = {
        **sample_distances(table.space, raw, train, held_out),
        "samples_per_cpu_second": job.samples / cpu,
        "train_cpu_seconds": float(read_json(folder / "metrics.json")["train_cpu_seconds"]),
        "train_graphs": float(len(train)),
        "held_out_graphs": float(len(held_out)),
    }
    return [Measurement(table.space.name, "", "default", "held out", metric, value) for metric, value in values.items()]


def sample_distances(space: SearchSpace, raw: DagBatch, train: DagBatch, held_out: DagBatch) -> dict[str, float]:
    """Quality of samples beside held-out graphs, over all samples and over the valid ones alone.

    Which samples are valid depends on their size, so that distances of the valid ones alone are those of another set.

    Args:
        space: The search space.
        raw: Samples as generated.
        train: The training graphs, whose distances are the reference.
        held_out: What samples are compared with.

    Returns:
        Metric -> value; `NAME_valid` is NAME over the valid samples alone and is missing where there are none.
    """
    valid, known, num_ops = space.is_valid(raw), space.function_codes(train), len(space.vocabulary)
    found = {"validity_raw": float(valid.double().mean())}
    for suffix, dags in (("", raw), ("_valid", raw[valid])):
        if not len(dags):
            continue
        codes = space.function_codes(dags)
        values = {
            "uniqueness": len(codes.unique()) / len(codes),
            "novelty": float((~torch.isin(codes, known)).double().mean()),
            **graph_distances(dags, held_out, num_ops),
        }
        found |= {f"{name}{suffix}": value for name, value in values.items()}
    reference = {
        "novelty": float((~torch.isin(space.function_codes(held_out), known)).double().mean()),
        **graph_distances(train, held_out, num_ops),
    }
    return found | {f"{name}_reference": value for name, value in reference.items()}
