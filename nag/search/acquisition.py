"""Acquisition functions: the value of an evaluation, from the posterior of its outcome."""

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
    """Value of evaluating each of some candidates."""

    def __call__(self, posterior: Prediction, best: float, rng: torch.Generator) -> Tensor:
        """Acquisition value of each candidate: (C,) float64, only its order counts.

        Args:
            posterior: Of C candidates, higher being better; the standard deviation is that of the truth, without noise.
            best: The best value so far, or its posterior mean.
            rng: Source of randomness, on the CPU.
        """
        ...


@dataclass(frozen=True)
class ExpectedImprovement:
    """Logarithm of the expected improvement on the best value (Mockus 1978; Ament et al. 2023, eq. 9).

    Args:
        margin: By how much more than the best value an improvement has to be, in the units of the posterior.

    Example:
        >>> import torch
        >>> from nag.predictors import Prediction
        >>> from nag.search import ExpectedImprovement
        >>> posterior = Prediction(torch.tensor([0.0, 0.0, 1.0]).double(), torch.tensor([0.1, 1.0, 1.0]).double())
        >>> ExpectedImprovement()(posterior, 0.5, torch.Generator()).argsort()
        tensor([0, 1, 2])
    """

    margin: float = 0.0

    def __call__(self, posterior: Prediction, best: float, rng: torch.Generator) -> Tensor:
        """See `Acquisition`."""
        return expected_log_improvement(posterior, best + self.margin)


@checked
@dataclass(frozen=True)
class UpperConfidence:
    """Mean and so many standard deviations (Srinivas et al. 2010).

    Args:
        beta: Number of standard deviations.

    Raises:
        InvalidRequest: It is below 0.

    Example:
        >>> import torch
        >>> from nag.predictors import Prediction
        >>> from nag.search import UpperConfidence
        >>> posterior = Prediction(torch.tensor([0.0, 1.0]).double(), torch.tensor([3.0, 0.5]).double())
        >>> UpperConfidence(beta=1.0)(posterior, 0.0, torch.Generator())
        tensor([3.0000, 1.5000], dtype=torch.float64)
    """

    beta: NonNegative = 1.0

    def __call__(self, posterior: Prediction, best: float, rng: torch.Generator) -> Tensor:
        """See `Acquisition`."""
        return posterior.mean.double() + self.beta * posterior.std.double()


@dataclass(frozen=True)
class Thompson:
    """A draw from the posterior of each candidate, independently of the others (BANANAS; White et al. 2021, section 4).

    Example:
        >>> import torch
        >>> from nag.predictors import Prediction
        >>> from nag.search import Thompson
        >>> posterior = Prediction(torch.tensor([0.0, 5.0]).double(), torch.tensor([0.1, 0.1]).double())
        >>> Thompson()(posterior, 0.0, torch.Generator().manual_seed(0)).argmax()
        tensor(1)
    """

    def __call__(self, posterior: Prediction, best: float, rng: torch.Generator) -> Tensor:
        """See `Acquisition`."""
        noise = torch.randn(len(posterior), generator=rng, dtype=torch.float64)
        return posterior.mean.double() + posterior.std.double() * noise.to(posterior.mean.device)


def expected_log_improvement(posterior: Prediction, best: float) -> Tensor:
    """Log E max(f - best, 0) of Gaussian posteriors, without underflow where an improvement is all but impossible.

    With z = (mean - best) / std it is log(std) + log(phi(z) + z Phi(z)); below z = -1 the second term is
    log phi(z) + log(1 + z Phi(z) / phi(z)), with Phi / phi from the scaled complementary error function.

    Args:
        posterior: Of C candidates.
        best: What is to be exceeded.

    Returns:
        (C,) float64.

    Raises:
        InvalidRequest: The best value is not finite.
    """
    if not math.isfinite(best):
        raise InvalidRequest(f"the best value is {best}", "Improve on a finite one.")
    std = posterior.std.double().clamp(min=_LEAST_STD)
    z = (posterior.mean.double() - best) / std
    log_phi = -z.square() / 2 - math.log(2 * math.pi) / 2
    near = z.clamp(min=_FAR)
    plain = (near.square() / -2 - math.log(2 * math.pi) / 2).exp() + near * log_ndtr(near).exp()
    far = z.clamp(max=_FAR)
    ratio = math.sqrt(math.pi / 2) * erfcx(-far / math.sqrt(2))
    # For very negative z the bracket is 1 / z^2, which rounding would lose.
    bracket = torch.where(far < -1e4, far.square().reciprocal(), (1 + far * ratio).clamp(min=1e-300))
    return std.log() + torch.where(z > _FAR, plain.log(), log_phi + bracket.log())
