"""The hardware and the processes of a run, by Lightning Fabric."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nag.core.errors import InvalidRequest, NagError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["average_gradients", "ending_together", "make_fabric", "mean_of", "share_weights"]


def make_fabric(accelerator: str = "auto", devices: int = 1, precision: str | None = None) -> Fabric:
    """A launched Fabric on the given hardware.

    With several devices the running command is started again for each further one, data parallel with one process a
    device; a script that calls this should do so before work that should happen once.

    Args:
        accelerator: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        devices: GPUs, or processes on a CPU.
        precision: Fabric's precision; None for bf16 mixed precision on a GPU that has it, float32 elsewhere.

    Raises:
        InvalidRequest: There are not so many devices.

    Example:
        >>> from nag.training import make_fabric
        >>> make_fabric("cpu").device
        device(type='cpu')
    """
    from lightning_fabric import Fabric  # takes seconds to import

    gpu = accelerator in {"auto", "cuda", "gpu"} and torch.cuda.is_available()
    if precision is None:
        precision = "bf16-mixed" if gpu and torch.cuda.is_bf16_supported() else "32-true"
    if devices == 1:
        return _launched(Fabric(accelerator=accelerator, devices=1, precision=precision))  # type: ignore[arg-type]
    there = torch.cuda.device_count() if gpu else 1 if accelerator == "mps" else devices
    if not 1 <= devices <= there:
        raise InvalidRequest(f"there are no {devices} devices", f"This machine has {there}; on a CPU: device=cpu.")
    kind = "cpu" if accelerator == "auto" and not gpu else accelerator
    return _launched(Fabric(accelerator=kind, devices=devices, strategy="ddp", precision=precision))  # type: ignore[arg-type]


def _launched(fabric: Fabric) -> Fabric:
    threads = torch.get_num_threads()  # launching several processes would change what the caller chose
    fabric.launch()
    torch.set_num_threads(threads)
    return fabric


@contextmanager
def ending_together(fabric: Fabric) -> Iterator[None]:
    """Lets no process wait for one that failed, and lets process 0 alone tell a user's mistake.

    Where process 0 fails it ends the others; where another one is interrupted or meets a mistake, process 0 does too.

    Example:
        >>> from nag.training import ending_together, make_fabric
        >>> with ending_together(make_fabric("cpu")):
        ...     print("training")
        training
    """
    try:
        yield
    except BaseException as error:
        if not fabric.is_global_zero:
            if isinstance(error, NagError | KeyboardInterrupt):
                raise SystemExit(2) from error
            raise
        others: list[subprocess.Popen[bytes]] = getattr(fabric.strategy.launcher, "procs", [])
        for process in others:
            process.kill()
        others.clear()  # or Fabric's observer would take their end for a crash and kill this process too
        raise


def share_weights(model: nn.Module, fabric: Fabric) -> None:
    """Gives the module of each process the weights of process 0."""
    if fabric.world_size > 1:
        model.load_state_dict(fabric.broadcast({name: value.cpu() for name, value in model.state_dict().items()}))


def average_gradients(model: nn.Module, fabric: Fabric) -> None:
    """Replaces each gradient by its mean over the processes, all in one message, for the networks are small.

    Parameters that the loss does not touch (a head for edges where the wiring is fixed) stay without a gradient, as in
    one process.
    """
    if fabric.world_size == 1:
        return
    own = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    mean = _over_processes(torch.cat([gradient.flatten() for gradient in own]), fabric)
    parts = mean.split([gradient.numel() for gradient in own])
    torch._foreach_copy_(own, [part.view_as(gradient) for part, gradient in zip(parts, own, strict=True)])


def mean_of(values: Sequence[Tensor], fabric: Fabric) -> float:
    """Mean of scalars over all processes."""
    return float(_over_processes(torch.stack([value.detach() for value in values]).mean(), fabric))


def _over_processes(values: Tensor, fabric: Fabric) -> Tensor:
    mean = fabric.all_reduce(values, reduce_op="mean")
    assert isinstance(mean, Tensor)
    return mean
