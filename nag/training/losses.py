"""The losses of a training: watched for divergence, averaged for the tracker and for the result."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from nag.core.divergence import LossWatch
from nag.training.options import FitOptions
from nag.training.processes import mean_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Losses"]


class Losses:
    """The losses of the last steps.

    Args:
        options: Length of the training, of which the last tenth is kept.
        fabric: Device and processes.
        step: Steps done before.
        before: (L,) losses of the last of these steps.
    """

    def __init__(self, options: FitOptions, fabric: Fabric, step: int, before: Tensor) -> None:
        self._fabric = fabric
        self.recent: deque[Tensor] = deque(before.to(fabric.device), maxlen=max(1, options.max_steps // 10))
        self._unseen: list[Tensor] = []
        self._terms: Mapping[str, Tensor] = {}
        self._watch = LossWatch(
            "the network", "training.learning_rate", options.learning_rate, FitOptions.learning_rate, step=step
        )

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Takes the loss terms of a step.

        Raises:
            InvalidRequest: The training diverged.
        """
        self._terms = terms
        self._unseen.append(terms["loss"].detach())
        self.recent.append(self._unseen[-1])
        if self._fabric.is_global_zero:  # which ends the others; what is not finite spreads to all with the gradients
            self._watch.see(self._unseen[-1])

    def check(self, weights: Iterable[Tensor] = ()) -> None:
        """Raises `InvalidRequest` if the training diverged."""
        if self._fabric.is_global_zero:
            self._watch.look(weights)

    def averages(self) -> dict[str, float]:
        """Mean loss since the last call, and the terms of the last step, over all processes: "loss" and the terms' names."""
        mean = mean_of(self._unseen, self._fabric)
        self._unseen = []
        return {"loss": mean, **{name: mean_of([value], self._fabric) for name, value in self._terms.items() if name != "loss"}}

    def mean(self, count: int) -> float:
        """Mean over all processes of the last losses, at most `count` of them; nan if there are none."""
        last = list(self.recent)[-count:]
        return mean_of(last, self._fabric) if last else math.nan
