"""Targets of a surrogate from a history: one number per observation, for any objective."""

from __future__ import annotations

import torch
from torch import Tensor

from nag.core.pareto import chebyshev
from nag.predictors import NormalScores
from nag.search.history import History

__all__ = ["targets_of"]

_IDEAL = 3.0


def targets_of(history: History, rng: torch.Generator) -> Tensor:
    """Normal scores of how good each observation is, higher being better.

    Several objectives are made one by the augmented Chebyshev scalarisation of their normal scores under weights that are drawn
    anew each time, so that the queries of a search spread over the front (ParEGO; Knowles 2006). What breaks a limit
    comes after all that keeps them, the further the more it does so, and failures come last (Deb 2000).

    Args:
        history: n observations.
        rng: Source of the weights, on the CPU.

    Returns:
        (n,) float64.
    """
    values, good = history.values, history.violation == 0
    utility = torch.zeros(len(history), dtype=torch.float64)
    if values.shape[1] == 1:
        utility[good] = values[good, 0]
    elif bool(good.any()):
        scores = torch.stack([NormalScores().fit(column) for column in values[good].T], 1)
        weights = -torch.rand(values.shape[1], generator=rng, dtype=torch.float64).clamp(min=1e-12).log()
        utility[good] = chebyshev(scores, weights / weights.sum(), _IDEAL)
    keys = torch.stack([torch.where(good, 0.0, -history.violation), torch.where(good, utility, 0.0)], 1)
    return NormalScores().fit(keys.unique(dim=0, return_inverse=True)[1])
