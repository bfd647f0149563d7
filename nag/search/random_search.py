"""Random search, what every other strategy is measured against."""

from __future__ import annotations

import torch

from nag.graphs import Architecture
from nag.search.draws import random_architectures
from nag.search.strategy import Strategy

__all__ = ["RandomSearch"]


class RandomSearch(Strategy):
    """Draws at random without regard to what was found (see `random_architectures`)."""

    @property
    def uses(self) -> frozenset[str]:
        """See `Strategy`."""
        return frozenset()

    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Random architectures."""
        return random_architectures(self.problem.space, n, rng)
