"""What a running cell may use: expensive products that several cells share, built once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nag.core.documents import read_json
from nag.core.errors import DamagedFile, MissingData
from nag.suites.fingerprint import plain
from nag.tracking import NullTracker
from nag.workflows.run import RunFolder

__all__ = ["ArtifactCache", "remove_unfinished"]


@dataclass
class ArtifactCache:
    """The output folder of a suite, as one cell sees it.

    Args:
        folder: The output folder.
        earlier_cpu_seconds: CPU seconds that the products which the cell used had cost before; they count as its own.
    """

    folder: Path
    earlier_cpu_seconds: float = 0.0

    def product(
        self, name: str, command: str, seed: int, device: str, config: Mapping[str, Any], build: Callable[[RunFolder], object]
    ) -> Path:
        """The run folder of a stage, which is run only if no cell has done so with the same configuration.

        It is built under another name and renamed when it is whole; of two processes that build it at once, the first
        to finish wins.

        Args:
            name: What it is, safe as the name of a folder.
            command: Name of the stage.
            seed: Seed of the run.
            device: Where tensors live.
            config: All that the product depends on.
            build: Runs the stage in a run folder, up to its `metrics.json`.

        Returns:
            `products/<name>-<digest of the configuration>`.
        """
        temporary = self.folder / "products" / f".{name}.{os.getpid()}.tmp"
        described = plain({**config, "seed": seed, "device": device})
        run = RunFolder(temporary, command, seed, device, described, NullTracker())
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
