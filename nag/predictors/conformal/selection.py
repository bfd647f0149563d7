"""Which architectures exceed a threshold, with a bound on the share of false ones among those selected."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import ProperFraction
from nag.core.signatures import conform_value
from nag.predictors.base import Prediction

__all__ = ["candidate_scores", "check_scores", "conformal_p_values", "nulls_at_least", "select", "within_level"]


def candidate_scores(prediction: Prediction, threshold: float, widths: Sequence[float] = (0.0, 1.0, -1.0)) -> Tensor:
    """Scores by which one may look for architectures above a threshold; a higher score is more likely to exceed it.

    Args:
        prediction: Predictions for B architectures.
        threshold: The value to exceed, in the unit of the targets.
        widths: Standard deviations to add to the mean: 0 the mean itself, above 0 optimistic, below 0 cautious.

    Returns:
        (len(widths) + 1, B) float64: `mean + width * std` for each width, then `(mean - threshold) / std`, which orders as the
        probability to exceed the threshold under the predicted normal law does, but does not saturate.

    Example:
        >>> import torch
        >>> from nag.predictors import Prediction, candidate_scores
        >>> candidate_scores(Prediction(torch.tensor([0.7, 0.9]), torch.tensor([0.1, 0.1])), threshold=0.8).shape
        torch.Size([4, 2])
    """
    mean, std = prediction.mean.double(), prediction.measurement_std.double()
    return torch.stack([*(mean + width * std for width in widths), (mean - threshold) / std])


def conformal_p_values(
    calibration_scores: Tensor, exceeds: Tensor, test_scores: Tensor, rng: torch.Generator | None = None
) -> Tensor:
    """Evidence against each test item's being at or below its threshold c (Jin and Candes 2023, with the clipped score).

    With `V(x, y) = M 1{y > c} - score(x)` for a large M, a calibration item that exceeds its threshold never counts against
    a test item, and `p_j = (1 + #{i that do not exceed: score_i >= score_j}) / (n + 1)`. Where item j does not exceed its
    threshold, V is the same at its label and at c, so that p_j is its rank among n + 1 exchangeable values:
    `P(p_j <= a and j does not exceed) <= a`. This asks that calibration and test items are exchangeable, such as random draws
    from one table, and not what a search chose to label; and that the scores do not depend on the labels of either.

    Args:
        calibration_scores: (n,) float, higher where the score's maker thinks that an item exceeds its threshold.
        exceeds: (n,) bool, whether the label of a calibration item exceeds its threshold.
        test_scores: (m,) float.
        rng: Breaks ties between scores by lot, which makes `p_j` smaller; without it ties count against the test item.

    Returns:
        (m,) float64, from 1 / (n + 1) to 1.

    Raises:
        InvalidRequest: Shapes that do not fit, or scores that are no numbers.

    Example:
        >>> import torch
        >>> from nag.predictors import conformal_p_values
        >>> scores = torch.linspace(0, 1, 9)
        >>> conformal_p_values(scores, scores > 0.5, torch.tensor([0.1, 0.9]))
        tensor([0.5000, 0.1000], dtype=torch.float64)
    """
    calibration, test = check_scores(calibration_scores[None], exceeds, test_scores[None])
    calibration, test = calibration[0], test[0]
    if rng is not None:
        calibration, test = _break_ties(calibration, test, rng)
    return (1 + nulls_at_least(calibration[~exceeds], test)).double() / (len(calibration) + 1)


def select(p_values: Tensor, level: float) -> Tensor:
    """Selects items with a false discovery rate of at most `level` (Benjamini and Hochberg 1995).

    For conformal p-values of exchangeable items this holds although they share their calibration items (Jin and Candes 2023;
    a short proof is that of `select_optimised` with one score): the mean share of the selected items that do not exceed their
    threshold is at most the level, where no selection counts as a share of 0. A single selection may hold more.

    Args:
        p_values: (m,) float, 0 to 1.
        level: Greatest false discovery rate, above 0 and below 1.

    Returns:
        (m,) bool, which are selected: all whose p-value is at most `level * size / m`, for the greatest size that as many
        keep.

    Raises:
        InvalidRequest: The level is out of range, or a p-value is.

    Example:
        >>> import torch
        >>> from nag.predictors import select
        >>> select(torch.tensor([0.01, 0.04, 0.6]), level=0.1)
        tensor([ True,  True, False])
    """
    p = p_values.double()
    if p.ndim != 1 or not bool(((p >= 0) & (p <= 1)).all()):
        raise InvalidRequest("some p-values are out of range", "Pass one from 0 to 1 for each item.")
    sizes = torch.arange(len(p) + 1, device=p.device)
    reached = within_level(torch.cat([p.new_zeros(1), p.sort().values]), sizes, level, len(p))
    return within_level(p, torch.where(reached, sizes, 0).max(), level, len(p))


def within_level(p_values: Tensor, sizes: Tensor, level: float, count: int) -> Tensor:
    """Whether p <= level * size / count, bool; rounding does not tell apart what is equal.

    Raises:
        InvalidRequest: The level is not between 0 and 1.
    """
    conform_value("the level of a selection", level, ProperFraction)
    return p_values * count <= level * (1 + 1e-12) * sizes


def nulls_at_least(nulls: Tensor, scores: Tensor) -> Tensor:
    """How many of the (t,) scores of items that exceed nothing reach each of the (m,) scores: (m,) int64, 0 to t."""
    return len(nulls) - torch.searchsorted(nulls.sort().values, scores.contiguous())


def check_scores(calibration_scores: Tensor, exceeds: Tensor, test_scores: Tensor) -> tuple[Tensor, Tensor]:
    """The scores in float64, if there are (K, n) of the calibration items, as many labels, and (K, m) of the test items.

    Raises:
        InvalidRequest: Shapes that do not fit, or scores that are no numbers.
    """
    calibration, test = calibration_scores.double(), test_scores.double()
    if calibration.ndim != 2 or test.ndim != 2 or len(calibration) != len(test) or not len(test):
        raise InvalidRequest("calibration and test items have other scores", "Score both in the same ways.")
    if exceeds.dtype != torch.bool or exceeds.shape != calibration.shape[1:]:
        raise InvalidRequest(
            f"{calibration.shape[1]} calibration items lack a label each", "Say of each whether it exceeds its threshold."
        )
    if bool(calibration.isnan().any() | test.isnan().any()):
        raise InvalidRequest("some scores are no numbers", "Drop the items that the predictor cannot score.")
    return calibration, test


def _break_ties(calibration: Tensor, test: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Ranks of all scores, equal ones in random order: as exchangeable as the scores, but without ties."""
    scores = torch.cat([calibration, test])
    shuffled = torch.randperm(len(scores), generator=rng, device=rng.device).to(scores.device)
    order = shuffled[scores[shuffled].argsort(stable=True)]
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order), device=order.device)
    return ranks[: len(calibration)], ranks[len(calibration) :]
