"""Context of a running cell: seed, device, and trained models that several cells share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nag.core.documents import read_json
from nag.core.errors import DamagedFile, MissingData
from nag.suites.running.fingerprint import plain
from nag.tracking import NullTracker
from nag.training import make_fabric
from nag.workflows.run_folder.run import RunFolder

__all__ = ["CellContext", "remove_unfinished"]


@dataclass
class CellContext:
    """Seed, device and output folder of a running cell.

    Args:
        folder: The output folder of the suite.
        seed: Seed of the cell.
        accelerator: Kind of accelerator, such as `cpu` or `cuda`.
        earlier_cpu_seconds: CPU seconds of reused products, which are charged to the cell.

    Example:
        >>> from pathlib import Path
        >>> from nag.suites import CellContext
        >>> context = CellContext(Path("my_suite"), seed=3)
        >>> context.device, context.rng().initial_seed()
        (device(type='cpu'), 3)
    """

    folder: Path
    seed: int = 0
    accelerator: str = "cpu"
    earlier_cpu_seconds: float = 0.0

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return make_fabric(self.accelerator).device

    def rng(self, offset: int = 0) -> torch.Generator:
        """A new random-number generator on the device, seeded with the cell's seed plus an offset."""
        return torch.Generator(device=self.device).manual_seed(self.seed + offset)

    def product(
        self, name: str, command: str, config: Mapping[str, Any], build: Callable[[RunFolder], object], seed: int | None = None
    ) -> Path:
        """The run folder of a stage, shared by all cells with the same configuration; the stage runs at most once.

        It is built under a temporary name and renamed when complete; of two processes that build it at once, the first
        to finish publishes it.

        Args:
            name: A valid folder name.
            command: Name of the stage.
            config: Everything that the product depends on, except seed and device.
            build: Runs the stage in a run folder, up to its `metrics.json`.
            seed: Seed of the run; the cell's own if None.

        Returns:
            `products/<name>-<digest of the configuration>`.
        """
        seed = self.seed if seed is None else seed
        temporary = self.folder / "products" / f".{name}.{os.getpid()}.tmp"
        described = plain({**config, "seed": seed, "device": self.accelerator})
        run = RunFolder(temporary, command, seed, self.accelerator, described, NullTracker())
        path = temporary.with_name(f"{name}-{run.identity[:12]}")
        cost = _cost(path)
        if cost is not None:
            self.earlier_cpu_seconds += cost
            return path
        shutil.rmtree(temporary, ignore_errors=True)  # left by a killed process with the same id
        try:
            build(run)
            if _cost(temporary) is None:
                raise RuntimeError(f"building {name} did not finish its run folder")
            _publish(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return path


def remove_unfinished(folder: Path) -> None:
    """Removes partial products of killed processes; only valid while no process computes the suite."""
    for path in (folder / "products").glob(".*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def _cost(path: Path) -> float | None:
    """CPU seconds of a finished run folder; None if it is not finished."""
    try:
        return float(read_json(path / "metrics.json")["cpu_seconds"])
    except (MissingData, DamagedFile, KeyError, TypeError):
        return None


def _publish(temporary: Path, path: Path) -> None:
    if path.exists() and _cost(path) is None:  # damaged
        shutil.rmtree(path)
    try:
        temporary.rename(path)
    except OSError:
        if _cost(path) is None:
            raise
