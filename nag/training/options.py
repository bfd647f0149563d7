"""How long and how fast to train."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nag.core.errors import InvalidRequest
from nag.core.numbers import BatchSize, FractionBelowOne, NonNegative, Positive, Rate, Size
from nag.core.signatures import checked

__all__ = ["FitOptions"]


@checked
@dataclass(frozen=True)
class FitOptions:
    """How long and how fast to train.

    Args:
        max_steps: Optimiser steps.
        max_seconds: Wall seconds after which training ends early (the learning rate follows whichever is nearer);
            None for no limit. With a limit, the number of steps depends on the machine.
        batch_size: Examples a step, over all processes.
        learning_rate: Peak learning rate of AdamW.
        warmup_steps: Steps of linear warm-up; a cosine to zero follows.
        weight_decay: Of AdamW.
        gradient_clip: Greatest gradient norm.
        ema_decay: Decay of the moving average, reached after a warm-up.
        save_every_seconds: Time between saved states.

    Example:
        >>> from nag.training import FitOptions
        >>> options = FitOptions(max_steps=100, warmup_steps=10, learning_rate=1e-2)
        >>> [round(options.rate(step, elapsed=0.0), 4) for step in (4, 9, 99)]
        [0.005, 0.0098, 0.0]
    """

    max_steps: Size = 3000
    max_seconds: Positive | None = None
    batch_size: BatchSize = 256
    learning_rate: Rate = 2e-3
    warmup_steps: Size = 100
    weight_decay: NonNegative = 0.0
    gradient_clip: Positive = 1.0
    ema_decay: FractionBelowOne = 0.999
    save_every_seconds: NonNegative = 10.0

    def check_processes(self, count: int) -> None:
        """Raises `InvalidRequest` unless a step's examples can be shared equally among `count` processes."""
        if self.batch_size % count:
            raise InvalidRequest(
                f"a batch_size of {self.batch_size} cannot be shared by {count} processes", "Choose a multiple of devices."
            )

    def rate(self, step: int, elapsed: float) -> float:
        """The learning rate: warm-up, then a cosine to zero over the steps or the seconds, whichever end sooner."""
        done = step / self.max_steps
        if self.max_seconds is not None:
            done = max(done, min(elapsed / self.max_seconds, 1.0))
        return self.learning_rate * (min(1.0, (step + 1) / max(self.warmup_steps, 1)) * 0.5 * (1 + math.cos(math.pi * done)))
