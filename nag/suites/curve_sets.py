"""Sources of learning curves for the suite `curves`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field

from nag.core.errors import InvalidRequest
from nag.core.numbers import Count
from nag.core.signatures import checked
from nag.evaluation.networks.small_networks import train_small_networks
from nag.tasks.tables.curves import CurveTable

__all__ = ["CurveSet", "CurveSource", "PublishedCurves", "TrainedCurves"]


class CurveSource(ABC):
    """Source of a table of learning curves."""

    @abstractmethod
    def num_budgets(self) -> int:
        """E, the number of budgets; missing data is reported here, before any computation.

        Raises:
            NagError: The data is missing or damaged.
        """

    @abstractmethod
    def load(self, seed: int) -> CurveTable:
        """The curves for a seed."""


@dataclass(frozen=True)
class PublishedCurves(CurveSource):
    """The same curves for every seed.

    Args:
        read: () -> the curves.
    """

    read: Callable[[], CurveTable]

    def num_budgets(self) -> int:
        """Number of budgets; reads the files.

        Raises:
            MissingData: A file is missing.
            DamagedFile: A file differs from the published one.
        """
        return len(self.read().budgets)

    def load(self, seed: int) -> CurveTable:
        """The curves; the seed is ignored."""
        return self.read()


@checked
@dataclass(frozen=True)
class TrainedCurves(CurveSource):
    """Curves of small networks, trained again for each seed; see `train_small_networks`.

    Args:
        count: Number of networks.
        epochs: Epochs of training.

    Raises:
        InvalidRequest: Too few networks to split, or no epoch.
    """

    count: Annotated[int, Field(ge=20)] = 100
    epochs: Count = 30

    def num_budgets(self) -> int:
        """Number of epochs; needs no data."""
        return self.epochs

    def load(self, seed: int) -> CurveTable:
        """Trains the networks; their architectures, the split of the images and the batches depend on the seed."""
        return train_small_networks(torch.Generator().manual_seed(seed), self.count, self.epochs)


@dataclass(frozen=True)
class CurveSet:
    """Learning curves and the budgets at which they are observed.

    Args:
        name: Name in the tables.
        source: Source of the curves.
        checks: Numbers of budgets at which early stopping decides.
        seen: The subset of `checks` from which final values are predicted.
    """

    name: str
    source: CurveSource
    checks: Sequence[int]
    seen: Sequence[int]

    def check(self) -> None:
        """Raises `NagError` if data is missing, or if the checks are out of range."""
        last = self.source.num_budgets() - 1
        if not self.seen or min(self.checks) < 1 or max(self.checks) > last or not set(self.seen) <= set(self.checks):
            what = f"curves {self.name} cannot be observed after {list(self.checks)} and {list(self.seen)} budgets"
            raise InvalidRequest(what, f"Checks are numbers from 1 to {last}, and seen is a subset of them.")
