"""Roofline model of a device: a lower bound on the time of a computation from its operations and memory traffic."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Roofline", "count_flops", "measure_roofline", "parameter_bytes", "seconds_of"]

_SIDE, _BYTES = 2048, 1 << 28


@dataclass(frozen=True)
class Roofline:
    """Measured peak rates of a device (Williams et al. 2009).

    Args:
        flops: Floating-point operations per second of a large matrix product.
        bandwidth: Bytes per second of a large copy (read and written).
    """

    flops: float
    bandwidth: float

    def floor(self, flops: float, moved: float) -> float:
        """Lower bound in seconds for a number of operations and of bytes moved."""
        return max(flops / self.flops, moved / self.bandwidth)


def seconds_of(work: Callable[[], object], device: torch.device, repeats: int = 3) -> float:
    """Median wall seconds of a function after one warm-up run, synchronised with the device."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    work()
    found = []
    for _ in range(repeats):
        wait()
        start = time.perf_counter()
        work()
        wait()
        found.append(time.perf_counter() - start)
    return sorted(found)[len(found) // 2]


def measure_roofline(device: torch.device, dtype: torch.dtype = torch.float32) -> Roofline:
    """Measures both rates; `dtype` is that of the matrix product."""
    side = _SIDE if device.type == "cpu" else 4 * _SIDE
    a, b = torch.randn(2, side, side, device=device).to(dtype)
    size = _BYTES if device.type == "cpu" else 8 * _BYTES
    source = torch.zeros(size // 4, device=device)
    target = torch.empty_like(source)
    product = seconds_of(lambda: a @ b, device)
    copy = seconds_of(lambda: target.copy_(source), device)
    return Roofline(2 * side**3 / product, 2 * size / copy)


def count_flops(work: Callable[[], object]) -> float:
    """Floating-point operations of the matrix products in a function."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def parameter_bytes(module: nn.Module) -> float:
    """Bytes of a module's parameters, which each evaluation reads at least once."""
    return float(sum(p.numel() * p.element_size() for p in module.parameters()))
