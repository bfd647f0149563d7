"""Several objectives at once: Pareto fronts and ranks, hypervolume, weights that spread over a front, scalarisation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest

__all__ = ["chebyshev", "crowding", "front", "front_numbers", "hypervolume", "ranks", "spread_weights"]


def spread_weights(count: int, directions: int) -> Tensor:
    """Weights spread evenly over the simplex, each direction alone among the first.

    Two directions get equal steps; more get Sobol points, carried to the simplex by breaking sticks so that they are
    uniform there (Devroye 1986).

    Args:
        count: Number of weight vectors.
        directions: D, at least 2.

    Returns:
        (count, D) float64, rows of sum 1.

    Raises:
        InvalidRequest: `count` is below 1 or there are fewer than 2 directions.
    """
    if count < 1 or directions < 2:
        raise InvalidRequest(f"{count} weights of {directions} directions", "A front takes 2 directions and 1 sample.")
    corners = torch.eye(directions, dtype=torch.float64)[:count]
    inner = count - len(corners)
    if directions == 2:
        u = (torch.arange(inner, dtype=torch.float64) + 1).unsqueeze(1) / (inner + 1)
    else:
        u = torch.quasirandom.SobolEngine(directions - 1).draw(inner + 1, dtype=torch.float64)[1:]
    left = u ** (1 / torch.arange(directions - 1, 0, -1, dtype=torch.float64))  # of the stick, after each break
    ends = u.new_ones(inner, 1)
    return torch.cat([corners, -torch.cat([ends, left.cumprod(1), ends * 0], 1).diff(dim=1)])


def chebyshev(values: Tensor, weights: Tensor, ideal: float, augmentation: float = 0.05) -> Tensor:
    """Augmented weighted Chebyshev scalarisation (Miettinen 1999, section 3.4), negated so that higher is better.

    Its maximum is Pareto optimal, and every properly Pareto optimal point is the maximum for some weights, on concave
    parts of a front too.

    Args:
        values: (..., D), higher being better, in comparable units.
        weights: (..., D), broadcast against `values`.
        ideal: A value that none exceeds by much, in each direction.
        augmentation: Weight of the sum of all distances; what tells weakly dominated points apart.

    Returns:
        (...) scores, 0 at the ideal point.
    """
    distance = ideal - values
    return -(weights * distance).amax(-1) - augmentation * distance.sum(-1)


def front(values: Tensor) -> Tensor:
    """Which points no other point dominates; equal points count alike (computed by moocore).

    Args:
        values: (P, D), higher being better.

    Returns:
        (P,) bool on the device of `values`.

    Example:
        >>> import torch
        >>> from nag.core.pareto import front
        >>> front(torch.tensor([[1.0, 3.0], [2.0, 2.0], [1.0, 1.0]]))
        tensor([ True,  True, False])
    """
    if not len(values):
        return torch.zeros(0, dtype=torch.bool, device=values.device)
    import moocore  # type: ignore[import-untyped]  # takes a tenth of a second, and few runs need it

    mask = moocore.is_nondominated(values.double().cpu().numpy(), maximise=True, keep_weakly=True)
    return torch.from_numpy(np.asarray(mask, dtype=bool)).to(values.device)


def front_numbers(values: Tensor) -> Tensor:
    """Number of the front that each point lies on, 0 for those that nothing dominates (Deb et al. 2002; computed by moocore).

    Args:
        values: (P, D), higher being better, finite or infinite.

    Returns:
        (P,) int64 on the device of `values`.
    """
    if not len(values):
        return torch.zeros(0, dtype=torch.int64, device=values.device)
    import moocore  # takes a tenth of a second, and few runs need it

    found = moocore.pareto_rank(values.double().cpu().numpy(), maximise=True)
    return torch.from_numpy(np.asarray(found, dtype=np.int64)).to(values.device)


def hypervolume(values: Tensor, reference: Tensor) -> float:
    """Volume that points dominate above a reference point (Zitzler and Thiele 1998; computed exactly by moocore).

    Args:
        values: (P, D), higher being better.
        reference: (D,), the worst values that count.

    Example:
        >>> import torch
        >>> from nag.core.pareto import hypervolume
        >>> hypervolume(torch.tensor([[1.0, 2.0], [2.0, 1.0]]), reference=torch.tensor([0.0, 0.0]))
        3.0
    """
    if not len(values):
        return 0.0
    import moocore  # takes a tenth of a second, and few runs need it

    return float(moocore.hypervolume(values.double().cpu().numpy(), ref=reference.double().cpu().numpy(), maximise=True))


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
        number = front_numbers(values[good])
        first[good] = number.double()
        for k in number.unique().tolist():
            members = good[number == k]
            second[members] = -crowding(values[members])
    place = torch.stack([first, second], 1).unique(dim=0, return_inverse=True)[1]
    return place
