"""Training-free scores that a task's table holds, as features of predictors."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nag.core.errors import InvalidRequest, did_you_mean
from nag.predictors import ProxyColumns
from nag.tasks import Task

__all__ = ["proxies_of"]


def proxies_of(task: Task, columns: Sequence[str]) -> ProxyColumns:
    """The named columns of a task's table as proxies.

    Args:
        task: The task.
        columns: Metrics of its table that cost no training, such as `cifar10_naswot`.

    Raises:
        InvalidRequest: There is no such column, or it is what the task measures.
    """
    table = task.table
    for name in columns:
        if name not in table.metrics:
            raise InvalidRequest(f"the table of {task.name} has no proxy '{name}'", did_you_mean(name, table.metrics))
        if name in (task.search_metric, task.report_metric):
            raise InvalidRequest(f"'{name}' is what {task.name} measures", "Name scores that cost no training.")
    values = torch.stack([torch.from_numpy(table.measured[name]) for name in columns], 1)  # twins are averaged by rank
    return ProxyColumns.of(table.space, table.dags, values)
