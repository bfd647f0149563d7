"""The state of a training run, saved atomically so that a killed run resumes exactly."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nag.core.divergence import all_finite
from nag.core.documents import Document, check
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.files import write_bytes
from nag.core.numbers import NonNegative, Size
from nag.training.ema import MovingAverage

__all__ = ["SavedTraining", "TrainState", "check_optimizer", "read_state"]


@dataclass(frozen=True)
class SavedTraining:
    """Where the state of a training is kept, so that it can be continued.

    Args:
        path: File of the state; None for nowhere.
        resume: Whether to continue from the file if it exists.
        identity: Digest of all that the result depends on, checked on resume.

    Example:
        >>> from pathlib import Path
        >>> from nag.training import SavedTraining
        >>> SavedTraining(Path("nowhere/state.pt"), resume=True, identity="abc").found
    """

    path: Path | None = None
    resume: bool = False
    identity: str = ""

    @property
    def found(self) -> Path | None:
        """The file to continue from; None where the training begins."""
        return self.path if self.resume and self.path is not None and self.path.is_file() else None


class _Saved(Document):
    """What a saved state holds beside tensors."""

    identity: str
    step: Size
    seconds: NonNegative
    losses: Tensor
    model: dict[str, Tensor]
    ema: dict[str, Tensor]
    optimizer: dict[str, Any]


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
        losses: (L,) float32, losses of the last steps.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.training import TrainState
        >>> from nag.training.ema import MovingAverage
        >>> model = nn.Linear(1, 1)
        >>> state = TrainState(model, MovingAverage(model, 0.9), torch.optim.AdamW(model.parameters()))
        >>> state.record([torch.tensor(0.5)], seconds=0.1)
        >>> state.losses
        tensor([0.5000])
    """

    model: nn.Module
    ema: MovingAverage
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    identity: str = ""
    losses: Tensor = field(default_factory=lambda: torch.zeros(0))

    def record(self, losses: Iterable[Tensor], seconds: float) -> None:
        """Takes the losses of the last steps and the seconds spent."""
        recent = list(losses)
        self.losses = torch.stack(recent).float().cpu() if recent else torch.zeros(0)
        self.seconds = seconds

    def save(self, path: Path) -> None:
        """Writes the state atomically."""
        buffer = io.BytesIO()
        torch.save(
            {
                "identity": self.identity,
                "step": self.step,
                "seconds": self.seconds,
                "losses": self.losses,
                "model": self.model.state_dict(),
                "ema": self.ema.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
            buffer,
        )
        write_bytes(path, buffer.getvalue())

    def load(self, path: Path) -> None:
        """Continues from a saved state; raises what `read` and `restore` raise."""
        self.restore(self.read(path), path)

    def read(self, path: Path) -> dict[str, Any]:
        """What `restore` takes, on the CPU; raises what `read_state` raises."""
        return read_state(path, self.identity)

    def restore(self, saved: Mapping[str, Any], path: Path | None = None) -> None:
        """Continues from what `read` gave.

        Args:
            saved: What `read` gave.
            path: The file that it came from, for messages.

        Raises:
            DamagedFile: The tensors do not fit the module or the optimiser, or are not finite.
        """
        where = "the training state" if path is None else f"'{path}'"
        try:
            self.model.load_state_dict(saved["model"])
            self.ema.module.load_state_dict(saved["ema"])
            check_optimizer(saved["optimizer"], self.optimizer)
            self.optimizer.load_state_dict(saved["optimizer"])
        except (RuntimeError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise DamagedFile(f"{where} does not fit the network", "Delete it and train again.") from error
        moments = [value for entry in saved["optimizer"]["state"].values() for value in entry.values()]
        if not all_finite([*saved["model"].values(), *saved["ema"].values(), *moments]):
            raise DamagedFile(f"{where} holds numbers that are not finite", "Delete it and train again.")
        self.step, self.seconds, self.losses = saved["step"], saved["seconds"], saved["losses"]


def check_optimizer(saved: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> None:
    """Raises `ValueError` unless a saved state of an optimiser has the shapes of its parameters."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, entry in saved["state"].items():
        shape = parameters[index].shape
        if not all(isinstance(value, Tensor) and value.shape in (shape, torch.Size([])) for value in entry.values()):
            raise ValueError(f"the moments of parameter {index} have another shape")


def read_state(path: Path, identity: str) -> dict[str, Any]:
    """Reads a saved state, on the CPU.

    Args:
        path: The file.
        identity: What the run is, which the state must be of.

    Raises:
        DamagedFile: The file is not a complete state.
        InvalidRequest: It belongs to a run with another configuration.

    Example:
        >>> from pathlib import Path
        >>> from nag.training import read_state
        >>> read_state(Path("nowhere/state.pt"), identity="abc")
        Traceback (most recent call last):
            ...
        nag.core.errors.DamagedFile: 'nowhere/state.pt' is no complete training state. Delete it and train again.
    """
    hint = "Delete it and train again."
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds for a damaged file
        raise DamagedFile(f"'{path}' is no complete training state", hint) from error
    saved = check(_Saved, loaded, f"'{path}' is no complete training state", hint=hint)
    if saved.identity != identity:
        raise InvalidRequest(
            f"'{path}' belongs to a run with another configuration",
            "Repeat that run's overrides, or choose another out_dir.",
        )
    if saved.losses.ndim != 1 or not saved.losses.is_floating_point():
        raise DamagedFile(f"'{path}' is no complete training state", hint)
    return dict(saved)
