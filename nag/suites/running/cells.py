"""The cell: the smallest unit of a suite, computed as a whole and stored in its own file."""

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
    """One number for one seed.

    Args:
        space: Search space.
        task: Task; may be empty.
        method: The compared method.
        setting: Experimental condition, such as `budget=100`; empty if there is only one.
        metric: The metric; `<metric>_reference` is its value for uniform draws.
        value: The value; None if undefined or not reached. Non-finite values become None.
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
        task: Task; may be empty.
        method: The compared method.
        setting: Experimental condition.
        values: Metric -> value.
        labels: Labels that the result consumed.

    Example:
        >>> from nag.suites import measurements
        >>> [found.metric for found in measurements("nasbench201", "cifar10", "random", "", {"regret": 0.4, "best": 94.1})]
        ['regret', 'best']
    """
    return [Measurement(space, task, method, setting, metric, value, labels) for metric, value in values.items()]


def cell_key(*parts: str) -> str:
    """The parts joined by dots; a valid file name.

    Example:
        >>> from nag.suites import cell_key
        >>> cell_key("nasbench201/cifar10", "seed0")
        'nasbench201_cifar10.seed0'
    """
    return ".".join(re.sub(r"[^A-Za-z0-9_=+-]+", "_", part) for part in parts)


@dataclass(frozen=True)
class Cell:
    """The unit of computation and resumption of a suite.

    Args:
        key: Unique in its suite; a valid file name.
        seed: Seed of its randomness.
        run: Computes it: a function at the top level of a module, a method of a frozen object, or a partial of one with plain
            or frozen arguments, so that it can be sent to another process and its configuration can be compared.
        accelerator: Kind of accelerator.

    Raises:
        ValueError: The key is not a valid file name.

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
        """Digest of everything that its result depends on."""
        return fingerprint(self.key, self.seed, self.run, self.accelerator)

    def context(self, folder: Path) -> CellContext:
        """Its context in a run folder."""
        return CellContext(folder, self.seed, self.accelerator)

    def path(self, folder: Path) -> Path:
        """Path of its result in a run folder."""
        return folder / "cells" / f"{self.key}.json"


@dataclass(frozen=True)
class CellResult:
    """A finished cell.

    Args:
        key: Key of the cell.
        seed: Its seed.
        fingerprint: Digest of its configuration.
        hardware: Description of the hardware.
        cpu_seconds: CPU seconds, including those of the shared models that it used.
        measurements: Its measurements.

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
    """Computes a cell and stores its result.

    Raises:
        ValueError: The cell measures something twice, which would count as two seeds.
    """
    watch, context = Stopwatch(), cell.context(folder)
    found = tuple(cell.run(context))
    names = [replace(measurement, value=None, labels=0) for measurement in found]
    if len(set(names)) < len(names):
        raise ValueError(f"cell {cell.key} measures something twice")
    cpu = round(watch.cpu + context.earlier_cpu_seconds, 3)
    result = CellResult(cell.key, cell.seed, cell.fingerprint, hardware, cpu, found)
    write_json(cell.path(folder), asdict(result))
    return result


def read_cell(cell: Cell, folder: Path) -> CellResult | None:
    """The stored result of a cell; None if there is none.

    Raises:
        DamagedFile: The file is damaged, or belongs to another configuration.
    """
    path = cell.path(folder)
    if not path.is_file():
        return None
    try:
        result = _RESULT.validate_python(read_json(path))
    except ValidationError as error:
        raise DamagedFile(f"'{shortened(str(path))}' is not a result of a cell: {explain(error)[0]}") from error
    if result.fingerprint != cell.fingerprint:
        raise DamagedFile(f"'{path}' was computed with another configuration or version")
    return result
