"""Several proxies as one: by ranks, as raw values have tails of many decades."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.predictors.normal_scores import NormalScores
from nag.predictors.proxies import worst_if_infinite

__all__ = ["combined_scores", "rank_scores"]


def rank_scores(values: Tensor) -> Tensor:
    """Normal scores of the ranks of each proxy (van der Waerden); equal values get equal scores.

    Args:
        values: (n, P) scores of n networks by P proxies; an infinity of either sign is the worst, nan counts as the middle.

    Returns:
        (n, P) float64, finite.

    Raises:
        InvalidRequest: Not two dimensions, or no networks.

    Example:
        >>> import torch
        >>> from nag.predictors import rank_scores
        >>> rank_scores(torch.tensor([[1.0], [float("-inf")], [2.0]])).round(decimals=2).T
        tensor([[ 0.0000, -0.9700,  0.9700]], dtype=torch.float64)
    """
    if values.ndim != 2 or not len(values):
        raise InvalidRequest(f"scores have the shape {tuple(values.shape)}", "Give one row a network and one column a proxy.")
    found = torch.zeros(values.shape, dtype=torch.float64)
    for column, value in enumerate(values.double().cpu().T):
        known = ~value.isnan()
        if known.any():
            # unique ranks rather than values: the distance of extreme values overflows
            _, rank = torch.unique(worst_if_infinite(value[known]), return_inverse=True)
            found[known, column] = NormalScores().fit(rank)
    return found


def combined_scores(values: Tensor) -> Tensor:
    """Mean over proxies of their normal scores: (n, P) scores to (n,) float64, as in `rank_scores`.

    Example:
        >>> import torch
        >>> from nag.predictors import combined_scores
        >>> combined_scores(torch.tensor([[1.0, 10.0], [2.0, 1e9], [3.0, 20.0]])).argsort()
        tensor([0, 1, 2])
    """
    scores = rank_scores(values)
    return scores.mean(1) if scores.shape[1] else torch.full((len(values),), math.nan, dtype=torch.float64)
