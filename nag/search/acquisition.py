"""Acquisition functions: how much an evaluation is worth, from what is believed of its outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.special import erfcx, log_ndtr

from nag.core.errors import InvalidRequest
from nag.core.numbers import NonNegative
from nag.core.signatures import checked
from nag.predictors import Prediction

__all__ = ["Acquisition", "ExpectedImprovement", "Thompson", "UpperConfidence", "expected_log_improvement"]

_LEAST_STD = 1e-6
_FAR = -1.0


class Acquisition(Protocol):
    """Tells which candidates are worth an evaluation."""

    def __call__(self, belief: Prediction, best: float, rng: torch.Generator) -> Tensor:
        """Worth of each candidate: (C,) float64, only its order counts.

        Args:
            belief: Of C candidates, higher being better; the standard deviation is that of the truth, without noise.
            best: The best value so far, or what is believed of it.
            rng: Source of randomness, on the CPU.
        """
        ...


@dataclass(frozen=True)
class ExpectedImprovement:
    """Logarithm of the expected improvement on the best value (Mockus 1978; Ament et al. 2023, eq. 9).

    Args:
        margin: By how much more than the best value an improvement has to be, in the units of the belief.
    """

    margin: float = 0.0

    def __call__(self, belief: Prediction, best: float, rng: torch.Generator) -> Tensor:
        """See `Acquisition`."""
        return expected_log_improvement(belief, best + self.margin)


@checked
@dataclass(frozen=True)
class UpperConfidence:
    """Mean and so many standard deviations (Srinivas et al. 2010).

    Args:
        beta: Number of standard deviations.

    Raises:
        InvalidRequest: It is below 0.
    """

    beta: NonNegative = 1.0

    def __call__(self, belief: Prediction, best: float, rng: torch.Generator) -> Tensor:
        """See `Acquisition`."""
        return belief.mean.double() + self.beta * belief.std.double()


@dataclass(frozen=True)
class Thompson:
    """A draw from what is believed of each candidate, independently of the others (BANANAS; White et al. 2021, section 4)."""

    def __call__(self, belief: Prediction, best: float, rng: torch.Generator) -> Tensor:
        """See `Acquisition`."""
        noise = torch.randn(len(belief), generator=rng, dtype=torch.float64)
        return belief.mean.double() + belief.std.double() * noise.to(belief.mean.device)


def expected_log_improvement(belief: Prediction, best: float) -> Tensor:
    """Log E max(f - best, 0) of Gaussian beliefs, without underflow where an improvement is next to impossible.

    With z = (mean - best) / std it is log(std) + log(phi(z) + z Phi(z)); below z = -1 the second term is
    log phi(z) + log(1 + z Phi(z) / phi(z)), with Phi / phi from the scaled complementary error function.

    Args:
        belief: Of C candidates.
        best: What is to be exceeded.

    Returns:
        (C,) float64.

    Raises:
        InvalidRequest: The best value is not finite.
    """
    if not math.isfinite(best):
        raise InvalidRequest(f"the best value is {best}", "Improve on a finite one.")
    std = belief.std.double().clamp(min=_LEAST_STD)
    z = (belief.mean.double() - best) / std
    log_phi = -z.square() / 2 - math.log(2 * math.pi) / 2
    near = z.clamp(min=_FAR)
    plain = (near.square() / -2 - math.log(2 * math.pi) / 2).exp() + near * log_ndtr(near).exp()
    far = z.clamp(max=_FAR)
    ratio = math.sqrt(math.pi / 2) * erfcx(-far / math.sqrt(2))
    # For very negative z the bracket is 1 / z^2, which rounding would lose.
    bracket = torch.where(far < -1e4, far.square().reciprocal(), (1 + far * ratio).clamp(min=1e-300))
    return std.log() + torch.where(z > _FAR, plain.log(), log_phi + bracket.log())
