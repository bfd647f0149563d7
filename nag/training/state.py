"""The state of a training run, saved atomically so that a killed run resumes exactly."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nag.errors import DamagedFile, InvalidRequest
from nag.files import write_bytes
from nag.training.ema import MovingAverage

__all__ = ["TrainState", "read_state"]

_ENTRIES = ("identity", "step", "seconds", "model", "ema", "optimizer")


@dataclass
class TrainState:
    """Everything that the next step depends on; randomness is a function of seed and step, so none is kept.

    Args:
        model: The trained module.
        ema: Its exponential moving average.
        optimizer: The optimiser.
        step: Steps done.
        seconds: Wall seconds spent, over all resumed runs.
        identity: What the run is (configuration digest); a state of another run is refused.
    """

    model: nn.Module
    ema: MovingAverage
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    identity: str = ""

    def save(self, path: Path) -> None:
        """Writes the state atomically."""
        buffer = io.BytesIO()
        torch.save(
            {
                "identity": self.identity,
                "step": self.step,
                "seconds": self.seconds,
                "model": self.model.state_dict(),
                "ema": self.ema.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
            buffer,
        )
        write_bytes(path, buffer.getvalue())

    def load(self, path: Path) -> None:
        """Continues from a saved state; raises what `read` raises."""
        self.restore(self.read(path))

    def read(self, path: Path) -> dict[str, Any]:
        """What `restore` takes, on the CPU; raises what `read_state` raises."""
        return read_state(path, self.identity)

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continues from what `read` gave."""
        self.model.load_state_dict(saved["model"])
        self.ema.module.load_state_dict(saved["ema"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.seconds = saved["step"], saved["seconds"]


def read_state(path: Path, identity: str) -> dict[str, Any]:
    """Reads a saved state, on the CPU.

    Args:
        path: The file.
        identity: What the run is, which the state must be of.

    Raises:
        DamagedFile: The file is not a complete state.
        InvalidRequest: It belongs to a run with another configuration.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        saved = {name: saved[name] for name in _ENTRIES} | {"step": int(saved["step"]), "seconds": float(saved["seconds"])}
    except Exception as error:  # torch.load raises many kinds for a damaged file
        raise DamagedFile(f"'{path}' is no complete training state", "Delete it and train again.") from error
    if saved["identity"] != identity:
        raise InvalidRequest(
            f"'{path}' belongs to a run with another configuration",
            "Repeat that run's overrides, or choose another out_dir.",
        )
    return saved
