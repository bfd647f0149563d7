"""What of a search space a task can measure: all of it, or the rows of its table."""

from __future__ import annotations

import torch

from nag.search.problem import Measurable
from nag.tasks import Task

__all__ = ["measurable"]


def measurable(task: Task) -> Measurable | None:
    """The functions whose search and report metric a table holds; None where any architecture can be measured.

    Args:
        task: The task; one that is not looked up in a table measures whatever it is given.

    Example:
        >>> from nag.search.study import measurable
        >>> from nag.spaces import load_space
        >>> from nag.tasks import Task
        >>> measurable(Task(load_space("nasbench201"), data="digits"))  # any architecture can be measured
    """
    if not task.has_table:
        return None
    rows = task.distinct_rows
    functions = task.table.functions
    return Measurable(
        tuple(functions[number] for number in task.table.canonical[rows].tolist()), task.table.dags[torch.from_numpy(rows)]
    )
