"""Compiled denoisers: fewer and larger kernels, CUDA graphs and bf16 on a GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from nag.diffusion.generator import Generator
from nag.errors import InvalidRequest

__all__ = ["accelerate"]


class _HalfPrecision(nn.Module):
    """Evaluates a module in bf16 where that is safe, and lets CUDA graphs know that a step begins."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            return self.module(*args)


def accelerate(generator: Generator) -> Generator:
    """Compiles the denoiser of a trained generator, for sampling only.

    On a GPU the compiled network is recorded as CUDA graphs and runs in bf16 where the GPU has it; on a CPU it is compiled in
    float32. Compiling takes up to a minute for each shape of a batch, so it pays from some tens of thousands of samples on.

    Args:
        generator: A generator with a network; it is changed in place and returned.

    Raises:
        InvalidRequest: The generator has no network.
    """
    denoiser = getattr(generator, "denoiser", None)
    if not isinstance(denoiser, nn.Module):
        raise InvalidRequest("this generator has no network to compile", "Set compile=false.")
    on_gpu = generator.sizes.device.type == "cuda"
    compiled: Any = torch.compile(denoiser, mode="reduce-overhead" if on_gpu else None, dynamic=False)
    half = on_gpu and torch.cuda.is_bf16_supported()
    generator.denoiser = _HalfPrecision(compiled) if half else compiled
    return generator
