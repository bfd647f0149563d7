"""The task whose labels come from training: a data set and a search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field

from nag.core.documents import Document, check, read_yaml
from nag.core.errors import InvalidRequest, MissingData
from nag.core.imports import is_import_path
from nag.core.numbers import Finite
from nag.evaluation.data_sets import DataSet, Layout, data_set_kind, data_set_names, load_data_set
from nag.evaluation.task_names import is_training_task, list_training_tasks, parts_of
from nag.graphs import Architecture
from nag.networks import Builder, DataShape, builder_of, has_builder
from nag.spaces import SearchSpace, load_space
from nag.tasks import Objective
from nag.tasks.task_file import Text, beside, is_task_file, space_beside

__all__ = ["TrainingTask", "load_training_task"]

Pixels = Annotated[int, Field(ge=1, le=4_096)]
"""Height and width of an image."""

_NOTE = "accuracy in percent of networks that are trained for it"


class _TrainingTaskFile(Document):
    """The keys of a task file that names data."""

    space: Text
    data: Text
    name: str = ""
    size: Pixels | None = None
    layout: Layout | None = None
    descriptor: dict[Text, Finite] | None = None


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """A task without a table: an architecture's label is the accuracy of its network, trained for the purpose.

    Args:
        name: Name, such as `digits/nasbench201`.
        space: The search space.
        data_set: Name of a data set, or the path of an `.npz` file or of an image folder.
        search_metric: What a strategy may see.
        report_metric: What the results show.
        maximise: Whether more is better, in both.
        side_metrics: What limits can be put on.
        note: Units and source, one line.
        descriptor: Facts of the data, by which a meta-predictor tells how alike tasks are.
        image_size: Height and width that the images of a folder are scaled to; None where all have one size.
        layout: Which axis of the images of an `.npz` file is which; None to tell by their shape.
    """

    name: str
    space: SearchSpace
    data_set: str
    search_metric: str = "validation_accuracy"
    report_metric: str = "test_accuracy"
    maximise: bool = True
    side_metrics: tuple[str, ...] = ("params",)
    note: str = ""
    descriptor: Mapping[str, float] = field(default_factory=dict)
    image_size: int | None = None
    layout: str | None = None

    def load_data(self, data_dir: str | Path | None = None) -> DataSet:
        """The data set; read once in a process."""
        return load_data_set(self.data_set, data_dir=data_dir, size=self.image_size, layout=self.layout)

    @property
    def sign(self) -> float:
        """1 if more is better, else -1."""
        return Objective(self.search_metric, self.maximise).sign

    @property
    def searches_reported_metric(self) -> bool:
        """Whether the search sees what is reported."""
        return self.search_metric == self.report_metric

    @property
    def protocol(self) -> str:
        """How the numbers come about, one line to print beside them."""
        better = "higher is better" if self.maximise else "lower is better"
        return f"searched on {self.search_metric}, reports {self.report_metric} of trained networks ({better})"


def load_training_task(name_or_path: str | Path, data_dir: str | Path | None = None) -> TrainingTask:
    """Loads a task, and its data to see that they are there.

    A task file has the keys `data` (name of a data set, or the path of an `.npz` file or of an image folder) and `space`
    (name or path), and, if wanted, `name`, `size` (of the images of a folder, in pixels), `layout`
    (which axis of an `.npz` file's images is which, such as `NWC` for signals of several channels) and `descriptor` (facts of
    the data, numbers). Its paths are relative to the file itself.

    Args:
        name_or_path: `<data set>/<search space>`, where either may be a path, or the path of a task file.
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.

    Raises:
        InvalidRequest: No such task, or the space's networks do not read such data.
        MissingData: Its data is not at hand.
        DamagedFile: Its data is not what it should be.
        InvalidSpace: No such search space.
    """
    name = str(name_or_path)
    path = Path(name).expanduser()
    if is_task_file(name) and (path.is_file() or not is_training_task(name)):
        return _from_file(path, data_dir)
    data_set, space = parts_of(name)
    return _task(name, space, data_set, data_dir)


def _task(
    name: str,
    space_name: str,
    data_set: str,
    data_dir: str | Path | None,
    size: int | None = None,
    layout: str | None = None,
    **more: Any,
) -> TrainingTask:
    kind, space = data_set_kind(data_set), load_space(space_name)
    if data_set not in data_set_names() and not is_import_path(data_set):
        data_set = str(Path(data_set).expanduser().resolve())  # workers may run elsewhere
    if has_builder(space) and not _reads(builder_of(space), space, kind):
        raise InvalidRequest(
            f"networks of {space.name} do not read {'a graph' if kind == 'graph' else 'images'}, such as {data_set}",
            f"Tasks: {', '.join(task for task in list_training_tasks() if task.endswith('/' + space.name))}.",
        )
    facts = load_data_set(data_set, data_dir=data_dir, size=size, layout=layout).descriptor
    return TrainingTask(name, space, data_set, note=_NOTE, image_size=size, layout=layout, **{"descriptor": facts, **more})


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


def _from_file(path: Path, data_dir: str | Path | None) -> TrainingTask:
    if not path.is_file():
        raise MissingData(f"task file '{path}' does not exist", "Check the path.")
    path = path.resolve()
    keys = check(_TrainingTaskFile, read_yaml(path), path.name)
    named = keys.data in data_set_names() or is_import_path(keys.data)
    data = keys.data if named else str(beside(path, keys.data))
    more: dict[str, Any] = {} if keys.descriptor is None else {"descriptor": dict(keys.descriptor)}
    try:
        return _task(
            keys.name or path.stem, str(space_beside(path, keys.space)), data, data_dir, keys.size, keys.layout, **more
        )
    except InvalidRequest as error:
        raise InvalidRequest(f"{path.name}: {error.what}", error.hint) from error
