"""One training loop, on Lightning Fabric."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from nag.core.divergence import LossWatch
from nag.core.errors import InvalidRequest
from nag.core.numbers import BatchSize, FractionBelowOne, NonNegative, Positive, Rate, Size
from nag.core.signatures import checked
from nag.tracking import NullTracker, RunTracker
from nag.training.ema import MovingAverage
from nag.training.state import TrainState

__all__ = ["FitOptions", "FitResult", "fit"]

_STEPS_BETWEEN_CLOCKS = 10


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


@dataclass(frozen=True)
class FitResult:
    """What training gave.

    Args:
        model: The moving average, in evaluation mode.
        steps: Steps done.
        seconds: Wall seconds, over all resumed runs.
        loss: Mean loss over the last tenth of all steps, over all resumed runs (nan if there were none).
    """

    model: nn.Module
    steps: int
    seconds: float
    loss: float


def fit(
    model: nn.Module,
    loss: Callable[[nn.Module, torch.Generator], dict[str, Tensor]],
    options: FitOptions,
    fabric: Fabric,
    tracker: RunTracker,
    seed: int,
    state_path: Path | None = None,
    resume: bool = False,
    identity: str = "",
    begin: Callable[[int], None] = lambda step: None,
) -> FitResult:
    """Trains a module, saving its state now and then.

    All randomness of a step comes from a generator seeded by (seed, step), so a resumed run equals an uninterrupted one
    to the bit on a CPU. Several processes get the same numbers: each draws the whole batch and gives the mean loss of
    its equal share of it, so that the average of their gradients is the gradient of one process, but for the order of
    summation. Only process 0 reads or writes the state and tracks.

    Args:
        model: Module to train; its parameters must not depend on `fabric`.
        loss: (module, generator) -> loss terms, of which "loss" is minimised; with several processes, of the rows
            `[rank::number]` of the batch.
        options: Length and speed.
        fabric: Device, precision and processes.
        tracker: Gets losses and progress.
        seed: Of the run.
        state_path: Where to keep the state; None for nowhere.
        resume: Continue from `state_path` if it exists.
        identity: Digest of the configuration, checked on resume.
        begin: Called by each process before its first step, with the number of steps done before.

    Raises:
        InvalidRequest: The batch cannot be shared equally, the state is of another run, or the training diverges; a state
            that is not finite is never saved.
        DamagedFile: The state cannot be read.
    """
    options.check_processes(fabric.world_size)
    tracker = tracker if fabric.is_global_zero else NullTracker()
    if not any(True for _ in model.parameters()):  # a generator without a network
        return FitResult(model.to(fabric.device).eval(), 0, 0.0, math.nan)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    model = model.to(fabric.device)
    if fabric.world_size > 1:  # they start alike even if a caller's random initial weights are not
        model.load_state_dict(fabric.broadcast({name: value.cpu() for name, value in model.state_dict().items()}))
    ema = MovingAverage(model, options.ema_decay)
    state = TrainState(model, ema, optimizer, identity=identity)
    if resume and state_path is not None:
        found = fabric.is_global_zero and state_path.is_file()
        saved = fabric.broadcast(state.read(state_path) if found else None)
        if saved is not None:
            state.restore(saved, state_path)
    stepper = fabric.setup_optimizers(optimizer)
    assert not isinstance(stepper, tuple)
    model.train()
    started, last_save = time.monotonic() - state.seconds, time.monotonic()
    log_every = max(1, options.max_steps // 100)
    window: list[Tensor] = []
    recent: deque[Tensor] = deque(state.losses.to(fabric.device), maxlen=max(1, options.max_steps // 10))
    watch = LossWatch("the network", "training.learning_rate", options.learning_rate, FitOptions.learning_rate, step=state.step)
    first, elapsed = state.step, state.seconds
    begin(first)
    with tracker.progress(options.max_steps, "training", "steps", initial=state.step) as progress:
        while state.step < options.max_steps:
            if options.max_seconds is not None:
                elapsed = _agreed(elapsed, started, state.step - first, fabric)
                if elapsed >= options.max_seconds:
                    break
            rng = torch.Generator(device=fabric.device)
            rng.manual_seed((seed * 1_000_003 + state.step) * 64)
            for group in stepper.param_groups:
                group["lr"] = options.learning_rate * _rate(state.step, elapsed, options)
            with fabric.autocast():
                terms = loss(model, rng)
            stepper.zero_grad(set_to_none=True)
            fabric.backward(terms["loss"])
            if fabric.world_size > 1:
                _average_gradients(model, fabric)
            # Fabric's own check for finite gradients would wait for the device in every step.
            fabric.clip_gradients(model, stepper, max_norm=options.gradient_clip, error_if_nonfinite=False)
            stepper.step()
            ema.update(model, state.step)
            state.step += 1
            window.append(terms["loss"].detach())
            recent.append(window[-1])
            if fabric.is_global_zero:  # which ends the others; what is not finite spreads to all with the gradients
                watch.see(window[-1])
            progress.advance(1)
            if state.step % log_every == 0:
                if fabric.is_global_zero:
                    watch.look()
                mean = _mean(window, fabric)
                parts = {f"train/{name}": _mean([value], fabric) for name, value in terms.items() if name != "loss"}
                tracker.log({"train/loss": mean, **parts}, step=state.step)
                progress.note(f"loss {mean:.4f}")
                window = []
            if state_path is not None and time.monotonic() - last_save > options.save_every_seconds:
                if fabric.is_global_zero:
                    watch.look(model.parameters())
                state.record(recent, time.monotonic() - started)
                if fabric.is_global_zero:
                    state.save(state_path)
                last_save = time.monotonic()
    if fabric.is_global_zero:
        watch.look(model.parameters())
    state.record(recent, time.monotonic() - started)
    if state_path is not None and fabric.is_global_zero:
        state.save(state_path)
    final = list(recent)[-max(1, state.step // 10) :]
    mean_loss = _mean(final, fabric) if final else math.nan
    return FitResult(ema.module.eval(), state.step, state.seconds, mean_loss)


def _average_gradients(model: nn.Module, fabric: Fabric) -> None:
    """Replaces each gradient by its mean over the processes, all in one message, for the networks are small.

    Parameters that the loss does not touch (a head for edges where the wiring is fixed) stay without a gradient, as in
    one process.
    """
    own = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    mean = _over_processes(torch.cat([gradient.flatten() for gradient in own]), fabric)
    parts = mean.split([gradient.numel() for gradient in own])
    torch._foreach_copy_(own, [part.view_as(gradient) for part, gradient in zip(parts, own, strict=True)])


def _agreed(elapsed: float, started: float, done: int, fabric: Fabric) -> float:
    """Seconds since the start; several processes take those of process 0, asked for now and then, so that all stop together."""
    if fabric.world_size == 1:
        return time.monotonic() - started
    return elapsed if done % _STEPS_BETWEEN_CLOCKS else float(fabric.broadcast(time.monotonic() - started))


def _mean(values: Sequence[Tensor], fabric: Fabric) -> float:
    """Mean of scalars over all processes."""
    return float(_over_processes(torch.stack([value.detach() for value in values]).mean(), fabric))


def _over_processes(values: Tensor, fabric: Fabric) -> Tensor:
    mean = fabric.all_reduce(values, reduce_op="mean")
    assert isinstance(mean, Tensor)
    return mean


def _rate(step: int, elapsed: float, options: FitOptions) -> float:
    """Warm-up, then a cosine to zero over the steps or the seconds, whichever end sooner."""
    done = step / options.max_steps
    if options.max_seconds is not None:
        done = max(done, min(elapsed / options.max_seconds, 1.0))
    return min(1.0, (step + 1) / max(options.warmup_steps, 1)) * 0.5 * (1 + math.cos(math.pi * done))
