"""Observations: measured architectures of one search space, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import pandas as pd

from nag.core.errors import InvalidRequest, did_you_mean
from nag.graphs import Architecture, DagBatch
from nag.spaces import SearchSpace
from nag.tasks.metric import Metric
from nag.tasks.objective import Objective
from nag.tasks.observation_frame import frame_of, read_frame
from nag.tasks.tables.csv_table import read_csv_table

__all__ = ["Observation", "Observations"]

_SHOWN = 10


@dataclass(frozen=True)
class Observation:
    """One measured architecture.

    Args:
        architecture: What was measured.
        canonical_hash: Hash of its canonical form.
        values: Metric -> value; nan where it was not measured.

    Example:
        >>> from nag.spaces import load_space
        >>> from nag.tasks import Observation
        >>> space = load_space("nas_bench_graph")
        >>> Observation.of(space, space.sample(1, seed=0)[0], {"accuracy": 0.8}).values
        {'accuracy': 0.8}
    """

    architecture: Architecture
    canonical_hash: str
    values: Mapping[str, float]

    @classmethod
    def of(cls, space: SearchSpace, architecture: Architecture, values: Mapping[str, float]) -> Observation:
        """The observation of an architecture whose hash is not at hand."""
        return cls(architecture, space.canonical_hashes(space.to_dags([architecture]))[0], values)


@dataclass(frozen=True, eq=False)
class Observations(Sequence[Observation]):
    """Architectures of one space with the values of named metrics, in a fixed order.

    Args:
        space: The search space.
        architectures: n architectures.
        columns: Name of a metric -> (n,) float64; nan where it was not measured.
        metrics: Name, direction and unit of each column, in order; the first one is the objective unless another is named.

    Raises:
        InvalidRequest: There is no metric, or a column does not fit.

    Example:
        >>> from nag.spaces import load_space
        >>> space = load_space("nasbench201")
        >>> found = Observations(space, space.sample(3, seed=0), {"accuracy": [1.0, 3.0, 2.0]}, (Metric("accuracy"),))
        >>> len(found), found.best().values["accuracy"]
        (3, 3.0)
    """

    space: SearchSpace
    architectures: tuple[Architecture, ...]
    columns: Mapping[str, np.ndarray]
    metrics: tuple[Metric, ...]

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        if not names or len(set(names)) != len(names) or set(names) != set(self.columns):
            raise InvalidRequest(
                f"the metrics {names} do not describe the columns {list(self.columns)}", "Describe each column once."
            )
        object.__setattr__(self, "architectures", tuple(self.architectures))
        columns = {name: np.asarray(self.columns[name], dtype=np.float64) for name in names}
        for name, column in columns.items():
            if column.shape != (len(self),):
                raise InvalidRequest(f"'{name}' has not one value for each of {len(self)} architectures", "Pass one for each.")
        object.__setattr__(self, "columns", columns)

    @classmethod
    def from_csv(
        cls, path: str | Path, space: SearchSpace, metrics: Sequence[Metric | str] = (), arch_column: str = "arch"
    ) -> Observations:
        """Reads a CSV or Parquet file of native strings and numbers (see `read_csv_table`).

        Args:
            path: The file.
            space: The search space.
            metrics: Columns to keep; of one that is given by its name, higher is better. All columns of numbers if empty.
            arch_column: The column of native strings.

        Raises:
            MissingData: There is no such file.
            DamagedFile: It is no such table, or holds an invalid architecture.
            InvalidRequest: It has no such metric.
        """
        described = _described(metrics)
        table = read_csv_table(Path(path).expanduser(), space, arch_column, metrics=[each.name for each in described])
        return cls._of_columns(space, space.to_architectures(table.dags), table.measured, described)

    @classmethod
    def from_pandas(
        cls, frame: pd.DataFrame, space: SearchSpace, metrics: Sequence[Metric | str] = (), arch_column: str = "arch"
    ) -> Observations:
        """Reads a data frame with a column of native strings, as `to_pandas` makes it; arguments as of `from_csv`.

        Raises:
            InvalidArchitecture: A string is no architecture of the space.
            InvalidRequest: There is no such column.
        """
        architectures, columns = read_frame(frame, space, arch_column)
        return cls._of_columns(space, architectures, columns, _described(metrics))

    @classmethod
    def _of_columns(
        cls,
        space: SearchSpace,
        architectures: Sequence[Architecture],
        columns: Mapping[str, np.ndarray],
        metrics: Sequence[Metric],
    ) -> Observations:
        for metric in metrics:
            _check_name(metric.name, columns)
        metrics = metrics or [Metric(name) for name in columns]
        return cls(space, tuple(architectures), {each.name: columns[each.name] for each in metrics}, tuple(metrics))

    @classmethod
    def concat(cls, parts: Sequence[Observations]) -> Observations:
        """Observations of several tables, one after the other; nan where a part lacks a metric of another.

        Raises:
            InvalidRequest: There are no parts, their spaces differ, or a metric is described in two ways.
        """
        if len({part.space for part in parts}) != 1:
            raise InvalidRequest(f"{len(parts)} tables of observations have not one space", "Join those of one search space.")
        metrics = {metric.name: metric for part in parts for metric in part.metrics}
        for metric in [metric for part in parts for metric in part.metrics]:
            if metric != metrics[metric.name]:
                raise InvalidRequest(f"metric '{metric.name}' is described in two ways", "Give it one direction and one unit.")
        columns = {
            name: np.concatenate([part.columns.get(name, np.full(len(part), np.nan)) for part in parts]) for name in metrics
        }
        archs = tuple(arch for part in parts for arch in part.architectures)
        return cls(parts[0].space, archs, columns, tuple(metrics.values()))

    def __len__(self) -> int:
        return len(self.architectures)

    @overload
    def __getitem__(self, where: int) -> Observation: ...
    @overload
    def __getitem__(self, where: slice | Sequence[int] | np.ndarray) -> Observations: ...
    def __getitem__(self, where: int | slice | Sequence[int] | np.ndarray) -> Observation | Observations:
        """One observation by its place, or those of a slice, of places or of a mask."""
        if isinstance(where, int | np.integer):
            row = range(len(self))[int(where)]
            values = {name: float(column[row]) for name, column in self.columns.items()}
            return Observation(self.architectures[row], self.hashes[row], values)
        rows = np.arange(len(self))[where if isinstance(where, slice) else np.asarray(where)]
        archs = tuple(self.architectures[row] for row in rows.tolist())
        return Observations(self.space, archs, {name: column[rows] for name, column in self.columns.items()}, self.metrics)

    def __iter__(self) -> Iterator[Observation]:
        return (self[row] for row in range(len(self)))

    @cached_property
    def dags(self) -> DagBatch:
        """The n architectures as integers."""
        return self.space.to_dags(self.architectures)

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """Canonical hash of each architecture."""
        return tuple(self.space.canonical_hashes(self.dags)) if len(self) else ()

    def values(self, metric: str | None = None) -> np.ndarray:
        """Values of a metric, of the first one if None: (n,) float64, nan where it was not measured.

        Raises:
            InvalidRequest: There is no such metric.
        """
        name = self.metrics[0].name if metric is None else metric
        _check_name(name, self.columns)
        return self.columns[name]

    def best(self, objective: Objective | None = None) -> Observation | None:
        """The best feasible observation; None where none is feasible.

        Args:
            objective: What is best; the first metric in its direction if None.
        """
        return (objective or Objective.single(self.metrics[0])).best(self)

    def to_pandas(self) -> pd.DataFrame:
        """A data frame with the columns `arch` (native string), `canonical_hash`, and one for each metric."""
        return frame_of(self.space, self.architectures, self.hashes, self.columns)

    def __repr__(self) -> str:
        return f"Observations({len(self)} of {self.space.name}: {', '.join(map(str, self.metrics))})"

    def _repr_html_(self) -> str:
        table = self[:_SHOWN].to_pandas().drop(columns="canonical_hash").to_html(index=False, na_rep="")
        more = "" if len(self) <= _SHOWN else f"<p>{len(self)} architectures, of which the first {_SHOWN} are shown</p>"
        return table + more


def _described(metrics: Sequence[Metric | str]) -> list[Metric]:
    return [Metric(metric) if isinstance(metric, str) else metric for metric in metrics]


def _check_name(name: str, columns: Mapping[str, np.ndarray]) -> None:
    if name not in columns:
        raise InvalidRequest(f"there are no values of a metric '{name}'", did_you_mean(name, columns))
