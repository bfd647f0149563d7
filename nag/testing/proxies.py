"""The laws of every training-free score."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import nn

from nag.proxies import Batch, Proxy
from nag.testing.laws import leaves_global_randomness_alone

__all__ = ["ProxyContract"]


class ProxyContract(ABC):
    """Contract of `nag.proxies.Proxy`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from nag.proxies import Batch, proxy_named
        >>> from nag.testing import ProxyContract
        >>> class TestMine(ProxyContract):
        ...     def make(self):
        ...         return proxy_named("params")
        ...     def network(self):
        ...         return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        ...     def batch(self):
        ...         return Batch((torch.zeros(4, 1, 2, 2),), torch.tensor([0, 1, 0, 1]))
        >>> TestMine().test_the_network_stays_as_it_is()  # pytest runs all tests of the contract
    """

    @abstractmethod
    def make(self) -> Proxy:
        """The proxy."""

    @abstractmethod
    def network(self) -> nn.Module:
        """A network, the same each time."""

    @abstractmethod
    def batch(self) -> Batch:
        """Examples that it reads, with labels."""

    def test_the_score_is_a_number_that_follows_the_seed(self) -> None:
        """Never nan; minus infinity is the worst."""
        with leaves_global_randomness_alone():
            first, second = (self.make()(self.network(), self.batch(), torch.Generator().manual_seed(3)) for _ in range(2))
        assert first == second
        assert not math.isnan(first)

    def test_the_network_stays_as_it_is(self) -> None:
        """Weights, statistics, gradients and modes."""
        network = self.network()
        before = {name: value.clone() for name, value in network.state_dict().items()}
        modes = [module.training for module in network.modules()]
        self.make()(network, self.batch(), torch.Generator().manual_seed(3))
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
        assert [module.training for module in network.modules()] == modes
        assert all(parameter.grad is None for parameter in network.parameters())
