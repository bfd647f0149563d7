"""The suite: settings, the cells to compute, and the tables of their results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nag.suites.running.cells import Cell, Measurement, cell_key
from nag.suites.running.context import CellContext

__all__ = ["Baseline", "Column", "Suite", "SuiteOptions", "Table"]


@dataclass(frozen=True)
class SuiteOptions:
    """Options of a run that are not settings of the suite.

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
        """The seeds to compute: `default` of them unless the user gives a number."""
        return range(self.first_seed, self.first_seed + (default if self.seeds is None else self.seeds))

    def cells(self, seeds: int, measure: Callable[[CellContext], Sequence[Measurement]], *key: str) -> list[Cell]:
        """One cell a seed.

        Args:
            seeds: Number of seeds unless the user gives one.
            measure: Computes the cell.
            key: Parts of its key; the seed is appended.
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
    """A row above the methods with reference values of the metrics.

    Args:
        suffix: The row shows `<metric><suffix>` in the column of each metric.
        title: Name of the row.

    Example:
        >>> from nag.suites import Baseline
        >>> Baseline("_reference", "uniform draws").title
        'uniform draws'
    """

    suffix: str
    title: str


@dataclass(frozen=True)
class Table:
    """A Markdown table for each space and task with matching rows.

    Args:
        title: Its heading.
        columns: Its metrics; labels, seeds and CPU seconds are added.
        settings: Patterns (with `*`) of the settings that it shows.
        baselines: Reference rows above the methods.

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
    """One comparison: a frozen dataclass whose fields are its settings.

    `cells` lists what to compute: each cell binds a method of the suite, or a function, together with everything that its
    result depends on; a cell is computed again when that changes. A suite's YAML file names the class and its settings; those
    under `presets` apply to the preset of that name, the others to all presets.

    Example:
        >>> from nag.suites import Column, Measurement, Suite, SuiteOptions, Table
        >>> def measure(context):
        ...     return [Measurement("nasbench201", "", "mine", "", "answer", 42.0)]
        >>> class Answers(Suite):
        ...     name, title = "answers", "Answers"
        ...     tables = (Table("Answers", (Column("answer", "answer"),)),)
        ...     protocol = "The answer is read from a book."
        ...     def cells(self, options):
        ...         return options.cells(2, measure, "mine")
        >>> [cell.key for cell in Answers().cells(SuiteOptions())]
        ['mine.seed0', 'mine.seed1']
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in rows and file names."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Heading of its page."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """Measurement protocol in prose: splits, sizes, baselines and references."""

    @property
    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """Tables of its page."""

    @property
    def medians(self) -> tuple[str, ...]:
        """Metrics that also get a median over the seeds: counts that are unbounded where a target is not reached."""
        return ()

    @abstractmethod
    def cells(self, options: SuiteOptions) -> Sequence[Cell]:
        """All cells, in the order of the tables; user errors are raised here, before any computation.

        Raises:
            NagError: A setting is wrong, or data is missing.
        """
