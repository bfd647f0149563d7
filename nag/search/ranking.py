"""A total order of what was observed: one objective or several, under limits."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["crowding", "fronts", "ranks"]


def fronts(values: Tensor) -> Tensor:
    """Number of the front that each point lies on, 0 for those that nothing dominates (Deb et al. 2002, section III-A).

    Args:
        values: (n, D), higher being better, finite or infinite.

    Returns:
        (n,) int64.
    """
    first, second = values.unsqueeze(1), values.unsqueeze(0)
    dominates = (first >= second).all(2) & (first > second).any(2)
    found = torch.full((len(values),), -1, dtype=torch.int64)
    left = torch.ones(len(values), dtype=torch.bool)
    for number in range(len(values)):
        best = left & ~(dominates & left.unsqueeze(1)).any(0)
        found[best] = number
        left = left & ~best
        if not left.any():
            break
    return found


def crowding(values: Tensor) -> Tensor:
    """Crowding distance of the points of one front: how far the neighbours in each objective are apart (Deb et al. 2002).

    Args:
        values: (n, D).

    Returns:
        (n,) float64, inf at the ends of the front.
    """
    total = torch.zeros(len(values), dtype=torch.float64)
    for column in values.double().T:
        order = column.argsort(stable=True)
        ordered = column[order]
        width = ordered[-1] - ordered[0]
        gap = torch.full_like(ordered, torch.inf)
        if len(ordered) > 2 and width > 0:
            gap[1:-1] = (ordered[2:] - ordered[:-2]) / width
        total[order] += gap
    return total


def ranks(values: Tensor, violation: Tensor) -> Tensor:
    """Places of observations, 0 for the best; equals share a place.

    What is feasible stands before what is not, which is ordered by its violation (Deb 2000). Feasible points are ordered by
    their only objective, or by the front that they lie on and, within it, by decreasing crowding distance.

    Args:
        values: (n, D), higher being better.
        violation: (n,), 0 for feasible points, inf for failed evaluations.

    Returns:
        (n,) int64, the number of places before each.
    """
    good = (violation == 0).nonzero().flatten()
    first = torch.full((len(values),), torch.inf, dtype=torch.float64)
    second = violation.double().clone()
    if values.shape[1] == 1:
        first[good], second[good] = -values[good, 0].double(), 0.0
    elif len(good):
        number = fronts(values[good])
        first[good] = number.double()
        for k in number.unique().tolist():
            members = good[number == k]
            second[members] = -crowding(values[members])
    place = torch.stack([first, second], 1).unique(dim=0, return_inverse=True)[1]
    return place
