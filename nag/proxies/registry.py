"""All proxies by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from nag.core.errors import InvalidRequest, did_you_mean
from nag.proxies.batch import Batch
from nag.proxies.counts import flops, params
from nag.proxies.gradients import grad_norm, grasp, snip
from nag.proxies.jacobian import jacobian_covariance
from nag.proxies.naswot import naswot
from nag.proxies.synflow import logsynflow, synflow
from nag.proxies.zen import zen

__all__ = ["PROXIES", "Proxy", "proxy_named"]


@dataclass(frozen=True)
class Proxy:
    """A training-free score of a network; the higher, the better the network is thought to be.

    Args:
        name: Its name.
        score: (network, batch, rng) -> the score; never nan, and minus infinity for the worst.
        needs_labels: Whether the batch must have labels.
        functional: Whether functional twins have one score, up to their initial weights: whether what carries no signal to
            the output does not count.
        random_weights: Whether the score depends on the network's initial weights, or on weights that it draws.
    """

    name: str
    score: Callable[[nn.Module, Batch, torch.Generator], float]
    needs_labels: bool = False
    functional: bool = True
    random_weights: bool = True

    def __call__(self, network: nn.Module, batch: Batch, rng: torch.Generator) -> float:
        """The score of a network, which stays as it is: weights, gradients, statistics, modes and hooks.

        Args:
            network: Built and initialised, on the device of the batch.
            batch: Examples.
            rng: Source of randomness, on the CPU.

        Raises:
            InvalidRequest: Labels are needed, and the batch has none.
        """
        return self.score(network, batch, rng)


PROXIES: dict[str, Proxy] = {
    proxy.name: proxy
    for proxy in (
        Proxy("params", params, functional=False, random_weights=False),
        Proxy("flops", flops, functional=False, random_weights=False),
        Proxy("synflow", synflow),
        Proxy("logsynflow", logsynflow),
        Proxy("naswot", naswot, functional=False),
        Proxy("grad_norm", grad_norm, needs_labels=True),
        Proxy("snip", snip, needs_labels=True),
        Proxy("grasp", grasp, needs_labels=True),
        Proxy("jacobian_covariance", jacobian_covariance),
        Proxy("zen", zen, functional=False),
    )
}
"""Name -> proxy."""


def proxy_named(name: str) -> Proxy:
    """A proxy by its name.

    Raises:
        InvalidRequest: There is none of that name.
    """
    if name not in PROXIES:
        raise InvalidRequest(f"unknown proxy '{name}'", did_you_mean(name, PROXIES))
    return PROXIES[name]
