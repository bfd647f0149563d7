"""The benchmark table: every architecture that somebody measured, with its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from nag.errors import DamagedFile, InvalidArchitecture, InvalidRequest, did_you_mean
from nag.graphs import Architecture, DagBatch
from nag.spaces import SearchSpace

__all__ = ["BenchmarkTable"]


@dataclass(frozen=True, eq=False)
class BenchmarkTable:
    """R measured architectures of one search space; loaded tables are shared, so never write into them.

    Args:
        name: Short name.
        space: The search space that the architectures belong to.
        dags: R architectures, padded to `space.max_nodes`.
        metrics: Name -> (R,) float64; NaN where there is no measurement.

    Raises:
        DamagedFile: The shapes or types do not fit together.
    """

    name: str
    space: SearchSpace
    dags: DagBatch
    metrics: Mapping[str, np.ndarray]

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
        for metric, values in self.metrics.items():
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
    def _row_of_hash(self) -> dict[str, int]:
        rows: dict[str, int] = {}
        for row, digest in enumerate(self.hashes):
            rows.setdefault(digest, row)
        return rows

    @cached_property
    def _first_rows(self) -> np.ndarray:
        """(C,) int64, the first row of each canonical class."""
        return np.unique(self.canonical, return_index=True)[1].astype(np.int64)

    def _padded(self, dags: DagBatch) -> DagBatch:
        if dags.max_nodes > self.space.max_nodes:
            raise InvalidArchitecture(
                f"the architectures are padded to {dags.max_nodes} nodes",
                f"Those of {self.space.name} have at most {self.space.max_nodes}.",
            )
        return dags.pad(self.space.max_nodes)

    def _exact_rows(self, dags: DagBatch) -> np.ndarray:
        """(B,) int64, the row of the same graph, or -1."""
        return np.array([self._row_of_hash.get(digest, -1) for digest in self.space.hashes(dags)], dtype=np.int64)

    def _class_of(self, dags: DagBatch) -> np.ndarray:
        """(B,) int64, the canonical class of each architecture, or -1 where the table has none of it."""
        known = self._classes[1]
        return np.array([known.get(digest, -1) for digest in self.space.canonical_hashes(dags)], dtype=np.int64)

    def lookup(self, dags: DagBatch) -> np.ndarray:
        """Row of each architecture: of the same graph, else the first row of its canonical class, else -1.

        Args:
            dags: B architectures.

        Returns:
            (B,) int64.

        Raises:
            InvalidArchitecture: The graphs are larger than the space's.
        """
        dags = self._padded(dags)
        rows = self._exact_rows(dags)
        absent = np.flatnonzero(rows < 0)
        if len(absent):
            classes = self._class_of(dags[torch.from_numpy(absent)])
            rows[absent] = np.where(classes >= 0, self._first_rows[classes], -1)
        return rows

    def values(self, metric: str, dags: DagBatch) -> np.ndarray:
        """One metric of each architecture: of its own row if it was measured, else the mean over its canonical class.

        Args:
            metric: A key of `metrics`.
            dags: B architectures.

        Returns:
            (B,) float64; NaN where neither the graph nor a functional twin was measured.

        Raises:
            InvalidRequest: No such metric.
            InvalidArchitecture: The graphs are larger than the space's.
        """
        return self.values_of((metric,), dags)[metric]

    def values_of(self, metrics: Iterable[str], dags: DagBatch) -> dict[str, np.ndarray]:
        """Several metrics of each architecture, as `values` does for one; graphs are hashed once."""
        columns, dags = {name: self.metric(name) for name in metrics}, self._padded(dags)
        rows = self._exact_rows(dags)
        found = {name: np.where(rows >= 0, column[rows], np.nan) for name, column in columns.items()}
        absent = np.flatnonzero(np.isnan([*found.values()]).any(0))
        if len(absent):
            classes = self._class_of(dags[torch.from_numpy(absent)])
            for name, values in found.items():
                gaps = np.isnan(values[absent])
                if gaps.any():
                    means = pd.Series(columns[name]).groupby(self.canonical).mean().to_numpy()
                    twins = np.where(classes >= 0, means[classes], np.nan)
                    values[absent[gaps]] = twins[gaps]
        return found

    def metric(self, name: str) -> np.ndarray:
        """(R,) float64, one column of the table.

        Raises:
            InvalidRequest: No such metric.
        """
        if name not in self.metrics:
            raise InvalidRequest(f"table {self.name} has no metric '{name}'", did_you_mean(name, self.metrics))
        return self.metrics[name]

    def architecture(self, row: int) -> Architecture:
        """The architecture of one row.

        Raises:
            InvalidRequest: The table has no such row.
        """
        if not 0 <= row < len(self):
            raise InvalidRequest(f"table {self.name} has no row {row}", f"Rows: 0 to {len(self) - 1}.")
        return self.space.to_architectures(self.dags[row : row + 1])[0]
