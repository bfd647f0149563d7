"""The proxies of nag, each an attribute of this module, and those of a user by import path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.imports import is_import_path, load_callable
from nag.proxies import counts, gradients
from nag.proxies.batch import Batch
from nag.proxies.jacobian import jacobian_covariance as jacobian_score
from nag.proxies.naswot import naswot as naswot_score
from nag.proxies.synflow import logsynflow as logsynflow_score
from nag.proxies.synflow import synflow as synflow_score
from nag.proxies.zen import zen as zen_score

__all__ = ["Proxy", "list_proxies", "proxy_named"]


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

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, Proxy
        >>> def depth(network, batch, rng):
        ...     return float(len(list(network.children())))
        >>> proxy = Proxy("depth", depth)
        >>> proxy(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), Batch((torch.zeros(1, 2),)), torch.Generator())
        2.0
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


params = Proxy("params", counts.params, functional=False, random_weights=False)
flops = Proxy("flops", counts.flops, functional=False, random_weights=False)
synflow = Proxy("synflow", synflow_score)
logsynflow = Proxy("logsynflow", logsynflow_score)
naswot = Proxy("naswot", naswot_score, functional=False)
grad_norm = Proxy("grad_norm", gradients.grad_norm, needs_labels=True)
snip = Proxy("snip", gradients.snip, needs_labels=True)
grasp = Proxy("grasp", gradients.grasp, needs_labels=True)
jacobian_covariance = Proxy("jacobian_covariance", jacobian_score)
zen = Proxy("zen", zen_score, functional=False)


def list_proxies() -> dict[str, Proxy]:
    """Short name -> proxy of nag.

    Example:
        >>> from nag.proxies import list_proxies
        >>> sorted(list_proxies())
        ['flops', 'grad_norm', 'grasp', 'jacobian_covariance', 'logsynflow', 'naswot', 'params', 'snip', 'synflow', 'zen']
    """
    return {name: value for name, value in globals().items() if isinstance(value, Proxy)}


def proxy_named(name: str) -> Proxy:
    """A proxy by its short name or by the import path of a `Proxy` or of a score function.

    Raises:
        InvalidRequest: There is none of that name.

    Example:
        >>> from nag.proxies import proxy_named
        >>> proxy_named("grad_norm").needs_labels
        True
    """
    if is_import_path(name):
        found = load_callable(name)
        return found if isinstance(found, Proxy) else Proxy(name, found)
    known = list_proxies()
    if name not in known:
        raise InvalidRequest(f"unknown proxy '{name}'", did_you_mean(name, known))
    return known[name]
