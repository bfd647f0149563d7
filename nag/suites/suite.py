"""The suite: settings, the cells that are computed with them, and how their numbers are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nag.suites.running.cells import Cell, Measurement, cell_key
from nag.suites.running.context import CellContext

__all__ = ["Baseline", "Column", "Suite", "SuiteOptions", "Table"]


@dataclass(frozen=True)
class SuiteOptions:
    """What a user asks a suite for, beside its settings.

    Args:
        preset: `full`, `quick` or another choice of settings.
        seeds: Number of seeds of every cell; None for the suite's own numbers.
        first_seed: The seeds are `first_seed`, `first_seed + 1` and so on.
        device: Kind of accelerator, such as `cpu` or `cuda`.

    Example:
        >>> from nag.suites import SuiteOptions
        >>> SuiteOptions(seeds=3, first_seed=10).seeds_from(5)
        range(10, 13)
    """

    preset: str = "full"
    seeds: int | None = None
    first_seed: int = 0
    device: str = "cpu"

    def seeds_from(self, default: int) -> range:
        """The seeds to compute where the suite itself wants `default` of them."""
        return range(self.first_seed, self.first_seed + (default if self.seeds is None else self.seeds))

    def cells(self, seeds: int, measure: Callable[[CellContext], Sequence[Measurement]], *key: str) -> list[Cell]:
        """One cell a seed.

        Args:
            seeds: Number of seeds where the user does not say.
            measure: Computes the cell.
            key: Parts of its key, which the seed follows.
        """
        return [Cell(cell_key(*key, f"seed{seed}"), seed, measure, self.device) for seed in self.seeds_from(seeds)]


@dataclass(frozen=True)
class Column:
    """A column of a Markdown table.

    Args:
        metric: The metric that it shows.
        title: Its heading.
        format: Format specification of a number.

    Example:
        >>> from nag.suites import Column
        >>> format(0.98765, Column("accuracy", "test accuracy", ".2f").format)
        '0.99'
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

    Example:
        >>> from nag.suites import Baseline
        >>> Baseline("_reference", "uniform draws").title
        'uniform draws'
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

    Example:
        >>> from nag.suites import Baseline, Column, Table
        >>> table = Table("Quality", (Column("validity_raw", "validity"),), baselines=(Baseline("_reference", "uniform"),))
        >>> table.settings
        ('*',)
    """

    title: str
    columns: tuple[Column, ...]
    settings: tuple[str, ...] = ("*",)
    baselines: tuple[Baseline, ...] = ()


class Suite(ABC):
    """One comparison: a frozen dataclass, whose fields are its settings.

    `cells` says what is to be computed: each cell binds a method of the suite, or a function, that measures it. What a cell
    binds is all that its result depends on: cells are computed again when that changes. A suite's YAML file names the class
    and its settings; those under `presets` hold for the preset of that name, the others for all.

    Example:
        >>> from nag.suites import Column, Measurement, Suite, SuiteOptions, Table
        >>> def measure(context):
        ...     return [Measurement("nasbench201", "", "mine", "", "answer", 42.0)]
        >>> class Answers(Suite):
        ...     name, title = "answers", "Answers"
        ...     tables = (Table("Answers", (Column("answer", "answer"),)),)
        ...     protocol = "The answer is looked up."
        ...     def cells(self, options):
        ...         return options.cells(2, measure, "mine")
        >>> [cell.key for cell in Answers().cells(SuiteOptions())]
        ['mine.seed0', 'mine.seed1']
    """

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
    def protocol(self) -> str:
        """How the numbers come about: splits, sizes, baselines, references; a paragraph."""

    @property
    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """How its rows are shown."""

    @property
    def medians(self) -> tuple[str, ...]:
        """Metrics whose median over the seeds is a row too: counts without end, of which there is no mean."""
        return ()

    @abstractmethod
    def cells(self, options: SuiteOptions) -> Sequence[Cell]:
        """All cells, in the order of the tables; user's mistakes are found here, before any work.

        Raises:
            NagError: A setting is wrong, or data is missing.
        """
