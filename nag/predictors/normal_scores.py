"""A monotone map of targets to a standard normal scale, and back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nag.predictors.base import Prediction, ResizableState

__all__ = ["NormalScores"]


class NormalScores(ResizableState):
    """Maps each target to the normal quantile of its rank (van der Waerden scores), and scores back to targets.

    Failed trainings that reach 10 % instead of 90 % then weigh no more than their rank. Between the targets that it was fitted
    to, the map back is linear; beyond them it goes on with the mean slope of the outer tenth, so that it increases everywhere.

    Example:
        >>> import torch
        >>> from nag.predictors import NormalScores
        >>> normal_scores = NormalScores()
        >>> scores = normal_scores.fit(torch.tensor([10.0, 90.0, 91.0]))
        >>> scores.round(decimals=2), normal_scores.to_targets(scores)
        (tensor([-0.9700,  0.0000,  0.9700], dtype=torch.float64), tensor([10., 90., 91.], dtype=torch.float64))
    """

    _resizable = ("targets", "scores")

    targets: Tensor
    scores: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("targets", torch.zeros(1, dtype=torch.float64))
        self.register_buffer("scores", torch.zeros(1, dtype=torch.float64))

    def fault(self) -> str:
        """Whether the knots are not those of an increasing map."""
        same = self.targets.shape == self.scores.shape and len(self.targets) > 0
        if same and bool((self.targets.diff() > 0).all()) and bool((self.scores.diff() > 0).all()):
            return ""
        return "the normal scores are no increasing map"

    def fit(self, targets: Tensor) -> Tensor:
        """Fits the map to (B,) targets and returns their scores, (B,) float64; equal targets get equal scores."""
        values, where, counts = torch.unique(targets.double(), return_inverse=True, return_counts=True)
        middle = (counts.cumsum(0).double() - counts.double() / 2) / len(targets)
        self.targets = values
        self.scores = torch.erfinv(2 * middle - 1) * math.sqrt(2)
        return self.scores[where]

    def to_targets(self, scores: Tensor) -> Tensor:
        """Targets of scores: any shape, float64, strictly increasing."""
        scores = scores.double()
        knots, values = self.scores, self.targets
        if len(knots) == 1:
            return values + (scores - knots)
        tenth = max(1, len(knots) // 10)
        low = (values[tenth] - values[0]) / (knots[tenth] - knots[0])
        high = (values[-1] - values[-1 - tenth]) / (knots[-1] - knots[-1 - tenth])
        right = torch.searchsorted(knots, scores.contiguous()).clamp(1, len(knots) - 1)
        left = right - 1
        share = ((scores - knots[left]) / (knots[right] - knots[left])).clamp(0, 1)
        inside = torch.lerp(values[left], values[right], share)
        return inside + high * (scores - knots[-1]).clamp(min=0) - low * (knots[0] - scores).clamp(min=0)

    def spread_to_targets(self, scores: Tensor, std: Tensor) -> Tensor:
        """Half the distance of the targets one standard deviation above and below the scores; same shape."""
        return (self.to_targets(scores + std) - self.to_targets(scores - std)) / 2

    def prediction_to_targets(self, scores: Prediction) -> Prediction:
        """A prediction of scores in units of the targets."""
        spreads = (self.spread_to_targets(scores.mean, std) for std in (scores.std, scores.measurement_std))
        return Prediction(self.to_targets(scores.mean), *spreads)
