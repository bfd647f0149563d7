"""Features of a predictor of final values: the curve so far on a fitting scale, in blocks, and those of the architecture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import Positive
from nag.core.signatures import checked
from nag.tasks import Metric

__all__ = ["CurveScale", "curve_blocks"]


@checked
@dataclass(frozen=True)
class CurveScale:
    """The scale on which values are predicted, where more is better: minus the log distance to a perfect value.

    Losses and errors of good runs differ by less than those of bad ones; on this scale errors of prediction are of like size.

    Args:
        maximise: Whether more is better in the values themselves.
        perfect: Value that no run can beat, such as 0 for a loss or 1 for an accuracy; None leaves values as they are, or
            turns their sign.
        resolution: Added to the distance, in its unit, so that a perfect run has a logarithm.

    Raises:
        InvalidRequest: The resolution is not above 0.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import CurveScale
        >>> scale = CurveScale(maximise=False, perfect=0.0)
        >>> losses = torch.tensor([1.0, 0.1, 0.01]).double()
        >>> scale.forward(losses).round(decimals=2), scale.backward(scale.forward(losses)).allclose(losses)
        (tensor([-0.0000, 2.3000, 4.6000], dtype=torch.float64), True)
    """

    maximise: bool
    perfect: float | None = None
    resolution: Positive = 1e-4

    def forward(self, values: Tensor) -> Tensor:
        """Values on the scale, same shape, float64.

        Raises:
            InvalidRequest: A value beats the perfect one.
        """
        values = values.double()
        if self.perfect is None:
            return self._metric.utility(values)
        gap = self._metric.utility(self.perfect - values)
        if bool((gap < 0).any()):
            raise InvalidRequest(f"a value of a curve beats {self.perfect:g}", "Correct `perfect`, or set it to None.")
        return -(gap + self.resolution).log()

    def backward(self, scaled: Tensor) -> Tensor:
        """Inverse of `forward`."""
        if self.perfect is None:
            return self._metric.utility(scaled)
        return self.perfect - self._metric.utility((-scaled).exp() - self.resolution)

    @property
    def _metric(self) -> Metric:
        return Metric("value", self.maximise)


def curve_blocks(curves: Tensor, features: Tensor | None) -> list[Tensor]:
    """Groups of features of partial curves (after Baker et al. 2017): each may matter or not, as a whole.

    Args:
        curves: (B, k) float64, the first k values of each run, on the scale.
        features: (B, F) features of the architectures, or None.

    Returns:
        The last value (B, 1), all values (B, k), first and second differences (B, 2k - 3; none for k = 1), the features.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import curve_blocks
        >>> [block.shape[1] for block in curve_blocks(torch.rand(5, 4).double(), torch.rand(5, 2).double())]
        [1, 4, 5, 2]
    """
    blocks = [curves[:, -1:], curves]
    if curves.shape[1] > 1:
        blocks.append(torch.cat([curves.diff(dim=1), curves.diff(n=2, dim=1)], 1))
    if features is not None and features.shape[1]:
        blocks.append(features.double())
    return blocks
