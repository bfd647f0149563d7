"""Random search, what every other strategy is measured against."""

from __future__ import annotations

import torch

from nag.graphs import Architecture
from nag.search.draws import random_architectures
from nag.search.strategy import Strategy

__all__ = ["RandomSearch"]


class RandomSearch(Strategy):
    """Draws at random without regard to what was found (see `random_architectures`).

    Example:
        >>> import nag
        >>> from nag.search import RandomSearch
        >>> from nag.spaces import layered_space
        >>> study = nag.search(lambda arch: len(arch.edges), layered_space(5, 5), budget=4, strategy=RandomSearch)
        >>> len(study), study.best.values
        (4, {'value': 8.0})
    """

    @property
    def uses(self) -> frozenset[str]:
        """See `Strategy`."""
        return frozenset()

    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Random architectures."""
        return random_architectures(self.problem.space, n, rng)
