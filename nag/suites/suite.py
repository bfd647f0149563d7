"""What a suite is: cells to compute, and how their numbers are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nag.core.errors import InvalidRequest, did_you_mean
from nag.suites.cells import Cell

__all__ = ["Baseline", "Column", "Suite", "SuiteOptions", "Table", "chosen"]

Preset = TypeVar("Preset")


@dataclass(frozen=True)
class SuiteOptions:
    """What a user asks a suite for.

    Args:
        preset: `full`, `quick` or another size that the suite knows.
        seeds: Number of seeds of every cell; None for the suite's own numbers.
        first_seed: The seeds are `first_seed`, `first_seed + 1` and so on.
        device: Kind of accelerator, such as `cpu` or `cuda`.
    """

    preset: str = "full"
    seeds: int | None = None
    first_seed: int = 0
    device: str = "cpu"

    def seeds_from(self, default: int) -> range:
        """The seeds to compute where the suite itself wants `default` of them."""
        return range(self.first_seed, self.first_seed + (default if self.seeds is None else self.seeds))


@dataclass(frozen=True)
class Column:
    """A column of a Markdown table.

    Args:
        metric: The metric that it shows.
        title: Its heading.
        format: Format specification of a number.
    """

    metric: str
    title: str
    format: str = ".3f"


@dataclass(frozen=True)
class Baseline:
    """A line above the methods, for metrics that come with a value to compare with.

    Args:
        suffix: The line shows `<metric><suffix>` in the column of each metric.
        title: What the line is called.
    """

    suffix: str
    title: str


@dataclass(frozen=True)
class Table:
    """A Markdown table, made for each space and task that has such rows.

    Args:
        title: Its heading.
        columns: What it shows, beside labels, seeds and CPU seconds.
        settings: The settings that it shows, as patterns with `*`.
        baselines: Lines above the methods.
    """

    title: str
    columns: tuple[Column, ...]
    settings: tuple[str, ...] = ("*",)
    baselines: tuple[Baseline, ...] = ()


class Suite(ABC):
    """A set of cells that make up one comparison."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name, as rows and files have it."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Heading of its page."""

    @property
    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """How its rows are shown."""

    @property
    def medians(self) -> tuple[str, ...]:
        """Metrics whose median over the seeds is a row too: counts without end, of which there is no mean."""
        return ()

    @abstractmethod
    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about: splits, sizes, baselines, references; a paragraph."""

    @abstractmethod
    def cells(self, options: SuiteOptions) -> Sequence[Cell]:
        """All cells, in the order of the tables; user's mistakes are found here, before any work.

        Raises:
            NagError: An option is wrong, or data is missing.
        """


def chosen(presets: Mapping[str, Preset], options: SuiteOptions) -> Preset:
    """The preset that the options name.

    Raises:
        InvalidRequest: There is none of that name.
    """
    if options.preset not in presets:
        raise InvalidRequest(f"unknown preset '{options.preset}'", did_you_mean(options.preset, presets))
    return presets[options.preset]
