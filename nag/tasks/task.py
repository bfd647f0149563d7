"""The task: which metric of a table a strategy may see, and which one the results show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from nag.core.errors import InvalidRequest
from nag.graphs import Architecture, DagBatch
from nag.spaces import SearchSpace
from nag.tasks.goal import Objective
from nag.tasks.metric import Metric
from nag.tasks.observations import Observations
from nag.tasks.tables.table import BenchmarkTable

__all__ = ["Task"]


@dataclass(frozen=True, eq=False)
class Task:
    """A benchmark table with a search metric and a report metric.

    All values are those of canonical classes (see `BenchmarkTable`), so that the optimum can be reached by a search and
    percentiles, splits and look-ups agree.

    Args:
        name: Name, such as `nas_bench_graph/cora`.
        table: The measurements.
        search_metric: What a strategy may see.
        report_metric: What the results show; may be the same.
        maximise: Whether more is better, in both.
        side_metrics: Hardware costs and the like (parameters, latency) that limits can be put on.
        note: Units and source, one line.
        descriptor: Facts of the task's data, such as its size, by which a meta-predictor tells how alike tasks are.

    Raises:
        InvalidRequest: The table has no such metric, or no row has both.
    """

    name: str
    table: BenchmarkTable
    search_metric: str
    report_metric: str
    maximise: bool = True
    side_metrics: tuple[str, ...] = ()
    note: str = ""
    descriptor: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for metric in (self.search_metric, self.report_metric, *self.side_metrics):
            if metric not in self.table.measured:
                self.table.metric(metric)
        measured = [self.table.measured[metric] for metric in (self.search_metric, self.report_metric)]
        together = np.isfinite(measured).all(0).any() and not np.isinf(measured).any()
        if not together and len(self.rows) == 0:  # where the rows tell, classes are not told apart before somebody needs them
            raise InvalidRequest(
                f"task {self.name} has no row with both metrics", "Choose metrics that were measured together."
            )

    @property
    def sign(self) -> float:
        """1 if more is better, else -1."""
        return Objective(self.search_metric, self.maximise).sign

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.table.space

    @property
    def search_values(self) -> np.ndarray:
        """(R,) float64, the search metric of each row's canonical class; NaN where missing."""
        return self.table.metric(self.search_metric)

    @property
    def report_values(self) -> np.ndarray:
        """(R,) float64, the report metric of each row's canonical class; NaN where missing."""
        return self.table.metric(self.report_metric)

    @cached_property
    def rows(self) -> np.ndarray:
        """Rows whose search and report metric are both finite, ascending, int64."""
        return np.flatnonzero(np.isfinite(self.search_values) & np.isfinite(self.report_values))

    @cached_property
    def distinct_rows(self) -> np.ndarray:
        """The first row of each canonical class among `rows`, ascending, int64: one row for all that a search can find."""
        return np.intersect1d(self.rows, self.table.first_rows)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The search metric, the report metric and the side metrics, each once; less is better of a side metric."""
        chief = [Metric(name, self.maximise) for name in dict.fromkeys((self.search_metric, self.report_metric))]
        names = {metric.name for metric in chief}
        return (*chief, *(Metric(name, maximise=False) for name in self.side_metrics if name not in names))

    def measure(self, architectures: Sequence[Architecture]) -> Observations:
        """All metrics of architectures; nan where neither an architecture nor a functional twin was measured.

        Args:
            architectures: n architectures of the space.

        Raises:
            InvalidArchitecture: An architecture is not of the space.

        Example:
            >>> from nag.tasks import load_task
            >>> task = load_task("nas_bench_graph/cora")  # doctest: +SKIP
            >>> task.measure(task.space.sample(100, seed=0)).to_pandas()  # doctest: +SKIP
        """
        names, dags = [metric.name for metric in self.metrics], self.space.to_dags(architectures)
        for row in (~self.space.is_valid(dags)).nonzero().flatten().tolist():
            self.space.validate(architectures[row])
        found = self.table.values_of(names, dags)
        return Observations(self.space, tuple(architectures), found, self.metrics)

    def covers(self, dags: DagBatch) -> np.ndarray:
        """Whether the table holds the report metric of each architecture or of a functional twin: (B,) bool.

        Args:
            dags: B architectures.
        """
        return np.isfinite(self.table.values(self.report_metric, dags))

    @property
    def searches_reported_metric(self) -> bool:
        """Whether the search sees what is reported."""
        return self.search_metric == self.report_metric

    @property
    def protocol(self) -> str:
        """How the numbers come about, one line to print beside them."""
        better = "higher is better" if self.maximise else "lower is better"
        repeated = len(self.rows) > len(self.distinct_rows)
        means = f"; means over equivalent rows: {len(self.rows)} rows, {len(self.distinct_rows)} functions" if repeated else ""
        if self.searches_reported_metric:
            return f"searched on the reported metric {self.report_metric} ({better}){means}"
        return f"searched on {self.search_metric}, reports {self.report_metric} ({better}){means}"

    @cached_property
    def best(self) -> float:
        """The best report value that a search can be given: of a canonical class with both metrics."""
        found = self.report_values[self.rows]
        return float(found.max() if self.maximise else found.min())

    def percentile(self, values: ArrayLike, metric: str | None = None) -> np.ndarray:
        """Percentile rank of values: percent of the table's rows that are worse, plus half of those that are equal.

        Args:
            values: Values of the metric, any shape.
            metric: The metric; the report metric if None.

        Returns:
            Same shape, float64, 0 to 100; NaN where the value is NaN.
        """
        values = np.asarray(values, dtype=np.float64)
        column = self.table.metric(metric or self.report_metric)
        known = np.sort(column[np.isfinite(column)])
        below, up_to = np.searchsorted(known, values, "left"), np.searchsorted(known, values, "right")
        worse = below if self.maximise else len(known) - up_to
        return np.where(np.isnan(values), np.nan, 100 * (worse + 0.5 * (up_to - below)) / len(known))
