"""The cell: the smallest part of a suite, computed at once and kept in a file of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from nag.core.documents import explain, read_json, shortened
from nag.core.errors import DamagedFile
from nag.core.files import write_json
from nag.core.numbers import Finite, NonNegative, Size
from nag.evaluation import Stopwatch
from nag.suites.running.context import CellContext
from nag.suites.running.fingerprint import fingerprint

__all__ = ["Cell", "CellResult", "Measurement", "cell_key", "compute_cell", "measurements", "read_cell"]

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]*")


@dataclass(frozen=True)
class Measurement:
    """One number, for one seed.

    Args:
        space: Search space.
        task: Task; empty where there is none.
        method: What is compared.
        setting: Under which circumstances, such as `budget=100`; empty where there is only one.
        metric: What is measured; `<metric>_reference` is what uniform draws give.
        value: The number; None where there is none (not reached, not defined). Numbers that are not finite become None.
        labels: Labels that the result consumed.

    Example:
        >>> from nag.suites import Measurement
        >>> Measurement("nasbench201", "cifar10", "random", "budget=50", "regret", float("inf")).value
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    space: str
    task: str
    method: str
    setting: str
    metric: str
    value: Finite | None
    labels: NonNegative = 0

    def __post_init__(self) -> None:
        if self.value is not None:
            number = float(self.value)
            object.__setattr__(self, "value", number if math.isfinite(number) else None)


def measurements(
    space: str, task: str, method: str, setting: str, values: Mapping[str, float | None], labels: float = 0
) -> list[Measurement]:
    """One measurement for each metric.

    Args:
        space: Search space.
        task: Task; empty where there is none.
        method: What is compared.
        setting: Under which circumstances.
        values: Metric -> value.
        labels: Labels that the result consumed.

    Example:
        >>> from nag.suites import measurements
        >>> [found.metric for found in measurements("nasbench201", "cifar10", "random", "", {"regret": 0.4, "best": 94.1})]
        ['regret', 'best']
    """
    return [Measurement(space, task, method, setting, metric, value, labels) for metric, value in values.items()]


def cell_key(*parts: str) -> str:
    """Parts joined by dots, safe as the name of a file.

    Example:
        >>> from nag.suites import cell_key
        >>> cell_key("nasbench201/cifar10", "seed0")
        'nasbench201_cifar10.seed0'
    """
    return ".".join(re.sub(r"[^A-Za-z0-9_=+-]+", "_", part) for part in parts)


@dataclass(frozen=True)
class Cell:
    """A part of a suite that is computed or not, never half.

    Args:
        key: Unique in its suite and safe as the name of a file.
        seed: Seed of its randomness.
        run: Measures; a function at the top level of a module, a method of a frozen object, or a partial of one with plain
            or frozen arguments, so that it can be sent to another process and its configuration can be compared.
        accelerator: Kind of accelerator that it is computed on.

    Raises:
        ValueError: The key is not safe.

    Example:
        >>> from pathlib import Path
        >>> from nag.suites import Cell
        >>> def measure(context):
        ...     return []
        >>> Cell("cifar10.seed0", 0, measure).path(Path("my_suite")).name
        'cifar10.seed0.json'
    """

    key: str
    seed: int
    run: Callable[[CellContext], Sequence[Measurement]]
    accelerator: str = "cpu"

    def __post_init__(self) -> None:
        if not _SAFE.fullmatch(self.key):
            raise ValueError(f"'{self.key}' cannot name a cell")

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all that its result depends on."""
        return fingerprint(self.key, self.seed, self.run, self.accelerator)

    def context(self, folder: Path) -> CellContext:
        """What it is computed with, where results are kept in a folder."""
        return CellContext(folder, self.seed, self.accelerator)

    def path(self, folder: Path) -> Path:
        """Where its result is kept."""
        return folder / "cells" / f"{self.key}.json"


@dataclass(frozen=True)
class CellResult:
    """A finished cell.

    Args:
        key: Key of the cell.
        seed: Its seed.
        fingerprint: Digest of the configuration that it was computed with.
        hardware: What it was computed on.
        cpu_seconds: What it cost, with the products that it used.
        measurements: What it found.

    Example:
        >>> from nag.suites import CellResult, Measurement
        >>> found = Measurement("nasbench201", "cifar10", "random", "budget=50", "regret", 0.4)
        >>> CellResult("random.seed0", 0, "00ff", "one CPU", cpu_seconds=2.0, measurements=(found,)).measurements[0].value
        0.4
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    key: str
    seed: Size
    fingerprint: str
    hardware: str
    cpu_seconds: NonNegative
    measurements: tuple[Measurement, ...]


_RESULT = TypeAdapter(CellResult)


def compute_cell(cell: Cell, folder: Path, hardware: str) -> CellResult:
    """Computes a cell and keeps its result.

    Raises:
        ValueError: The cell measures one thing twice, which would count as two seeds.
    """
    watch, context = Stopwatch(), cell.context(folder)
    found = tuple(cell.run(context))
    names = [replace(measurement, value=None, labels=0) for measurement in found]
    if len(set(names)) < len(names):
        raise ValueError(f"cell {cell.key} measures one thing twice")
    cpu = round(watch.cpu + context.earlier_cpu_seconds, 3)
    result = CellResult(cell.key, cell.seed, cell.fingerprint, hardware, cpu, found)
    write_json(cell.path(folder), asdict(result))
    return result


def read_cell(cell: Cell, folder: Path) -> CellResult | None:
    """The result of a cell that was computed before; None if it was not.

    Raises:
        DamagedFile: The file is damaged, or of another configuration.
    """
    path = cell.path(folder)
    if not path.is_file():
        return None
    try:
        result = _RESULT.validate_python(read_json(path))
    except ValidationError as error:
        raise DamagedFile(f"'{shortened(str(path))}' holds no cell: {explain(error)[0]}") from error
    if result.fingerprint != cell.fingerprint:
        raise DamagedFile(f"'{path}' was computed with another configuration or version")
    return result
