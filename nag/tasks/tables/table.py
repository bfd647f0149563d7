"""The benchmark table: every architecture that somebody measured, with its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from nag.core.errors import DamagedFile, InvalidArchitecture, InvalidRequest, did_you_mean
from nag.graphs import Architecture, DagBatch
from nag.spaces import SearchSpace

__all__ = ["BenchmarkTable"]


@dataclass(frozen=True, eq=False)
class BenchmarkTable:
    """R measured architectures of one search space; loaded tables are shared, so never write into them.

    Architectures of one canonical class compute the same function, and have one value, whichever of them is asked for and
    in whatever order the rows stand: the mean over all measurements of the class. The mean estimates what training the
    function gives; the best of several measurements is biased upwards, and any single one is noisier. Where the best
    function has a single row, as in NAS-Bench-201, the published optimum stands. Counts of what is in the graph, such as
    parameters, are not noisy: their value is the least of the class, as parts that carry no signal can be left out.

    Args:
        name: Short name.
        space: The search space that the architectures belong to.
        dags: R architectures, padded to `space.max_nodes`.
        measured: Name of a metric -> (R,) float64, as measured in each row; NaN where there is no measurement.
        sizes: Metrics that count what is in the graph: numbers of parameters and of operations.
        notes: What a user should know of how it was read, one line each.

    Raises:
        DamagedFile: The shapes or types do not fit together.

    Example:
        >>> import numpy as np
        >>> from nag.spaces import layered_space
        >>> from nag.tasks import BenchmarkTable
        >>> space = layered_space(num_nodes=4, num_ops=4)
        >>> dags = space.to_dags(space.sample(3, seed=0))
        >>> table = BenchmarkTable("mine", space, dags, {"accuracy": np.array([0.7, 0.9, 0.8])})
        >>> len(table), table.values("accuracy", dags[1:2])
        (3, array([0.9]))
    """

    name: str
    space: SearchSpace
    dags: DagBatch
    measured: Mapping[str, np.ndarray]
    sizes: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows, size = len(self.dags), self.space.max_nodes
        hint = "Restore the file, or make the table anew."
        if rows == 0:
            raise DamagedFile(f"table {self.name} has no rows", hint)
        if (
            self.dags.ops.shape != (rows, size)
            or self.dags.mask.shape != (rows, size)
            or self.dags.adjacency.shape != (rows, size, size)
        ):
            raise DamagedFile(f"the graphs of table {self.name} are not padded to {size} nodes", hint)
        for metric, values in self.measured.items():
            if values.shape != (rows,) or values.dtype != np.float64:
                raise DamagedFile(f"metric '{metric}' of table {self.name} is not {rows} numbers", hint)

    def __len__(self) -> int:
        return len(self.dags)

    @cached_property
    def hashes(self) -> list[str]:
        """R digests, equal exactly for isomorphic architectures."""
        return self.space.hashes(self.dags)

    @cached_property
    def canonical(self) -> np.ndarray:
        """(R,) int64, the canonical class of each row, numbered by first appearance."""
        return self._classes[0]

    @cached_property
    def _classes(self) -> tuple[np.ndarray, dict[str, int]]:
        """Class of each row, and class of each canonical hash."""
        codes, digests = pd.factorize(np.array(self.space.canonical_hashes(self.dags), dtype=object))
        return codes.astype(np.int64), {digest: i for i, digest in enumerate(digests)}

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """Canonical hashes of the C classes, in the order of their numbers."""
        return tuple(self._classes[1])

    @cached_property
    def first_rows(self) -> np.ndarray:
        """(C,) int64, the first row of each canonical class."""
        return np.unique(self.canonical, return_index=True)[1].astype(np.int64)

    @cached_property
    def metrics(self) -> Mapping[str, np.ndarray]:
        """Name of a metric -> (R,) float64, the value of each row's canonical class; NaN where none was measured."""
        return _ClassValues(self)

    def _padded(self, dags: DagBatch) -> DagBatch:
        if dags.max_nodes > self.space.max_nodes:
            raise InvalidArchitecture(
                f"the architectures are padded to {dags.max_nodes} nodes",
                f"Those of {self.space.name} have at most {self.space.max_nodes}.",
            )
        return dags.pad(self.space.max_nodes)

    def classes_of(self, dags: DagBatch) -> np.ndarray:
        """Canonical class of each architecture.

        Args:
            dags: B architectures.

        Returns:
            (B,) int64; -1 where the table has no row of the class.

        Raises:
            InvalidArchitecture: The graphs are larger than the space's.
        """
        known = self._classes[1]
        digests = self.space.canonical_hashes(self._padded(dags))
        return np.array([known.get(digest, -1) for digest in digests], dtype=np.int64)

    def values(self, metric: str, dags: DagBatch) -> np.ndarray:
        """One metric of each architecture: the value of its canonical class.

        Args:
            metric: A key of `metrics`.
            dags: B architectures.

        Returns:
            (B,) float64; NaN where neither the architecture nor a functional twin was measured.

        Raises:
            InvalidRequest: No such metric.
            InvalidArchitecture: The graphs are larger than the space's.
        """
        return self.values_of((metric,), dags)[metric]

    def values_of(self, metrics: Iterable[str], dags: DagBatch) -> dict[str, np.ndarray]:
        """Several metrics of each architecture, as `values` does for one; graphs are hashed once."""
        columns = {name: self.metric(name) for name in metrics}
        classes = self.classes_of(dags)
        rows = self.first_rows[classes]
        return {name: np.where(classes >= 0, column[rows], np.nan) for name, column in columns.items()}

    def _check_metric(self, name: str) -> None:
        if name not in self.measured:
            raise InvalidRequest(f"table {self.name} has no metric '{name}'", did_you_mean(name, self.measured))

    def metric(self, name: str) -> np.ndarray:
        """(R,) float64, the value of each row's canonical class; NaN where none of it was measured.

        Raises:
            InvalidRequest: No such metric.
        """
        self._check_metric(name)
        return self.metrics[name]

    def architecture(self, row: int) -> Architecture:
        """The architecture of one row.

        Raises:
            InvalidRequest: The table has no such row.
        """
        if not 0 <= row < len(self):
            raise InvalidRequest(f"table {self.name} has no row {row}", f"Rows: 0 to {len(self) - 1}.")
        return self.space.to_architectures(self.dags[row : row + 1])[0]


class _ClassValues(Mapping[str, np.ndarray]):
    """The metrics of a table, each aggregated over canonical classes when it is asked for first."""

    def __init__(self, table: BenchmarkTable) -> None:
        self._table = table
        self._found: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._found:
            table = self._table
            values = _aggregated(table.measured[name], table.canonical, least=name in table.sizes)
            values.flags.writeable = False
            self._found[name] = values
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.measured)

    def __len__(self) -> int:
        return len(self._table.measured)


def _aggregated(values: np.ndarray, classes: np.ndarray, least: bool) -> np.ndarray:
    """Mean or least of the values of each row's class, without missing ones: (R,) float64.

    It does not depend on the order of rows, and equals the value itself where a class has one value only.
    """
    known = ~np.isnan(values)
    found, members = values[known], classes[known]
    result = np.full(int(classes.max()) + 1, np.nan)
    if len(found):
        order = np.lexsort((found, members))
        found, members = found[order], members[order]
        start = np.flatnonzero(np.r_[True, np.diff(members) > 0])
        last = np.r_[start[1:], len(found)] - 1
        with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
            mean = np.add.reduceat(found, start) / (last - start + 1)
            result[members[start]] = found[start] if least else np.clip(mean, found[start], found[last])
    return result[classes]
