"""Compiled denoisers: fewer and larger kernels, CUDA graphs and bf16 on a GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nag.core.errors import InvalidRequest
from nag.diffusion.generator import Generator
from nag.nn import GraphLogits

__all__ = ["accelerate"]

_ROWS = 2048  # graphs that samplers evaluate at a time


class _Compiled(nn.Module):
    """A compiled denoiser for batches of any size.

    Each shape of a batch is compiled, and recorded as a CUDA graph, on its own, which takes much longer than an evaluation.
    Where all batches have one width, their rows are therefore padded, to 2,048 or else to a power of two; where widths
    differ, one program with symbolic shapes serves all.

    Args:
        denoiser: The network; it takes what `DagTransformer` takes.
        device: Where it is.
        one_width: Whether all batches are padded to one number of nodes.
    """

    def __init__(self, denoiser: nn.Module, device: torch.device, one_width: bool) -> None:
        super().__init__()
        self.one_width = one_width
        self.graphs = device.type == "cuda" and one_width
        self.in_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        mode = "reduce-overhead" if self.graphs else None
        self.network: Any = torch.compile(denoiser, mode=mode, dynamic=not one_width)

    def forward(
        self,
        nodes: Tensor,
        edges: Tensor,
        mask: Tensor,
        t: Tensor,
        condition: Tensor | None = None,
        pairs: tuple[Tensor, Tensor] | None = None,
    ) -> GraphLogits:
        """Logits of the clean graph; arguments as in `DagTransformer`."""
        count = len(nodes)
        extra = max(_ROWS, 1 << (count - 1).bit_length()) - count if self.one_width else 0
        inputs = [_padded(x, extra) for x in (nodes, edges, mask, t)]
        padded = None if condition is None else _padded(condition, extra)
        if self.graphs:
            torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(nodes.device.type, dtype=torch.bfloat16, enabled=self.in_bf16):
            logits = self.network(*inputs, padded, pairs)
        # A CUDA graph writes all its outputs to the same memory, so what is kept has to be copied.
        return GraphLogits(logits.nodes[:count].clone(), logits.edges[:count].clone())


def _padded(x: Tensor, extra: int) -> Tensor:
    """With the last row repeated: (B, ...) to (B + extra, ...)."""
    return torch.cat([x, x[-1:].expand(extra, *x.shape[1:])]) if extra else x


def accelerate(generator: Generator) -> Generator:
    """Compiles the denoiser of a trained generator, for sampling only.

    On a GPU the compiled network runs in bf16 where the GPU has it, and is recorded as CUDA graphs in spaces of small
    architectures; on a CPU it is compiled in float32. Compiling takes up to a minute, so it pays from some tens of
    thousands of samples on.

    Args:
        generator: A generator with a network; it is changed in place and returned.

    Raises:
        InvalidRequest: The generator has no network.

    Example:
        >>> from nag.diffusion import UniformGenerator, accelerate
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> accelerate(UniformGenerator(space, sample_uniform(space, 20, seed=0)))  # nothing to compile
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidRequest: this generator has no network to compile. Set compile=false.
    """
    denoiser = getattr(generator, "denoiser", None)
    if not isinstance(denoiser, nn.Module):
        raise InvalidRequest("this generator has no network to compile", "Set compile=false.")
    generator.denoiser = _Compiled(denoiser, generator.sizes.device, generator.one_width)
    return generator
