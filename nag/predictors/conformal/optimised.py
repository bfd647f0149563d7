"""Conformal selection by the score, of several, that selects the most, without paying for the choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.predictors.conformal.selection import check_scores, nulls_at_least, within_level

__all__ = [
    "OptimisedSelection",
    "Pruning",
    "prune_deterministic",
    "prune_heterogeneous",
    "prune_homogeneous",
    "select_optimised",
]

Pruning = Callable[[int, torch.Generator | None], Tensor]
"""Draws (m,) float64 from 0 to 1; the less, the less an item is held to the size of the selection that its score promises."""


@dataclass(frozen=True)
class OptimisedSelection:
    """What was selected of m test items, and why.

    Args:
        selected: (m,) bool.
        p_values: (m,) float64, under the score that was chosen for the item.
        chosen: (m,) int64, the index of that score.
        sizes: (m,) int64, at least 1: the size s_j of the selection that the score promises if the item is selected.

    Example:
        >>> import torch
        >>> from nag.predictors import select_optimised
        >>> scores = torch.linspace(0, 1, 100, dtype=torch.float64)[:, None]
        >>> found = select_optimised(scores.T, scores[:, 0] > 0.5, scores.T, level=0.2, rng=torch.Generator().manual_seed(0))
        >>> int(found.selected.sum()), found.chosen.unique()
        (61, tensor([0]))
    """

    selected: Tensor
    p_values: Tensor
    chosen: Tensor
    sizes: Tensor


def prune_heterogeneous(count: int, rng: torch.Generator | None) -> Tensor:
    """Draws one uniform number for each item.

    Like one number for all, it keeps the level, but where items disagree about the best score it often keeps only a part of
    them: 0.3 to 0.55 of the power of one number for all on NAS-Bench-201, with the scores of `candidate_scores`.

    Example:
        >>> import torch
        >>> from nag.predictors import prune_heterogeneous
        >>> prune_heterogeneous(3, torch.Generator().manual_seed(0)).shape
        torch.Size([3])
    """
    return torch.rand(count, generator=_needed(rng), dtype=torch.float64, device=_needed(rng).device)


def prune_homogeneous(count: int, rng: torch.Generator | None) -> Tensor:
    """Draws one uniform number for all items: mostly all stay, now and then all go.

    Example:
        >>> import torch
        >>> from nag.predictors import prune_homogeneous
        >>> prune_homogeneous(3, torch.Generator().manual_seed(0)).unique().shape
        torch.Size([1])
    """
    return prune_heterogeneous(1, rng).expand(count)


def prune_deterministic(count: int, rng: torch.Generator | None) -> Tensor:
    """Draws nothing: the same selection each time, never a larger one than with a draw, and often none at all.

    It selects nothing where promised sizes exceed the selection by only a few, as where items disagree about the best score:
    0.15 to 0.4 of the power of one number for all on NAS-Bench-201.

    Example:
        >>> from nag.predictors import prune_deterministic
        >>> prune_deterministic(3, rng=None)
        tensor([1., 1., 1.], dtype=torch.float64)
    """
    return torch.ones(count, dtype=torch.float64)


def select_optimised(
    calibration_scores: Tensor,
    exceeds: Tensor,
    test_scores: Tensor,
    level: float,
    rng: torch.Generator | None = None,
    pruning: Pruning = prune_homogeneous,
) -> OptimisedSelection:
    """Selects items that exceed their threshold at a false discovery rate of at most `level` (OptCS; Bai and Jin 2024).

    To choose the score that selects the most and then to test with the same calibration items selects too much. OptCS
    chooses anew for each test item j, as if j were one calibration item more that does not exceed its threshold. Under each
    score every other item l gets the auxiliary p-value
    `(#{i that do not exceed: score_i >= score_l} + 1{score_j >= score_l}) / (n + 1)`, j gets 0, and s_j is the number of
    items that Benjamini-Hochberg then selects. Item j takes the score of the greatest s_j, and its conformal p-value p_j. It
    is selected if `p_j <= level * s_j / m` and `xi_j * s_j <= r`, for the greatest r such that at least r items are.

    Why the false discovery rate is at most q = `level`; call j false if it does not exceed its threshold:

    1. If j is false, its score and s_j depend on the n calibration items and j only as a set, given the other test items,
       and p_j is the rank of j in that set, where each of the n + 1 items is as likely to be j. Hence, with s_j >= 1,
       `E[1{j false, p_j <= q s_j / m} / s_j] <= E[(q s_j / m) / s_j] = q / m`.
    2. Exactly r items are selected: were there more, r + 1 would do as well. Given everything but xi,
       `E[1{j selected} / r] <= 1{p_j <= q s_j / m} / s_j`, as follows. Deterministic, xi = 1: r >= s_j where j is selected.
       Heterogeneous: where j is selected r is what it would be with xi_j = 0, a number r' that does not depend on xi_j, and
       xi_j <= r' / s_j has a probability of at most r' / s_j. Homogeneous: r never grows with xi, so that j is selected for
       xi below some x, where r >= x s_j; the mean is at most x / (x s_j).
    3. The false discovery rate is the sum over the m items of `E[1{j false, j selected} / r]`, each at most q / m.

    With one score every pruning gives what `select` gives: if p_j <= q s_j / m, the items that j reaches keep their auxiliary
    p-value and the others have none above p_j, so that Benjamini-Hochberg selects the same s_j items, j among them.

    It pays where one does not know which score is good; among scores about as good as each other the best one alone finds a
    tenth more. Which labels will do says `conformal_p_values`; equal scores count against the test item. Takes time
    O(K (m log m + n log n)).

    Args:
        calibration_scores: (K, n) float, of one or several predictors; see `candidate_scores`.
        exceeds: (n,) bool, whether the label of a calibration item exceeds its threshold.
        test_scores: (K, m) float.
        level: Greatest false discovery rate, above 0 and below 1.
        rng: Source of the pruning; needed unless that is deterministic.
        pruning: Draws xi.

    Raises:
        InvalidRequest: Shapes that do not fit, scores that are no numbers, a level out of range, or no `rng` where one is
            needed.

    Example:
        >>> import torch
        >>> from nag.predictors import select_optimised
        >>> scores = torch.linspace(0, 1, 100, dtype=torch.float64)[None]
        >>> good = scores[0] > 0.5
        >>> found = select_optimised(scores, good, scores, level=0.2, rng=torch.Generator().manual_seed(0))
        >>> float((found.selected & ~good).sum() / found.selected.sum()) < 0.3
        True
    """
    calibration, test = check_scores(calibration_scores, exceeds, test_scores)
    cases = [_promise(own[~exceeds], scores, len(exceeds), level) for own, scores in zip(calibration, test, strict=True)]
    # the first of equal sizes: a rule that does not ask which item is j
    all_sizes = torch.stack([case[0] for case in cases])
    chosen = all_sizes.argmax(0)
    sizes = all_sizes.gather(0, chosen[None])[0]
    p_values = torch.stack([case[1] for case in cases]).gather(0, chosen[None])[0]
    eligible = within_level(p_values, sizes, level, len(sizes))
    promised = torch.where(eligible, pruning(len(sizes), rng).to(p_values.device) * sizes, torch.inf)
    ranks = torch.arange(len(sizes) + 1, device=promised.device)
    reached = torch.cat([promised.new_zeros(1), promised.sort().values]) <= ranks
    return OptimisedSelection(promised <= torch.where(reached, ranks, 0).max(), p_values, chosen, sizes)


def _promise(nulls: Tensor, scores: Tensor, count: int, level: float) -> tuple[Tensor, Tensor]:
    """For each test item j the size s_j under one score, and p_j.

    Item l has the auxiliary p-value v / (n + 1) for v = N_l, the number of nulls that reach its score, or v = N_l + 1 if j
    reaches it too. With A(v) items of N_l <= v, the items of an auxiliary p-value of at most v / (n + 1), j among them, are
    1 + A(v) for v < N_j, A(v - 1) for v > N_j, and 1 + #{l: score_l > score_j} for v = N_j; the greatest of these numbers that
    keeps the level is the size. Only the last depends on more of j than N_j, so there is no table of pairs.

    Args:
        nulls: (t,) float64, scores of the calibration items that do not exceed their threshold.
        scores: (m,) float64, scores of the test items.
        count: Number n of calibration items.
        level: Greatest false discovery rate.

    Returns:
        (m,) int64 and (m,) float64.
    """
    above = nulls_at_least(nulls, scores)
    at_most = torch.bincount(above, minlength=len(nulls) + 2).cumsum(0)
    none = at_most.new_zeros(1)
    grid = torch.arange(len(at_most), device=scores.device).double() / (count + 1)

    def kept(p: Tensor, sizes: Tensor) -> Tensor:
        return torch.where(within_level(p, sizes, level, len(scores)), sizes, 0)

    lower = torch.cat([none, kept(grid, 1 + at_most).cummax(0).values[:-1]])
    higher = torch.cat([kept(grid[1:], at_most[:-1]).flip(0).cummax(0).values.flip(0), none])
    own = 1 + len(scores) - torch.searchsorted(scores.sort().values, scores.contiguous(), right=True)
    sizes = torch.stack([lower[above], higher[above], kept(above.double() / (count + 1), own)]).amax(0)
    return sizes, (1 + above).double() / (count + 1)


def _needed(rng: torch.Generator | None) -> torch.Generator:
    if rng is None:
        raise InvalidRequest("a random pruning has no generator", "Pass one, or prune_deterministic.")
    return rng
