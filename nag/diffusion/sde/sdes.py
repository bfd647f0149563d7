"""Stochastic differential equations that turn data into Gaussian noise: x_t = alpha_t x_0 + sigma_t z."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import Positive
from nag.core.signatures import checked

__all__ = ["SDE", "VESDE", "VPSDE", "SubVPSDE"]


class SDE(ABC):
    """dx = f(x, t) dt + g(t) dw on (earliest, 1], with a Gaussian perturbation kernel N(scale(t) x_0, sigma(t)^2 I).

    Times are tensors of any shape that broadcasts against what they are used with.

    Example:
        >>> import torch
        >>> from nag.diffusion import VESDE, VPSDE
        >>> [sde.scale(torch.tensor([0.5])).item() < 1 for sde in (VPSDE(), VESDE())]
        [True, False]
    """

    @property
    @abstractmethod
    def earliest(self) -> float:
        """The least time that is trained and sampled on."""

    @property
    @abstractmethod
    def prior_std(self) -> float:
        """Standard deviation of the prior N(0, prior_std^2 I), which x_1 is close to."""

    @abstractmethod
    def scale(self, t: Tensor) -> Tensor:
        """alpha_t, what the mean is multiplied by."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Standard deviation of x_t given x_0."""

    @abstractmethod
    def drift_and_diffusion(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """f(x, t), shaped like x, and g(t), shaped like t."""


@checked
@dataclass(frozen=True)
class VESDE(SDE):
    """Variance exploding: sigma_t = sigma_min (sigma_max / sigma_min)^t (Song et al. 2021, eq. 30 and 31).

    Args:
        sigma_min: Noise at time 0; one-hot vectors are sqrt(2) apart.
        sigma_max: Noise at time 1.

    Raises:
        InvalidRequest: Not 0 < sigma_min < sigma_max.

    Example:
        >>> import torch
        >>> from nag.diffusion import VESDE
        >>> VESDE().sigma(torch.tensor([0.1, 0.5, 1.0])).round(decimals=2)
        tensor([0.1500, 0.7100, 5.0000])
    """

    sigma_min: Positive = 0.1
    sigma_max: Positive = 5.0

    def __post_init__(self) -> None:
        if self.sigma_max <= self.sigma_min:
            raise InvalidRequest("the VE SDE's sigma_max is not above its sigma_min", "Give 0 < sigma_min < sigma_max.")

    @property
    def earliest(self) -> float:
        """Time 1e-5, as in the paper; sigma is about sigma_min there."""
        return 1e-5

    @property
    def prior_std(self) -> float:
        """The greatest sigma."""
        return self.sigma_max

    def scale(self, t: Tensor) -> Tensor:
        """One: the mean stays."""
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        """Geometric between sigma_min and sigma_max."""
        return self.sigma_min * (self.sigma_max / self.sigma_min) ** t

    def drift_and_diffusion(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """No drift; g^2 is the time derivative of sigma^2."""
        return torch.zeros_like(x), self.sigma(t) * math.sqrt(2 * math.log(self.sigma_max / self.sigma_min))


@checked
@dataclass(frozen=True)
class _LinearBeta(SDE):
    """beta(t) = beta_min + t (beta_max - beta_min), the rate at which the signal is lost.

    Args:
        beta_min: Rate at time 0.
        beta_max: Rate at time 1.

    Raises:
        InvalidRequest: Not 0 < beta_min < beta_max.
    """

    beta_min: Positive = 0.1
    beta_max: Positive = 20.0

    def __post_init__(self) -> None:
        if self.beta_max <= self.beta_min:
            raise InvalidRequest("the VP SDE's beta_max is not above its beta_min", "Give 0 < beta_min < beta_max.")

    @property
    def earliest(self) -> float:
        """Time 1e-3, as in the paper: sigma is zero at time 0."""
        return 1e-3

    @property
    def prior_std(self) -> float:
        """One."""
        return 1.0

    def scale(self, t: Tensor) -> Tensor:
        """exp(-1/2 of the integral of beta)."""
        return torch.exp(-0.5 * self._integral(t))

    def _beta(self, t: Tensor) -> Tensor:
        return self.beta_min + t * (self.beta_max - self.beta_min)

    def _integral(self, t: Tensor) -> Tensor:
        return t * self.beta_min + 0.5 * t * t * (self.beta_max - self.beta_min)


class VPSDE(_LinearBeta):
    """Variance preserving: dx = -1/2 beta x dt + sqrt(beta) dw (Song et al. 2021, eq. 32 and 33).

    Args:
        beta_min: Rate at time 0.
        beta_max: Rate at time 1.

    Raises:
        InvalidRequest: Not 0 < beta_min < beta_max.

    Example:
        >>> import torch
        >>> from nag.diffusion import VPSDE
        >>> VPSDE().sigma(torch.tensor([0.1, 0.5, 1.0])).round(decimals=2)
        tensor([0.3200, 0.9600, 1.0000])
    """

    def sigma(self, t: Tensor) -> Tensor:
        """sqrt(1 - alpha^2)."""
        return torch.sqrt(-torch.expm1(-self._integral(t)))

    def drift_and_diffusion(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """-1/2 beta x, and sqrt(beta)."""
        return -0.5 * self._beta(t) * x, torch.sqrt(self._beta(t))


class SubVPSDE(_LinearBeta):
    """Sub-variance preserving: the drift of the VP SDE with less noise on the way (Song et al. 2021, eq. 28 and 29).

    Args:
        beta_min: Rate at time 0.
        beta_max: Rate at time 1.

    Raises:
        InvalidRequest: Not 0 < beta_min < beta_max.

    Example:
        >>> import torch
        >>> from nag.diffusion import SubVPSDE
        >>> SubVPSDE().sigma(torch.tensor([0.1, 0.5, 1.0])).round(decimals=2)
        tensor([0.1000, 0.9200, 1.0000])
    """

    def sigma(self, t: Tensor) -> Tensor:
        """1 - alpha^2."""
        return -torch.expm1(-self._integral(t))

    def drift_and_diffusion(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """-1/2 beta x, and the square root of beta (1 - alpha^4)."""
        return -0.5 * self._beta(t) * x, torch.sqrt(self._beta(t) * -torch.expm1(-2 * self._integral(t)))
