"""Trainings that diverge: detected by their losses and weights, reported with a learning rate to try."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest

__all__ = ["LossWatch", "all_finite", "diverged"]

_GREATEST = 1e4  # times the first loss
_BETWEEN_LOOKS = 25


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no tensor of floating-point numbers holds nan or infinity."""
    norms = [tensor.detach().abs().amax() for tensor in tensors if tensor.is_floating_point() and tensor.numel()]
    return not norms or all(bool(torch.isfinite(norm)) for norm in norms)


def diverged(step: int, what: str, option: str, rate: float, usual: float) -> InvalidRequest:
    """The error of a training that diverged.

    Args:
        step: The first step at which it was seen, from 1.
        what: What is being trained.
        option: Name of the learning rate on the command line.
        rate: The learning rate.
        usual: A learning rate that serves in most cases.
    """
    lower = min(rate / 10, usual)
    return InvalidRequest(f"training {what} diverged at step {step} with {option}={rate:g}", f"Use {option}={lower:g} or less.")


class LossWatch:
    """Notices a training that diverges, and waits for the device only now and then.

    A training has diverged if its loss is not finite or more than 10,000 times the first, or if a weight is not finite.

    Args:
        what: What is being trained.
        option: Name of the learning rate on the command line.
        rate: The learning rate.
        usual: A learning rate that serves in most cases.
        first: Loss of the first step, where it was seen before.
        step: Steps done before.
    """

    def __init__(self, what: str, option: str, rate: float, usual: float, first: Tensor | None = None, step: int = 0) -> None:
        self.what, self.option, self.rate, self.usual = what, option, rate, usual
        self.first, self.step = first, step
        self._unseen: list[Tensor] = []

    def see(self, loss: Tensor) -> None:
        """Takes the loss of the next step, and looks at the last ones after every 25.

        Raises:
            InvalidRequest: The training diverged.
        """
        loss = loss.detach()
        self.first = loss if self.first is None else self.first
        self._unseen.append(loss)
        self.step += 1
        if len(self._unseen) >= _BETWEEN_LOOKS:
            self.look()

    def look(self, weights: Iterable[Tensor] = ()) -> None:
        """Looks at the losses since the last look, and at weights.

        Raises:
            InvalidRequest: The training diverged.
        """
        if self._unseen and self.first is not None:
            losses = torch.stack(self._unseen).double()
            bound = _GREATEST * self.first.double().abs().clamp(min=1e-3)
            bad = ~(losses.abs() <= bound)  # nan is not
            if bool(bad.any()):
                earlier = self.step - len(self._unseen)
                raise diverged(earlier + int(bad.int().argmax()) + 1, self.what, self.option, self.rate, self.usual)
            self._unseen = []
        if not all_finite(weights):
            raise diverged(self.step, self.what, self.option, self.rate, self.usual)
