"""The laws of every generator."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from nag.core.errors import InvalidRequest, NagError
from nag.core.randomness import seeded
from nag.diffusion import Generator
from nag.graphs import DagBatch
from nag.spaces import SearchSpace
from nag.testing.laws import draws, leaves_global_randomness_alone, refused, same_graphs, through_a_file

__all__ = ["GeneratorContract"]


class GeneratorContract(ABC):
    """Contract of `nag.diffusion.Generator`.

    Example:
        >>> from nag.diffusion import DiscreteGenerator
        >>> from nag.spaces import load_space
        >>> from nag.testing import GeneratorContract
        >>> class TestMine(GeneratorContract):
        ...     space = load_space("nas_bench_graph")
        ...     def make(self, space, data):
        ...         return DiscreteGenerator(space, data, width=8, layers=1, heads=2)
        >>> TestMine().test_a_step_of_training_has_a_finite_loss()  # pytest runs all tests of the contract
    """

    space: SearchSpace
    """A space with uniform draws."""
    trainable = True
    """Whether it has a loss."""

    @abstractmethod
    def make(self, space: SearchSpace, data: DagBatch) -> Generator:
        """An untrained generator."""

    def made(self) -> Generator:
        """One in evaluation mode, the same each time."""
        with seeded(0):
            return self.make(self.space, draws(self.space, 50)).eval()

    def test_samples_are_acyclic_keep_the_masks_and_follow_the_seed(self) -> None:
        """Entries stand above the diagonal alone, and every category is allowed."""
        generator = self.made()
        with leaves_global_randomness_alone():
            first = generator.sample(20, torch.Generator().manual_seed(1))
        again, other = (generator.sample(20, torch.Generator().manual_seed(seed)) for seed in (1, 2))
        assert len(first) == 20
        assert not bool(first.adjacency.tril().any())
        assert bool(self.space._keeps_masks(first).all())
        assert same_graphs(first, again)
        assert not same_graphs(first, other)

    def test_a_loaded_generator_draws_the_same_samples(self) -> None:
        """Fitted values are in the state, all else in the config."""
        generator = self.made()
        loaded = through_a_file(generator)
        assert isinstance(loaded, Generator)
        assert loaded.config() == generator.config()
        first, again = (each.sample(20, torch.Generator().manual_seed(1)) for each in (generator, loaded))
        assert same_graphs(first, again)

    def test_what_does_not_fit_together_is_refused(self) -> None:
        """An unknown argument, impossible counts."""
        generator = self.made()
        with refused(NagError):
            type(generator).restore(self.space, {**generator.config(), "no such option": 1}, generator.state_dict())
        for count, steps in ((0, None), (5, 0)):
            with refused(InvalidRequest):
                generator.sample(count, torch.Generator(), steps)

    def test_a_step_of_training_has_a_finite_loss(self) -> None:
        """Gradients reach its parameters."""
        generator = self.made()
        if not self.trainable:
            return
        loss = generator.loss(draws(self.space, 16), torch.Generator().manual_seed(0)).total
        assert bool(loss.isfinite())
        loss.backward()
        assert any(parameter.grad is not None for parameter in generator.parameters())
