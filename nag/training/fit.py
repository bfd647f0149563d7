"""One training loop, on Lightning Fabric."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nag.tracking import NullTracker, Progress, RunTracker
from nag.training.ema import MovingAverage
from nag.training.losses import Losses
from nag.training.options import FitOptions
from nag.training.processes import average_gradients, share_weights
from nag.training.state import SavedTraining, TrainState

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["FitResult", "Loss", "fit"]

Loss = Callable[[nn.Module, torch.Generator], dict[str, Tensor]]
"""(module, generator) -> loss terms, of which "loss" is minimised."""

_NOT_SAVED = SavedTraining()
_STEPS_BETWEEN_CLOCKS = 10


@dataclass(frozen=True)
class FitResult:
    """What training gave.

    Args:
        model: The moving average, in evaluation mode.
        steps: Steps done.
        seconds: Wall seconds, over all resumed runs.
        loss: Mean loss over the last tenth of all steps, over all resumed runs (nan if there were none).

    Example:
        >>> from torch import nn
        >>> from nag.training import FitResult
        >>> FitResult(nn.Linear(1, 1), steps=100, seconds=2.0, loss=0.5).loss
        0.5
    """

    model: nn.Module
    steps: int
    seconds: float
    loss: float


def fit(
    model: nn.Module,
    loss: Loss,
    options: FitOptions,
    fabric: Fabric,
    tracker: RunTracker,
    seed: int,
    saved: SavedTraining = _NOT_SAVED,
    begin: Callable[[int], None] = lambda step: None,
) -> FitResult:
    """Trains a module, saving its state now and then.

    All randomness of a step comes from a generator seeded by (seed, step), so a resumed run equals an uninterrupted one
    to the bit on a CPU. Several processes get the same numbers: each draws the whole batch and gives the mean loss of
    its equal share of it, so that the average of their gradients is the gradient of one process, but for the order of
    summation. Only process 0 reads or writes the state and tracks.

    Args:
        model: Module to train; its parameters must not depend on `fabric`.
        loss: Gives the loss terms of a step; with several processes, of the rows `[rank::number]` of the batch.
        options: Length and speed.
        fabric: Device, precision and processes.
        tracker: Gets losses and progress.
        seed: Of the run.
        saved: Where to keep the state, and whether to continue from it.
        begin: Called by each process before its first step, with the number of steps done before.

    Raises:
        InvalidRequest: The batch cannot be shared equally, the state is of another run, or the training diverges; a state
            that is not finite is never saved.
        DamagedFile: The state cannot be read.

    Example:
        >>> from functools import partial
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator
        >>> from nag.spaces import load_space, sample_uniform
        >>> from nag.tracking import NullTracker
        >>> from nag.training import FitOptions, fit, make_fabric
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> model = DiscreteGenerator(space, data, width=8, layers=1, heads=2)
        >>> def loss(model, rng):
        ...     return {"loss": model.loss(data, rng).total}
        >>> result = fit(model, loss, FitOptions(max_steps=2), make_fabric("cpu"), NullTracker(), seed=0)
        >>> result.steps
        2
    """
    options.check_processes(fabric.world_size)
    tracker = tracker if fabric.is_global_zero else NullTracker()
    if not any(True for _ in model.parameters()):  # a generator without a network
        return FitResult(model.to(fabric.device).eval(), 0, 0.0, math.nan)
    training = _Training(model, options, fabric, saved)
    begin(training.state.step)
    with tracker.progress(options.max_steps, "training", "steps", initial=training.state.step) as progress:
        while training.goes_on():
            training.step(loss, seed)
            progress.advance(1)
            training.log_now_and_then(tracker, progress)
            training.save_now_and_then()
    return training.end()


class _Training:
    """A training that is under way.

    Args:
        model: The module.
        options: Length and speed.
        fabric: Device, precision and processes.
        saved: Where the state is kept.
    """

    def __init__(self, model: nn.Module, options: FitOptions, fabric: Fabric, saved: SavedTraining) -> None:
        self.options, self.fabric, self.saved = options, fabric, saved
        optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
        model = model.to(fabric.device)
        share_weights(model, fabric)  # processes start alike even if a caller's random initial weights are not
        self.state = TrainState(model, MovingAverage(model, options.ema_decay), optimizer, identity=saved.identity)
        self._continue()
        stepper = fabric.setup_optimizers(optimizer)
        assert not isinstance(stepper, tuple)
        self._stepper, self.model = stepper, model.train()
        self.losses = Losses(options, fabric, self.state.step, self.state.losses)
        self._first, self._elapsed = self.state.step, self.state.seconds
        self._started, self._last_save = time.monotonic() - self.state.seconds, time.monotonic()

    def _continue(self) -> None:
        """Takes up the saved state, which process 0 reads."""
        if not self.saved.resume or self.saved.path is None:
            return
        path = self.saved.found if self.fabric.is_global_zero else None
        found = self.fabric.broadcast(None if path is None else self.state.read(path))
        if found is not None:
            self.state.restore(found, self.saved.path)

    def goes_on(self) -> bool:
        """Whether a step is left, and time for it."""
        if self.state.step >= self.options.max_steps or self.options.max_seconds is None:
            return self.state.step < self.options.max_steps
        self._elapsed = self._agreed_seconds()
        return self._elapsed < self.options.max_seconds

    def _agreed_seconds(self) -> float:
        """Seconds since the start; several processes take those of process 0, asked now and then, so that all stop together."""
        seconds = time.monotonic() - self._started
        if self.fabric.world_size == 1:
            return seconds
        asks = (self.state.step - self._first) % _STEPS_BETWEEN_CLOCKS == 0
        return float(self.fabric.broadcast(seconds)) if asks else self._elapsed

    def step(self, loss: Loss, seed: int) -> None:
        """One step of the optimiser."""
        rng = torch.Generator(device=self.fabric.device)
        rng.manual_seed((seed * 1_000_003 + self.state.step) * 64)
        for group in self._stepper.param_groups:
            group["lr"] = self.options.rate(self.state.step, self._elapsed)
        with self.fabric.autocast():
            terms = loss(self.model, rng)
        self._stepper.zero_grad(set_to_none=True)
        self.fabric.backward(terms["loss"])
        average_gradients(self.model, self.fabric)
        # Fabric's own check for finite gradients would wait for the device in every step.
        self.fabric.clip_gradients(self.model, self._stepper, max_norm=self.options.gradient_clip, error_if_nonfinite=False)
        self._stepper.step()
        self.state.ema.update(self.model, self.state.step)
        self.state.step += 1
        self.losses.add(terms)

    def log_now_and_then(self, tracker: RunTracker, progress: Progress) -> None:
        """Tells losses after every hundredth of the steps."""
        if self.state.step % max(1, self.options.max_steps // 100):
            return
        self.losses.check()
        means = self.losses.averages()
        tracker.log({f"train/{name}": value for name, value in means.items()}, step=self.state.step)
        progress.note(f"loss {means['loss']:.4f}")

    def save_now_and_then(self) -> None:
        """Saves the state if it is time for it."""
        if self.saved.path is not None and time.monotonic() - self._last_save > self.options.save_every_seconds:
            self._save()
            self._last_save = time.monotonic()

    def _save(self) -> None:
        self.losses.check(self.model.parameters())
        self.state.record(self.losses.recent, time.monotonic() - self._started)
        if self.saved.path is not None and self.fabric.is_global_zero:
            self.state.save(self.saved.path)

    def end(self) -> FitResult:
        """Saves the last state; the result is the moving average."""
        self._save()
        loss = self.losses.mean(max(1, self.state.step // 10))
        return FitResult(self.state.ema.module.eval(), self.state.step, self.state.seconds, loss)
