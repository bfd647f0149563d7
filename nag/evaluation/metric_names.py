"""The names of tasks' metrics, without loading any table: a misspelt one is told before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from nag.core.errors import InvalidRequest, did_you_mean
from nag.evaluation.task_names import is_training_task
from nag.tasks.catalogue import packaged_metrics
from nag.tasks.task_file import is_task_file, metrics_of_file

__all__ = ["GRAPH_METRICS", "metric_names", "require_computed", "require_secondary"]

GRAPH_METRICS = ("depth", "num_edges", "num_nodes")
"""Metrics that are computed of any graph; a space has its cost models beside."""

_OF_NETWORKS = ("validation_accuracy", "params")
"""Search metric and secondary metric of tasks that train networks; a test compares them with the tasks themselves."""


def metric_names(name_or_path: str | Path) -> tuple[str, ...] | None:
    """Search metric and secondary metrics of a task; None where only its table tells them.

    Args:
        name_or_path: The task, whose name was checked.

    Example:
        >>> from nag.evaluation.metric_names import metric_names
        >>> metric_names("nas_bench_graph/cora")
        ('valid_perf', 'latency', 'params_m')
    """
    if is_training_task(name_or_path):
        return _OF_NETWORKS
    return metrics_of_file(Path(name_or_path)) if is_task_file(name_or_path) else packaged_metrics(str(name_or_path))


def require_secondary(task: str, name: str, known: Collection[str]) -> None:
    """Raises `InvalidRequest` unless a metric is among the known ones of a task."""
    if name not in known:
        raise InvalidRequest(f"task {task} has no secondary metric '{name}'", did_you_mean(name, known))


def require_computed(space: str, name: str, costs: Iterable[str]) -> None:
    """Raises `InvalidRequest` unless a metric can be computed of the graphs of a space.

    Args:
        space: Name of the space, for the message.
        name: The metric.
        costs: Names of the space's cost models.
    """
    known = [*costs, *GRAPH_METRICS]
    if name not in known:
        raise InvalidRequest(f"{space} has no computed metric '{name}'", did_you_mean(name, known))
