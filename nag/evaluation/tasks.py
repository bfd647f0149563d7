"""Tasks of every kind: measured before (a table), measured by training, measured by the user's own evaluator."""

from __future__ import annotations

from pathlib import Path

from nag.evaluation.networks.training_tasks import load_training_task
from nag.evaluation.task_names import check_task_name, is_training_task
from nag.tasks import Task
from nag.tasks import load_task as load_table_task

__all__ = ["load_task"]


def load_task(name_or_path: str | Path, data_dir: str | Path | None = None) -> Task:
    """Loads a task by its name or from the user's file.

    Args:
        name_or_path: A built-in table's task, `<data set>/<search space>`, or the path of a YAML file.
        data_dir: Folder of tables and data; the environment variable NAG_DATA_DIR if None.

    Raises:
        InvalidRequest: No such task.
        MissingData: Its data is not at hand.
        DamagedFile: Its data is not what it should be.

    Example:
        >>> load_task("digits/nasbench201").report_metric
        'test_accuracy'
    """
    check_task_name(name_or_path)
    if is_training_task(name_or_path):
        return load_training_task(name_or_path, data_dir)
    return load_table_task(name_or_path, data_dir)
