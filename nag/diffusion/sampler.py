"""Samplers: functions from noise to graphs, for any denoiser."""

from __future__ import annotations

from collections.abc import Callable

import torch

from nag.diffusion.chains import AncestralChain, Denoise, UnmaskingChain, simulate
from nag.diffusion.process import DiscreteProcess
from nag.graphs import GraphBatch

__all__ = ["sample_ancestral", "sample_unmasking"]


def sample_ancestral(
    denoise: Denoise,
    process: DiscreteProcess,
    x_t: GraphBatch,
    steps: int,
    rng: torch.Generator,
    on_step: Callable[[], None] = lambda: None,
    start: float = 1.0,
) -> GraphBatch:
    """Samples the posterior at equally spaced times from `start` to 0 (see `AncestralChain`)."""
    return simulate(AncestralChain(denoise, process, steps, start), x_t, rng, on_step=on_step)


def sample_unmasking(
    denoise: Denoise,
    process: DiscreteProcess,
    x_t: GraphBatch,
    steps: int | None,
    rng: torch.Generator,
    order: str = "settling",
    on_step: Callable[[], None] = lambda: None,
) -> GraphBatch:
    """Unmasks positions one after the other, or several at once in fewer `steps` (see `UnmaskingChain`)."""
    return simulate(UnmaskingChain(denoise, process, steps, order), x_t, rng, on_step=on_step)
