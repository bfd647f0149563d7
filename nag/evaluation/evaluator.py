"""Evaluators: measurements of architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nag.core.progress import OnCount, ignore_count
from nag.graphs import Architecture
from nag.tasks import Task

__all__ = ["Evaluation", "Evaluator", "TableEvaluator"]


@dataclass(frozen=True)
class Evaluation:
    """One measured architecture.

    Args:
        architecture: What was measured.
        canonical_hash: Of its function.
        search_value: The task's search metric; None if unknown.
        report_value: The task's report metric; None if unknown.
        percentile: Percentile of the report value in the table (100 is best); None if unknown.
        side: Secondary metrics.
        curve: One flat mapping an epoch, where it was trained.
        epochs: Epochs trained.
        cpu_seconds: CPU seconds that the measurement cost, regardless of which process paid them.
        gpu_seconds: Seconds on an accelerator, likewise.
        reused: Whether an earlier measurement, of itself or of a functional twin, served.
        error: Why there is none, in one line; empty where there is.

    Example:
        >>> from nag.evaluation import Evaluation
        >>> from nag.spaces import load_space
        >>> space = load_space("nas_bench_graph")
        >>> arch = space.sample(1, seed=0)[0]
        >>> digest = space.canonical_hashes(space.to_dags([arch]))[0]
        >>> Evaluation(arch, digest, search_value=0.8, report_value=0.7, percentile=None, side={"params": 100.0}).error
        ''
    """

    architecture: Architecture
    canonical_hash: str
    search_value: float | None
    report_value: float | None
    percentile: float | None
    side: dict[str, float]
    curve: Sequence[Mapping[str, float]] = ()
    epochs: int = 0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    reused: bool = False
    error: str = ""


class Evaluator(Protocol):
    """Measures architectures.

    Example:
        >>> from nag.evaluation import Evaluation
        >>> from nag.spaces import load_space
        >>> class Edges:
        ...     def evaluate(self, archs, on_progress=lambda done, total: None):
        ...         space = load_space("nas_bench_graph")
        ...         hashes = space.canonical_hashes(space.to_dags(archs))
        ...         pairs = zip(archs, hashes, strict=True)
        ...         return [Evaluation(arch, digest, len(arch.edges), None, None, {}) for arch, digest in pairs]
        >>> import nag
        >>> study = nag.search(Edges(), load_space("nas_bench_graph"), budget=2, strategy=nag.search.RandomSearch)
        >>> len(study)
        2
    """

    def evaluate(self, archs: Sequence[Architecture], on_progress: OnCount = ignore_count) -> list[Evaluation]:
        """One evaluation for each architecture, in order.

        Args:
            archs: What to measure.
            on_progress: Told how many different measurements are finished, shares included, and how many there are.
        """
        ...


class TableEvaluator:
    """Looks architectures up in a task's benchmark table; a functional twin's measurement serves.

    Args:
        task: The task.

    Example:
        >>> from nag.evaluation import TableEvaluator
        >>> from nag.tasks import load_task
        >>> task = load_task("nas_bench_graph/cora")
        >>> found = TableEvaluator(task).evaluate(task.space.sample(2, seed=0))
        >>> [0 < each.search_value < 1 for each in found]
        [True, True]
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    def evaluate(self, archs: Sequence[Architecture], on_progress: OnCount = ignore_count) -> list[Evaluation]:
        """Looks up each architecture; where neither it nor a twin was measured, values are None and `error` says so."""
        if not archs:
            return []
        task, table = self.task, self.task.table
        dags = table.space.to_dags(archs)
        found = table.values_of({task.search_metric, task.report_metric, *task.secondary_metrics}, dags)
        search, report = found[task.search_metric], found[task.report_metric]
        covered = np.isfinite(search) | np.isfinite(report)
        percentile = task.percentile(report)
        side = {name: found[name] for name in task.secondary_metrics}
        hashes = table.space.canonical_hashes(dags)
        return [
            Evaluation(
                arch, digest, _known(search[i]), _known(report[i]), _known(percentile[i]),
                {name: float(column[i]) for name, column in side.items() if np.isfinite(column[i])},
                error="" if covered[i] else f"the table {table.name} does not hold it",
            )
            for i, (arch, digest) in enumerate(zip(archs, hashes, strict=True))
        ]  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
