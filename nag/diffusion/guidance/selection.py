"""Selection of graphs without replacement, and of those that stand there already."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["repeated", "select"]


def repeated(code: Tensor, taken: Tensor | None = None) -> Tensor:
    """Which codes stand at an earlier place too, or among those taken: (B,) bool."""
    order = code.argsort(stable=True)
    found = torch.zeros_like(code, dtype=torch.bool)
    found[order[1:]] = code[order[1:]] == code[order[:-1]]
    return found if taken is None else found | torch.isin(code, taken)


def select(log_weight: Tensor, code: Tensor | None, count: int, rng: torch.Generator, taken: Tensor | None = None) -> Tensor:
    """Draws graphs without replacement with probability proportional to their weights (Gumbel top-k; Kool et al. 2019).

    Args:
        log_weight: (B,) logarithms of the weights; nan counts as minus infinity.
        code: (B,) int64; of the graphs with one code only the first is drawn while there are others. None for no codes.
        count: Number of draws, at most B.
        rng: Source of randomness.
        taken: (T,) codes that are drawn only where nothing else is left; None for none.

    Returns:
        (count,) int64 positions.

    Example:
        >>> import torch
        >>> from nag.diffusion.guidance import select
        >>> log_weight = torch.tensor([0.0, 50.0, 100.0])
        >>> select(log_weight, None, 2, torch.Generator().manual_seed(0)).sort().values
        tensor([1, 2])
    """
    u = torch.rand(log_weight.shape, generator=rng, device=log_weight.device, dtype=torch.float64)
    weight = log_weight.double().nan_to_num(nan=-math.inf, posinf=math.inf, neginf=-math.inf)
    key = weight - (-u.clamp(min=1e-300).log()).log()
    if code is not None:
        key = torch.where(repeated(code, taken), key - 1e9, key)
    return key.topk(count).indices
