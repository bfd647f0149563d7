"""What a running cell may use: its seed and device, and expensive products that several cells share, built once."""

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
from nag.workflows.run import RunFolder

__all__ = ["CellContext", "remove_unfinished"]


@dataclass
class CellContext:
    """The output folder of a suite, as one cell sees it.

    Args:
        folder: The output folder.
        seed: Seed of the cell.
        accelerator: Kind of accelerator, such as `cpu` or `cuda`.
        earlier_cpu_seconds: CPU seconds that the products which the cell used had cost before; they count as its own.

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
        """Where tensors live."""
        return make_fabric(self.accelerator).device

    def rng(self, offset: int = 0) -> torch.Generator:
        """A new random-number generator of the cell's seed, plus an offset, on the device."""
        return torch.Generator(device=self.device).manual_seed(self.seed + offset)

    def product(
        self, name: str, command: str, config: Mapping[str, Any], build: Callable[[RunFolder], object], seed: int | None = None
    ) -> Path:
        """The run folder of a stage, which is run only if no cell has done so with the same configuration.

        It is built under another name and renamed when it is whole; of two processes that build it at once, the first
        to finish wins.

        Args:
            name: What it is, safe as the name of a folder.
            command: Name of the stage.
            config: All that the product depends on, beside seed and device.
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
        shutil.rmtree(temporary, ignore_errors=True)  # of a killed process with the same number
        try:
            build(run)
            if _cost(temporary) is None:
                raise RuntimeError(f"building {name} did not finish its run folder")
            _publish(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return path


def remove_unfinished(folder: Path) -> None:
    """Removes what killed processes left of products; only for a suite that nobody is computing any more."""
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
