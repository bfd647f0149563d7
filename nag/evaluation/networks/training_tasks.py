"""Tasks whose labels come from training: a data set and a search space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.imports import is_import_path
from nag.evaluation.data_sets import LAYOUTS, DataSet, data_set_kind, data_set_names, load_data_set
from nag.evaluation.task_names import is_training_task, list_training_tasks, parts_of
from nag.graphs import Architecture
from nag.networks import Builder, DataShape, builder_of, has_builder
from nag.spaces import SearchSpace, load_space
from nag.tasks import Task, TrainedNetworks
from nag.tasks.task_file import is_task_file, read_task_file

__all__ = ["complete_training_task", "load_task_data", "load_training_task"]


def load_task_data(source: TrainedNetworks, data_dir: str | Path | None = None) -> DataSet:
    """The data set that networks are trained on; read once in a process.

    Args:
        source: The data of a task.
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.

    Example:
        >>> from nag.evaluation import load_task_data
        >>> from nag.tasks import TrainedNetworks
        >>> load_task_data(TrainedNetworks("digits")).shape.classes
        10
    """
    return load_data_set(source.data_set, data_dir=data_dir, size=source.image_size, layout=source.layout)


def load_training_task(name_or_path: str | Path, data_dir: str | Path | None = None) -> Task:
    """Loads a task, and its data to see that they are there.

    Args:
        name_or_path: `<data set>/<search space>`, where either may be a path, or the path of a task file (see
            `nag.tasks.task_file`).
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.

    Raises:
        InvalidRequest: No such task, or the space's networks do not read such data.
        MissingData: Its data is not at hand.
        DamagedFile: Its data is not what it should be.
        InvalidSpace: No such search space.

    Example:
        >>> from nag.evaluation import load_training_task
        >>> load_training_task("digits/nasbench201").task_features["classes"]
        10.0
    """
    name = str(name_or_path)
    path = Path(name).expanduser()
    if is_task_file(name) and (path.is_file() or not is_training_task(name)):
        task = read_task_file(path)
        try:
            return complete_training_task(task, data_dir)
        except InvalidRequest as error:
            raise InvalidRequest(f"{path.name}: {error.what}", error.hint) from error
    data_set, space = parts_of(name)
    return complete_training_task(Task(load_space(space), TrainedNetworks(data_set), name=name), data_dir)


def complete_training_task(task: Task, data_dir: str | Path | None = None) -> Task:
    """A task of data with the absolute path of its data, and their features where it names none.

    Args:
        task: A task whose networks are trained.
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.

    Raises:
        InvalidRequest: The space's networks do not read such data, or there is no such layout.
    """
    source, space = task.networks, task.space
    kind = data_set_kind(source.data_set)
    if source.layout is not None and source.layout not in LAYOUTS:
        raise InvalidRequest(f"there is no layout '{source.layout}'", did_you_mean(source.layout, LAYOUTS))
    data = source.data_set
    if isinstance(data, str) and data not in data_set_names() and not is_import_path(data):
        source = replace(source, data_set=str(Path(data).expanduser().resolve()))  # workers may run elsewhere
    if has_builder(space) and not _reads(builder_of(space), space, kind):
        raise InvalidRequest(
            f"networks of {space.name} do not read {'a graph' if kind == 'graph' else 'images'}, such as {source.name}",
            f"Tasks: {', '.join(task for task in list_training_tasks() if task.endswith('/' + space.name))}.",
        )
    features = load_task_data(source, data_dir).task_features
    return replace(task, data=source, task_features=task.task_features or features)


def _reads(builder: Builder, space: SearchSpace, kind: str) -> bool:
    """Whether a builder's networks read images, or a graph: tries the smallest network, without memory for weights."""
    operation = next(op for op in space.vocabulary if op not in (space.semantics.input, space.semantics.output))
    chain = Architecture((space.semantics.input, operation, space.semantics.output), ((0, 1), (1, 2)))
    shape = DataShape("graph", 4, 2) if kind == "graph" else DataShape("images", 3, 2, 8, 8)
    try:
        with torch.device("meta"):
            builder.build(chain, shape, 0)
    except InvalidRequest:
        return False
    return True
