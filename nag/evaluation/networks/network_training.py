"""How a network is trained: schedule, optimiser, augmentation, hardware."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from nag.core.errors import InvalidRequest
from nag.core.numbers import BatchSize, Count, FractionBelowOne, NonNegative, Rate, Size
from nag.core.signatures import checked
from nag.evaluation.networks.augmentation import augmentation_named
from nag.networks import DataShape

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["NetworkTraining", "suggested_training"]

_WITHOUT_EFFECT = ("compile",)  # but for rounding


@checked
@dataclass(frozen=True)
class NetworkTraining:
    """Options of training one network.

    Args:
        epochs: Passes over the data; for a graph, steps.
        batch_size: Images a step; a graph is one batch.
        learning_rate: Peak learning rate.
        optimizer: "sgd" (with Nesterov's momentum) or "adamw".
        momentum: Of "sgd".
        weight_decay: Of all parameters.
        label_smoothing: Share of the target that is spread over all classes (Szegedy et al. 2016), 0 to below 1.
        schedule: "cosine" (to zero; Loshchilov and Hutter 2017) or "constant".
        warmup: Share of the steps in which the learning rate rises linearly, 0 to below 1.
        augmentation: "none", or "crop_flip" (shifts and mirror images; wrong for digits and other signs).
        padding: Greatest shift of "crop_flip", in pixels.
        gradient_clip: Greatest gradient norm; 0 for no limit.
        precision: "32-true", "bf16-mixed", or "auto": bf16 mixed precision on a GPU that has it, float32 elsewhere.
        compile: Whether networks are compiled; pays for long trainings of large networks only.
        device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:0" and so on.

    Raises:
        InvalidRequest: With the option at fault.

    Example:
        >>> from nag.evaluation import NetworkTraining
        >>> training = NetworkTraining(epochs=3, learning_rate=0.1, warmup=0.0)
        >>> [round(training.rate(step, steps=4), 3) for step in range(4)]
        [0.1, 0.085, 0.05, 0.015]
    """

    epochs: Count = 12
    batch_size: Annotated[BatchSize, Field(ge=2)] = 64
    learning_rate: Rate = 0.1
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: FractionBelowOne = 0.9
    weight_decay: NonNegative = 5e-4
    label_smoothing: FractionBelowOne = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: FractionBelowOne = 0.1
    augmentation: str = "none"
    padding: Size = 4
    gradient_clip: NonNegative = 5.0
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    compile: bool = False
    device: str = "auto"

    def __post_init__(self) -> None:
        augmentation_named(self.augmentation)
        kind, _, number = str(self.device).partition(":")
        if kind not in {"auto", "cpu", "cuda"} or (number and (kind != "cuda" or not number.isdecimal())):
            raise InvalidRequest(f"unknown device '{self.device}'", "Known: auto, cpu, cuda, cuda:0.")

    @property
    def fingerprint(self) -> str:
        """Digest of the options that results depend on: with the kind of device and the precision that "auto" stands for here.

        Compilation changes rounding only.
        """
        options = {name: value for name, value in sorted(asdict(self).items()) if name not in _WITHOUT_EFFECT}
        options |= {"device": "cuda" if self._on_gpu else "cpu", "precision": self._used_precision}
        numbers = {name: float(value) if isinstance(value, int) else value for name, value in options.items()}
        return hashlib.sha256(repr(numbers).encode()).hexdigest()[:32]

    @property
    def _on_gpu(self) -> bool:
        kind = self.device.partition(":")[0]
        return kind == "cuda" or (kind == "auto" and torch.cuda.is_available())

    @property
    def _used_precision(self) -> str:
        if self.precision != "auto":
            return self.precision
        return "bf16-mixed" if self._on_gpu and torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "32-true"

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0, of so many."""
        rising = min(1.0, (step + 1) / max(1.0, self.warmup * steps))
        falling = 0.5 * (1 + math.cos(math.pi * step / steps)) if self.schedule == "cosine" else 1.0
        return self.learning_rate * rising * falling

    def make_optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        """An optimiser of all parameters of a network."""
        if self.optimizer == "adamw":
            return torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        return torch.optim.SGD(
            network.parameters(),
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.momentum > 0,
        )

    def make_fabric(self) -> Fabric:
        """Fabric on the one device that is asked for.

        Raises:
            InvalidRequest: There is no such device.
        """
        from lightning_fabric import Fabric  # takes seconds to import
        from lightning_fabric.plugins.environments import LightningEnvironment

        gpu, number = self._on_gpu, int(self.device.partition(":")[2] or 0)
        if gpu and number >= torch.cuda.device_count():
            raise InvalidRequest(f"there is no device '{self.device}'", "Take device auto or cpu.")
        return Fabric(
            accelerator="cuda" if gpu else "cpu",
            devices=[number] if gpu else 1,
            precision=self._used_precision,  # type: ignore[arg-type]
            plugins=[LightningEnvironment()],  # a worker trains alone, whatever cluster it runs on
        )


def suggested_training(shape: DataShape) -> NetworkTraining:
    """Options that suit a kind of data; measured on the data sets that nag knows.

    Example:
        >>> from nag.evaluation import suggested_training
        >>> from nag.networks import DataShape
        >>> suggested_training(DataShape("images", 1, 10, 8, 8)).epochs
        12
    """
    if shape.kind == "graph":
        return NetworkTraining(epochs=100, optimizer="adamw", learning_rate=0.01, weight_decay=5e-4)
    return NetworkTraining()
