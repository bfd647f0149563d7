"""Time and memory of training and sampling by number of nodes."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nag.core.randomness import seeded
from nag.graphs import DagBatch, random_layered_dags
from nag.spaces import layered_space
from nag.suites import CellContext, Measurement, measurements
from nag.suites.parts.roofline import seconds_of
from nag.training import make_fabric

__all__ = ["LayeredGraphs"]

_OPS = 6
_GRAPHS = 4
_FIT_FROM = 64


@dataclass(frozen=True)
class LayeredGraphs:
    """Random layered graphs of several sizes, on which a generator is timed.

    Args:
        make: (space=..., data=...) -> the untrained generator.
        sizes: Numbers of nodes.
        steps: Network evaluations of a sample at each size.
    """

    make: Callable[..., Any]
    sizes: Sequence[int]
    steps: int = 64

    def measure(self, context: CellContext) -> list[Measurement]:
        """Time and memory at each size, each in a new process, and the exponents of power-law fits."""
        found: dict[str, dict[str, float]] = {}
        for size in self.sizes:
            values: dict[str, float] = {}
            for part in (_training_step, _sampling):
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                    values |= pool.submit(part, self, size, context.seed, context.accelerator).result()
            found[f"nodes={size}"] = values
        large = [size for size in self.sizes if size >= _FIT_FROM]
        if len(large) > 1:
            found["fit"] = {
                exponent: float(np.polyfit(np.log(large), np.log([found[f"nodes={n}"][name] for n in large]), 1)[0])
                for name, exponent in _EXPONENTS.items()
            }
        return [m for setting, values in found.items() for m in measurements("layered", "", "default", setting, values)]

    def made(self, size: int, seed: int, accelerator: str) -> tuple[Any, DagBatch, torch.device]:
        """Generator and graphs of one size on the device, and the device."""
        torch.set_num_threads(1)
        device = make_fabric(accelerator).device
        space = layered_space(size, _OPS)
        dags = random_layered_dags(_GRAPHS, size, _OPS, torch.Generator().manual_seed(seed))
        with seeded(seed):
            generator = self.make(space=space, data=dags)
        return generator.to(device), dags.to(device), device


_EXPONENTS = {
    "train_seconds_per_step": "train_exponent",
    "seconds_per_sample": "sample_exponent",
    "train_peak_mb": "memory_exponent",
}


def _peak_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _training_step(graphs: LayeredGraphs, size: int, seed: int, accelerator: str) -> dict[str, float]:
    generator, dags, device = graphs.made(size, seed, accelerator)
    optimizer = torch.optim.AdamW(generator.parameters())
    rng = torch.Generator(device=device).manual_seed(seed)
    before = _peak_mb(device) if device.type == "cpu" else 0.0

    def step() -> None:
        optimizer.zero_grad()
        generator.loss(dags, rng).total.backward()
        optimizer.step()

    return {"train_seconds_per_step": seconds_of(step, device), "train_peak_mb": max(_peak_mb(device) - before, 1.0)}


@torch.no_grad()
def _sampling(graphs: LayeredGraphs, size: int, seed: int, accelerator: str) -> dict[str, float]:
    generator, _, device = graphs.made(size, seed, accelerator)
    rng = torch.Generator(device=device).manual_seed(seed)
    chain = generator.eval().chain(graphs.steps)
    sizes = torch.full((2,), size, device=device)
    x_1 = chain.start(sizes, rng, size)
    before = _peak_mb(device) if device.type == "cpu" else 0.0
    t = chain.time(x_1, 0)
    clean = chain.denoise(x_1, t)
    network = seconds_of(lambda: chain.denoise(x_1, t), device)
    body = seconds_of(lambda: generator.denoiser.body(x_1.nodes, x_1.edges, x_1.mask, t), device)
    move = seconds_of(lambda: chain.move(x_1, clean, 0, rng), device)
    return {
        "seconds_per_sample": graphs.steps * (network + move) / 2,
        "sample_peak_mb": max(_peak_mb(device) - before, 1.0),
        "network_share": network / (network + move),
        "attention_share": min(1.0, body / network),
    }
