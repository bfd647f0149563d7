"""One training loop, on Lightning Fabric."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from nag.errors import InvalidRequest
from nag.tracking import RunTracker
from nag.training.ema import MovingAverage
from nag.training.state import TrainState

__all__ = ["FitOptions", "FitResult", "fit", "make_fabric"]


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

    max_steps: int = 3000
    max_seconds: float | None = None
    batch_size: int = 256
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    ema_decay: float = 0.999
    save_every_seconds: float = 10.0

    def __post_init__(self) -> None:
        for name, least in (("max_steps", 0), ("batch_size", 1), ("warmup_steps", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidRequest(f"{name} is {value}", f"It must be a whole number of at least {least}.")
        for name in ("learning_rate", "gradient_clip", "ema_decay", "weight_decay", "save_every_seconds", "max_seconds"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or value < 0):
                raise InvalidRequest(f"{name} is {value}", "It must be a number of at least 0.")


@dataclass(frozen=True)
class FitResult:
    """What training gave.

    Args:
        model: The moving average, in evaluation mode.
        steps: Steps done.
        seconds: Wall seconds, over all resumed runs.
        loss: Mean loss over the last tenth of the steps that this process did (nan if it did none).
    """

    model: nn.Module
    steps: int
    seconds: float
    loss: float


def make_fabric(accelerator: str = "auto", devices: int = 1, precision: str | None = None) -> Fabric:
    """A Fabric on the given hardware: bf16 mixed precision on a GPU that has it, float32 on a CPU, unless told."""
    if precision is None:
        gpu = accelerator in {"auto", "cuda", "gpu"} and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        precision = "bf16-mixed" if gpu else "32-true"
    fabric = Fabric(accelerator=accelerator, devices=devices, precision=precision)  # type: ignore[arg-type]
    fabric.launch()
    return fabric


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
) -> FitResult:
    """Trains a module, saving its state now and then.

    All randomness of a step comes from a generator seeded by (seed, step, rank), so a resumed run equals an
    uninterrupted one to the bit on a CPU.

    Args:
        model: Module to train; its parameters must not depend on `fabric`.
        loss: (module, generator) -> loss terms, of which "loss" is minimised.
        options: Length and speed.
        fabric: Device, precision and processes.
        tracker: Gets losses and progress.
        seed: Of the run.
        state_path: Where to keep the state; None for nowhere.
        resume: Continue from `state_path` if it exists.
        identity: Digest of the configuration, checked on resume.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    model = model.to(fabric.device)
    ema = MovingAverage(model, options.ema_decay)
    state = TrainState(model, ema, optimizer, identity=identity)
    if resume and state_path is not None and state_path.is_file():
        state.load(state_path)
    wrapped, optimizer = fabric.setup(model, optimizer)
    if hasattr(model, "loss"):
        wrapped.mark_forward_method("loss")
    wrapped.train()
    started, last_save = time.monotonic() - state.seconds, time.monotonic()
    log_every = max(1, options.max_steps // 100)
    window: list[Tensor] = []
    recent: deque[Tensor] = deque(maxlen=max(1, options.max_steps // 10))
    first = state.step
    with tracker.progress(options.max_steps, "training", "steps", initial=state.step) as progress:
        while state.step < options.max_steps:
            elapsed = time.monotonic() - started
            if options.max_seconds is not None and elapsed >= options.max_seconds:
                break
            rng = torch.Generator(device=fabric.device)
            rng.manual_seed((seed * 1_000_003 + state.step) * 64 + fabric.global_rank)
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * _rate(state.step, elapsed, options)
            terms = loss(wrapped, rng)
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(terms["loss"])
            fabric.clip_gradients(wrapped, optimizer, max_norm=options.gradient_clip)
            optimizer.step()
            ema.update(model, state.step)
            state.step += 1
            window.append(terms["loss"].detach())
            recent.append(window[-1])
            progress.advance(1)
            if state.step % log_every == 0:
                mean = float(torch.stack(window).mean())
                parts = {f"train/{name}": float(value.detach()) for name, value in terms.items() if name != "loss"}
                tracker.log({"train/loss": mean, **parts}, step=state.step)
                progress.note(f"loss {mean:.4f}")
                window = []
            if state_path is not None and time.monotonic() - last_save > options.save_every_seconds:
                state.seconds = time.monotonic() - started
                if fabric.is_global_zero:
                    state.save(state_path)
                last_save = time.monotonic()
    state.seconds = time.monotonic() - started
    if state_path is not None and fabric.is_global_zero:
        state.save(state_path)
    final = list(recent)[-max(1, (state.step - first) // 10) :]
    mean_loss = float(torch.stack(final).mean()) if final else math.nan
    return FitResult(ema.module.eval(), state.step, state.seconds, mean_loss)


def _rate(step: int, elapsed: float, options: FitOptions) -> float:
    """Warm-up, then a cosine to zero over the steps or the seconds, whichever end sooner."""
    done = step / options.max_steps
    if options.max_seconds is not None:
        done = max(done, min(elapsed / options.max_seconds, 1.0))
    return min(1.0, (step + 1) / max(options.warmup_steps, 1)) * 0.5 * (1 + math.cos(math.pi * done))
