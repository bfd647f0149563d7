"""The laws of every builder of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from nag.core.errors import InvalidArchitecture
from nag.graphs import Architecture
from nag.networks import Builder, DataShape
from nag.spaces import SearchSpace
from nag.testing.laws import draws, leaves_global_randomness_alone, refused

__all__ = ["BuilderContract"]


class BuilderContract(ABC):
    """Contract of `nag.networks.Builder`.

    Example:
        >>> from nag.networks import DataShape, NASBench201Builder
        >>> from nag.spaces import load_space
        >>> from nag.testing import BuilderContract
        >>> class TestMine(BuilderContract):
        ...     space, shape = load_space("nasbench201"), DataShape("images", 1, 2, 8, 8)
        ...     def make(self):
        ...         return NASBench201Builder(channels=4, cells_per_stage=1)
        >>> TestMine().test_equal_builders_have_one_fingerprint()  # pytest runs all tests of the contract
    """

    space: SearchSpace
    """A space with uniform draws whose networks it builds."""
    shape: DataShape
    """Data that the networks read."""

    @abstractmethod
    def make(self) -> Builder:
        """The builder."""

    def test_weights_are_a_function_of_the_seed(self) -> None:
        """The global generator stays as it is."""
        builder, (arch,) = self.make(), self.space.to_architectures(draws(self.space, 1))
        with leaves_global_randomness_alone():
            first = builder.build(arch, self.shape, 5).state_dict()
        torch.rand(3)
        again = builder.build(arch, self.shape, 5).state_dict()
        assert all(torch.equal(again[key], value) for key, value in first.items())

    def test_networks_give_logits_of_every_class(self) -> None:
        """With finite gradients."""
        builder, inputs = self.make(), self.shape.example(4, torch.Generator().manual_seed(0))
        for arch in self.space.to_architectures(draws(self.space, 5)):
            logits = builder.build(arch, self.shape, 0)(*inputs)
            assert logits.shape[-1] == self.shape.classes
            assert bool(logits.isfinite().all())

    def test_equal_builders_have_one_fingerprint(self) -> None:
        """It names results in stores."""
        assert self.make().fingerprint == self.make().fingerprint

    def test_unknown_operations_are_refused(self) -> None:
        """As `InvalidArchitecture`."""
        arch = Architecture(("input", "no such operation", "output"), ((0, 1), (1, 2)))
        with refused(InvalidArchitecture):
            self.make().build(arch, self.shape, 0)
