"""Where the suite `curves` takes its curves from."""

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
from nag.evaluation.small_networks import train_small_networks
from nag.tasks.tables.curves import CurveTable

__all__ = ["CurveSet", "CurveSource", "PublishedCurves", "TrainedCurves"]


class CurveSource(ABC):
    """Gives a table of curves."""

    @abstractmethod
    def num_budgets(self) -> int:
        """E, the number of budgets; missing data is found here, before any work.

        Raises:
            NagError: The data is missing or damaged.
        """

    @abstractmethod
    def load(self, seed: int) -> CurveTable:
        """The curves that are measured with this seed."""


@dataclass(frozen=True)
class PublishedCurves(CurveSource):
    """The same curves for every seed.

    Args:
        read: () -> the curves.
    """

    read: Callable[[], CurveTable]

    def num_budgets(self) -> int:
        """Number of budgets; reads them.

        Raises:
            MissingData: A file is not there.
            DamagedFile: A file is not the published one.
        """
        return len(self.read().budgets)

    def load(self, seed: int) -> CurveTable:
        """The curves, whatever the seed."""
        return self.read()


@checked
@dataclass(frozen=True)
class TrainedCurves(CurveSource):
    """Small networks that are trained anew for each seed; see `train_small_networks`.

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
        """Trains them: networks, split of the images and batches follow from the seed."""
        return train_small_networks(torch.Generator().manual_seed(seed), self.count, self.epochs)


@dataclass(frozen=True)
class CurveSet:
    """Curves, and where they are looked at.

    Args:
        name: Name in the tables.
        source: Gives the curves.
        checks: Numbers of budgets at which early stopping looks at a run.
        seen: Those among them from which final values are predicted.
    """

    name: str
    source: CurveSource
    checks: Sequence[int]
    seen: Sequence[int]

    def check(self) -> None:
        """Raises `NagError` if data is missing, or there is nothing to look at or nothing left to predict."""
        last = self.source.num_budgets() - 1
        if not self.seen or min(self.checks) < 1 or max(self.checks) > last or not set(self.seen) <= set(self.checks):
            what = f"curves {self.name} cannot be looked at after {list(self.checks)} and {list(self.seen)} budgets"
            raise InvalidRequest(what, f"Checks are numbers from 1 to {last}, and what is seen is some of them.")
