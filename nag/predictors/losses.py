"""Losses of predicted scores: squared errors, the order of pairs, the order of a whole list, each label with a weight."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softplus

from nag.core.numbers import NonNegative
from nag.core.signatures import checked

__all__ = [
    "ListwiseLoss",
    "Loss",
    "PairLoss",
    "RankingLoss",
    "SquaredLoss",
    "pairwise_hinge",
    "pairwise_logistic",
    "sample_pairs",
]

PairLoss = Callable[[Tensor, Tensor], Tensor]
"""Takes differences of scores (..., P) and of targets (P,), returns the loss of each pair (..., P)."""


class Loss(ABC):
    """Loss of each member of an ensemble.

    Example:
        >>> import torch
        >>> from nag.predictors.losses import Loss
        >>> class Absolute(Loss):
        ...     def __call__(self, scores, targets, weights, generator):
        ...         return ((scores - targets).abs() * weights).mean(-1)
        >>> Absolute()(torch.tensor([[0.0, 1.0]]), torch.tensor([0.0, 3.0]), torch.ones(1, 2), torch.Generator())
        tensor([1.])
    """

    @abstractmethod
    def __call__(self, scores: Tensor, targets: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
        """Loss of each member.

        Args:
            scores: (M, B).
            targets: (B,), best of unit variance.
            weights: (M, B), at least 0; what a member does not see weighs 0.
            generator: Source of pairs.

        Returns:
            (M,) losses.
        """


def pairwise_logistic(score_gap: Tensor, target_gap: Tensor) -> Tensor:
    """Logistic loss of the order of pairs, weighted by how far their targets lie apart (after Burges et al. 2005).

    Args:
        score_gap: (..., P) score of the first of each pair less that of the second.
        target_gap: (P,) the same of the targets; pairs of equal targets weigh nothing.

    Returns:
        (..., P) losses.

    Example:
        >>> import torch
        >>> from nag.predictors import pairwise_logistic
        >>> right, wrong = pairwise_logistic(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 1.0]))
        >>> bool(right < wrong)
        True
    """
    return target_gap.abs() * softplus(-2 * target_gap.sign() * score_gap)


def pairwise_hinge(score_gap: Tensor, target_gap: Tensor) -> Tensor:
    """Hinge loss of the order of pairs: the scores should differ by as much as the targets (GATES, Ning et al. 2020).

    Args:
        score_gap: (..., P) score of the first of each pair less that of the second.
        target_gap: (P,) the same of the targets; pairs of equal targets weigh nothing.

    Returns:
        (..., P) losses.

    Example:
        >>> import torch
        >>> from nag.predictors import pairwise_hinge
        >>> pairwise_hinge(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 1.0]))
        tensor([0., 2.])
    """
    return (target_gap.abs() - target_gap.sign() * score_gap).clamp(min=0) * (target_gap != 0)


def sample_pairs(count: int, rounds: int, generator: torch.Generator) -> Tensor:
    """Random pairs of different items, in which every item stands equally often.

    Args:
        count: Number of items B; with fewer than two there are no pairs.
        rounds: Pairs for each item, R.
        generator: Source of the draws.

    Returns:
        (2, R * B) int64.
    """
    if count < 2:
        return torch.zeros(2, 0, dtype=torch.int64)
    first = torch.arange(count).repeat(rounds)
    shift = torch.randint(1, count, (rounds,), generator=generator).repeat_interleave(count)
    return torch.stack([first, (first + shift) % count])


@dataclass(frozen=True)
class SquaredLoss(Loss):
    """The mean squared error.

    Args:
        focus: Logarithm of the weight that a label gains with each unit of its target, so that the best count most.

    Example:
        >>> import torch
        >>> from nag.predictors import SquaredLoss
        >>> SquaredLoss()(torch.tensor([[0.0, 2.0]]), torch.tensor([0.0, 1.0]), torch.ones(1, 2), torch.Generator())
        tensor([0.5000])
    """

    focus: float = 0.0

    def __call__(self, scores: Tensor, targets: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
        """See `Loss`."""
        return _mean((scores - targets).square(), weights * torch.exp(self.focus * targets))


@dataclass(frozen=True)
class RankingLoss(Loss):
    """The order of random pairs, plus the squared error, which keeps scores on the scale of the targets.

    Args:
        pairwise: Loss of the order of a pair.
        regression: Weight of the squared error.
        rounds: Pairs drawn for each item.
        focus: As in `SquaredLoss`; a pair weighs as much as the geometric mean of its two.

    Example:
        >>> import torch
        >>> from nag.predictors import RankingLoss
        >>> targets, scores = torch.tensor([0.0, 1.0]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> right, wrong = RankingLoss()(scores, targets, torch.ones(2, 2), torch.Generator().manual_seed(0))
        >>> bool(right < wrong)
        True
    """

    pairwise: PairLoss = pairwise_logistic
    regression: float = 1.0
    rounds: int = 8
    focus: float = 0.0

    def __call__(self, scores: Tensor, targets: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
        """See `Loss`."""
        weights = weights * torch.exp(self.focus * targets)
        loss = self.regression * _mean((scores - targets).square(), weights)
        first, second = sample_pairs(len(targets), self.rounds, generator).to(scores.device)
        if len(first):
            gaps = scores[:, first] - scores[:, second]
            both = (weights[:, first] * weights[:, second]).sqrt()
            loss = loss + _mean(self.pairwise(gaps, targets[first] - targets[second]), both)
        return loss


@checked
@dataclass(frozen=True)
class ListwiseLoss(Loss):
    """The cross-entropy of the softmax of targets and scores (ListNet; Cao et al. 2007, eq. 8), plus the squared error.

    Args:
        sharpness: Factor of targets and scores in the softmax; the higher, the more the best count.
        regression: Weight of the squared error.

    Raises:
        InvalidRequest: A number is below 0.

    Example:
        >>> import torch
        >>> from nag.predictors import ListwiseLoss
        >>> targets, scores = torch.tensor([0.0, 1.0]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> right, wrong = ListwiseLoss()(scores, targets, torch.ones(2, 2), torch.Generator())
        >>> bool(right < wrong)
        True
    """

    sharpness: NonNegative = 1.0
    regression: NonNegative = 1.0

    def __call__(self, scores: Tensor, targets: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
        """See `Loss`."""
        unseen = torch.where(weights > 0, 0.0, -1e9)
        wanted = (self.sharpness * targets + unseen).softmax(1)
        cross = -(wanted * log_softmax(self.sharpness * scores + unseen, 1)).sum(1)
        return cross + self.regression * _mean((scores - targets).square(), weights)


def _mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Weighted means over the last dimension; 0 where nothing weighs."""
    return (losses * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
