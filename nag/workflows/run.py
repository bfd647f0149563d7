"""The run folder: where a stage leaves its configuration, its metrics and its output."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import yaml

from nag import __version__
from nag.evaluation import Stopwatch
from nag.files import write_json, write_text
from nag.tracking import RunTracker

__all__ = ["RunFolder"]

_PACKAGES = ("torch", "torch-geometric", "lightning-fabric", "numpy", "networkx", "hydra-core", "wandb")


@dataclass
class RunFolder:
    """One run of one command.

    Args:
        path: The folder.
        command: Name of the command.
        seed: Seed of the run.
        device: Where tensors live.
        config: Resolved configuration.
        tracker: Gets configuration, metrics and tables.
        identity_keys_left_out: Keys of the configuration that may differ when a run is resumed.
    """

    path: Path
    command: str
    seed: int
    device: str
    config: Mapping[str, Any]
    tracker: RunTracker
    identity_keys_left_out: tuple[str, ...] = ("out_dir", "resume", "tracker", "threads", "devices")
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def identity(self) -> str:
        """Digest of all of the configuration that the result depends on."""
        kept = {key: value for key, value in self.config.items() if key not in self.identity_keys_left_out}
        text = json.dumps([self.command, __version__, kept], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def start(self) -> None:
        """Makes the folder, writes `config.yaml` and begins tracking."""
        write_text(self.path / "config.yaml", yaml.safe_dump(dict(self.config), sort_keys=False))
        self.tracker.start(dict(self.config), f"{self.command}-{self.path.name}")

    def finish(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Writes `metrics.json` and ends tracking; returns what was written."""
        everything = {
            "command": self.command,
            "nag_version": __version__,
            "seed": self.seed,
            "device": self.device,
            "cpu_seconds": round(self.stopwatch.cpu, 3),
            "wall_seconds": round(self.stopwatch.wall, 3),
            "versions": _versions(),
            **metrics,
        }
        write_json(self.path / "metrics.json", everything)
        self.tracker.summary({key: value for key, value in everything.items() if isinstance(value, int | float | str)})
        self.tracker.finish()
        return everything


def _versions() -> str:
    found = [f"python {platform.python_version()}"]
    for package in _PACKAGES:
        found.append(f"{package} {torch.__version__ if package == 'torch' else metadata.version(package)}")
    return ", ".join(found)
