"""Tasks of every kind: measured before (a table), measured by training, measured by the user's own evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from nag.evaluation.custom_task import is_custom_task, load_custom_task
from nag.evaluation.task_names import check_task_name, is_training_task
from nag.evaluation.training_task import load_training_task
from nag.spaces import SearchSpace
from nag.tasks import Task, load_task

__all__ = ["AnyTask", "load_any_task"]


class AnyTask(Protocol):
    """What all tasks have in common."""

    @property
    def name(self) -> str:
        """Name."""
        ...

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        ...

    @property
    def search_metric(self) -> str:
        """What a strategy may see."""
        ...

    @property
    def report_metric(self) -> str:
        """What the results show."""
        ...

    @property
    def maximise(self) -> bool:
        """Whether more is better, in both."""
        ...

    @property
    def sign(self) -> float:
        """1 if more is better, else -1."""
        ...

    @property
    def side_metrics(self) -> tuple[str, ...]:
        """What limits can be put on."""
        ...

    @property
    def descriptor(self) -> Mapping[str, float]:
        """Facts of the data."""
        ...

    @property
    def protocol(self) -> str:
        """How the numbers come about, one line."""
        ...


def load_any_task(name_or_path: str | Path, data_dir: str | Path | None = None) -> AnyTask:
    """Loads a task by its name or from the user's file.

    Args:
        name_or_path: A built-in table's task, `<data set>/<search space>`, or the path of a YAML file.
        data_dir: Folder of tables and data; the environment variable NAG_DATA_DIR if None.

    Raises:
        InvalidRequest: No such task.
        MissingData: Its data is not at hand.
        DamagedFile: Its data is not what it should be.
    """
    check_task_name(name_or_path)
    if is_training_task(name_or_path):
        return load_training_task(name_or_path, data_dir)
    if is_custom_task(name_or_path):
        return load_custom_task(Path(name_or_path))
    task: Task = load_task(name_or_path, data_dir)
    return task
