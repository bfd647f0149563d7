"""The task: which metric a strategy may see, which one the results show, and where measurements come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nag.core.errors import InvalidRequest, did_you_mean
from nag.graphs import Architecture, DagBatch
from nag.spaces import SearchSpace
from nag.tasks.metric import Metric, Values
from nag.tasks.observations import Observations
from nag.tasks.sources import LoadedData, Source, TrainedNetworks, UserEvaluator, source_of
from nag.tasks.tables.table import BenchmarkTable

__all__ = ["Task"]

_OF_NETWORKS = "accuracy in percent of networks that are trained for it"


@dataclass(frozen=True, eq=False)
class Task:
    """A search space, metrics, and a source of measurements: a benchmark table, networks to train, or a user's evaluator.

    All values of a table are those of canonical classes (see `BenchmarkTable`), so that the optimum can be reached by a
    search and percentiles, splits and look-ups agree. Networks are searched on validation accuracy and reported on test
    accuracy, in percent, unless other metrics are named.

    Args:
        space: The search space.
        data: Where measurements come from: a data set to train networks on (the path of a folder of images or of an `.npz`
            file, a name, or a `nag.evaluation.DataSet`); a function of an `Architecture` (and of `seed`, if it has such a
            parameter) that returns a number, or a mapping of metrics; a `BenchmarkTable`; or None, where a command names the
            evaluator.
        search_metric: What a strategy may see; `value` if empty.
        report_metric: What the results show; the search metric if empty.
        maximise: Whether more is better, in both.
        secondary: Hardware costs and the like (parameters, latency) that limits can be put on, each with its direction.
        name: Name, such as `nas_bench_graph/cora`; that of data and space if empty.
        note: Units and source, one line.
        task_features: Numbers that describe the task's data, such as its size, by which a meta-predictor tells how alike
            tasks are.

    Raises:
        InvalidRequest: The data measure nothing, the table is of another space, has no such metric, or no row has both.

    Example:
        >>> import nag
        >>> space = nag.load_space("nasbench201")
        >>> nag.Task(space, data="my_images/").protocol
        'searched on validation_accuracy, reports test_accuracy of trained networks (higher is better)'
        >>> def loss(architecture):
        ...     return 1 / (1 + architecture.ops.count("nor_conv_3x3"))
        >>> task = nag.Task(space, data=loss, search_metric="loss", maximise=False)
        >>> task.name, task.protocol
        ('loss/nasbench201', 'searched on the reported metric loss (lower is better)')
        >>> len(nag.search(task, budget=3, strategy=nag.search.RandomSearch))
        3
    """

    space: SearchSpace
    data: Source | LoadedData | Callable[..., Any] | str | Path | None = None
    search_metric: str = ""
    report_metric: str = ""
    maximise: bool = True
    secondary: tuple[Metric, ...] = ()
    name: str = ""
    note: str = ""
    task_features: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self._completed(source_of(self.data)).items():
            object.__setattr__(self, name, value)
        if self.has_table:
            self._check_table()

    def _completed(self, source: Source) -> dict[str, Any]:
        """Fields with what is usual of a source where nothing else is given."""
        name = source.name if isinstance(source, BenchmarkTable) else f"{source.name}/{self.space.name}"
        found: dict[str, Any] = {"data": source, "name": self.name or name}
        if isinstance(source, TrainedNetworks) and not self.search_metric:
            usual = {"search_metric": "validation_accuracy", "report_metric": "test_accuracy", "note": _OF_NETWORKS}
            found |= {each: getattr(self, each) or value for each, value in usual.items()}
            return found | {"secondary": self.secondary or (Metric("params", maximise=False),)}
        search = self.search_metric or "value"
        return found | {"search_metric": search, "report_metric": self.report_metric or search}

    def __repr__(self) -> str:
        return f"Task({self.name}: {self.protocol})"

    @property
    def source(self) -> Source:
        """Where measurements come from."""
        return source_of(self.data)

    def _check_table(self) -> None:
        if self.table.space != self.space:
            raise InvalidRequest(f"the table is of {self.table.space.name}", f"Pass one of {self.space.name}.")
        table = self.table
        for metric in self.metrics:
            if metric.name not in table.measured:
                table.metric(metric.name)
        measured = [table.measured[metric] for metric in (self.search_metric, self.report_metric)]
        together = np.isfinite(measured).all(0).any() and not np.isinf(measured).any()
        if not together and len(self.rows) == 0:  # if rows decide, canonical classes are computed later, on demand
            raise InvalidRequest(
                f"task {self.name} has no row with both metrics", "Choose metrics that were measured together."
            )

    # -- metrics ----------------------------------------------------------------------------------------------------

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The search metric, the report metric and the secondary metrics, each once."""
        chief = [Metric(name, self.maximise) for name in dict.fromkeys((self.search_metric, self.report_metric))]
        names = {metric.name for metric in chief}
        return (*chief, *(metric for metric in self.secondary if metric.name not in names))

    @property
    def secondary_metrics(self) -> tuple[str, ...]:
        """Names of the secondary metrics."""
        return tuple(metric.name for metric in self.secondary)

    def metric(self, name: str) -> Metric:
        """One of the metrics, by its name.

        Raises:
            InvalidRequest: The task has no such metric.
        """
        known = {metric.name: metric for metric in self.metrics}
        if name not in known:
            raise InvalidRequest(f"task {self.name} has no metric '{name}'", did_you_mean(name, known))
        return known[name]

    def utility(self, values: Values) -> Values:
        """Values of the search or of the report metric, sign-adjusted so that greater is better (see `Metric.utility`)."""
        return self.metrics[0].utility(values)

    @property
    def searches_reported_metric(self) -> bool:
        """Whether the search sees what is reported."""
        return self.search_metric == self.report_metric

    @property
    def protocol(self) -> str:
        """How the numbers come about, one line to print beside them."""
        better = self.metrics[0].direction
        trained = " of trained networks" if isinstance(self.source, TrainedNetworks) else ""
        if self.searches_reported_metric:
            return f"searched on the reported metric {self.report_metric}{trained} ({better}){self._means}"
        return f"searched on {self.search_metric}, reports {self.report_metric}{trained} ({better}){self._means}"

    @property
    def _means(self) -> str:
        """What a table's values are means of; empty where they are none."""
        if not self.has_table or len(self.rows) == len(self.distinct_rows):
            return ""
        return f"; means over equivalent rows: {len(self.rows)} rows, {len(self.distinct_rows)} functions"

    # -- measurements -----------------------------------------------------------------------------------------------

    @property
    def has_table(self) -> bool:
        """Whether all measurements stand in a table."""
        return isinstance(self.source, BenchmarkTable)

    @property
    def table(self) -> BenchmarkTable:
        """The table of measurements.

        Raises:
            InvalidRequest: The source of the task is no table.
        """
        if not isinstance(self.source, BenchmarkTable):
            raise InvalidRequest(f"task {self.name} has no table to look up", f"Measure architectures: {self._measuring}.")
        return self.source

    @property
    def _measuring(self) -> str:
        """How architectures of a task without a table are measured."""
        if isinstance(self.source, TrainedNetworks) or (isinstance(self.source, UserEvaluator) and self.source.function):
            return "nag.evaluate(task, architectures), or nag evaluate with evaluator=train"
        return "nag evaluate or nag search, with evaluator=function or evaluator=shell"

    @property
    def networks(self) -> TrainedNetworks:
        """The data set that networks are trained on.

        Raises:
            InvalidRequest: The source of the task is no data set.
        """
        if not isinstance(self.source, TrainedNetworks):
            raise InvalidRequest(f"task {self.name} has no data to train on", "Name one such as digits/nasbench201.")
        return self.source

    def measure(self, architectures: Sequence[Architecture]) -> Observations:
        """All metrics of architectures, from the table; nan where neither an architecture nor a functional twin was measured.

        Args:
            architectures: n architectures of the space.

        Raises:
            InvalidArchitecture: An architecture is not of the space.
            InvalidRequest: The task has no table: `nag.evaluate(task, architectures)` measures.

        Example:
            >>> from nag.tasks import load_task
            >>> task = load_task("nas_bench_graph/cora")
            >>> labels = task.measure(task.space.sample(100, seed=0))
            >>> len(labels), [metric.name for metric in labels.metrics]
            (100, ['valid_perf', 'perf', 'latency', 'params_m'])
        """
        names, dags = [metric.name for metric in self.metrics], self.space.to_dags(architectures)
        for row in (~self.space.is_valid(dags)).nonzero().flatten().tolist():
            self.space.validate(architectures[row])
        return Observations(self.space, tuple(architectures), self.table.values_of(names, dags), self.metrics)

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

    def covers(self, dags: DagBatch) -> np.ndarray:
        """Whether the table holds the report metric of each architecture or of a functional twin: (B,) bool.

        Args:
            dags: B architectures.
        """
        return np.isfinite(self.table.values(self.report_metric, dags))

    @cached_property
    def best(self) -> float:
        """The best report value that a search can be given: of a canonical class with both metrics."""
        return self.metrics[0].best(self.report_values[self.rows])

    def percentile(self, values: ArrayLike, metric: str | None = None) -> np.ndarray:
        """Percentile rank of values: percent of the table's rows that are worse, plus half of those that are equal.

        Args:
            values: Values of the metric, any shape.
            metric: The metric; the report metric if None.

        Returns:
            Same shape, float64, 0 to 100; NaN where the value is NaN.
        """
        values = np.asarray(values, dtype=np.float64)
        column = self.utility(self.table.metric(metric or self.report_metric))
        known, good = np.sort(column[np.isfinite(column)]), self.utility(values)
        worse, up_to = np.searchsorted(known, good, "left"), np.searchsorted(known, good, "right")
        return np.where(np.isnan(values), np.nan, 100 * (worse + 0.5 * (up_to - worse)) / len(known))
