"""Losses that make a predictor rank: pairs of architectures in the right order, by the right distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["PairLoss", "RankingLoss", "pairwise_hinge", "pairwise_logistic", "sample_pairs"]

PairLoss = Callable[[Tensor, Tensor], Tensor]
"""Takes differences of scores (..., P) and of targets (P,), returns the loss of each pair (..., P)."""


def pairwise_logistic(score_gap: Tensor, target_gap: Tensor) -> Tensor:
    """Logistic loss of the order of pairs, weighted by how far their targets lie apart (after Burges et al. 2005).

    Args:
        score_gap: (..., P) score of the first of each pair less that of the second.
        target_gap: (P,) the same of the targets; pairs of equal targets weigh nothing.

    Returns:
        (..., P) losses.
    """
    return target_gap.abs() * softplus(-2 * target_gap.sign() * score_gap)


def pairwise_hinge(score_gap: Tensor, target_gap: Tensor) -> Tensor:
    """Hinge loss of the order of pairs: the scores shall differ by as much as the targets (GATES, Ning et al. 2020).

    Args:
        score_gap: (..., P) score of the first of each pair less that of the second.
        target_gap: (P,) the same of the targets; pairs of equal targets weigh nothing.

    Returns:
        (..., P) losses.
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
class RankingLoss:
    """The order of random pairs, plus the squared error, which keeps scores on the scale of the targets.

    Args:
        pairwise: Loss of the order of a pair.
        regression: Weight of the squared error.
        rounds: Pairs drawn for each item.
    """

    pairwise: PairLoss = pairwise_logistic
    regression: float = 1.0
    rounds: int = 8

    def __call__(self, scores: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        """Loss of each member of an ensemble.

        Args:
            scores: (M, B).
            targets: (B,), best of unit variance.
            generator: Source of the pairs.

        Returns:
            (M,) losses.
        """
        loss = self.regression * (scores - targets).square().mean(1)
        first, second = sample_pairs(len(targets), self.rounds, generator).to(scores.device)
        if len(first):
            gaps = scores[:, first] - scores[:, second]
            loss = loss + self.pairwise(gaps, targets[first] - targets[second]).mean(1)
        return loss
