"""A task of the user's own that has neither a table nor data: an evaluator of the user's measures it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from nag.core.documents import Document, check, read_yaml
from nag.core.numbers import Finite
from nag.spaces import SearchSpace, load_space
from nag.tasks import Objective
from nag.tasks.task_file import Text, keys_of, space_beside

__all__ = ["CustomTask", "is_custom_task", "load_custom_task"]


@dataclass(frozen=True, eq=False)
class CustomTask:
    """What an evaluator of the user's own measures.

    Args:
        name: Name.
        space: The search space.
        search_metric: What a strategy may see.
        report_metric: What the results show.
        maximise: Whether more is better, in both.
        side_metrics: Further metrics of the evaluator that limits can be put on.
        descriptor: Facts, by which a meta-predictor tells how alike tasks are.
    """

    name: str
    space: SearchSpace
    search_metric: str = "value"
    report_metric: str = "value"
    maximise: bool = True
    side_metrics: tuple[str, ...] = ()
    descriptor: Mapping[str, float] = field(default_factory=dict)

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
        if self.searches_reported_metric:
            return f"searched on the reported metric {self.report_metric} ({better})"
        return f"searched on {self.search_metric}, reports {self.report_metric} ({better})"


class _CustomTaskFile(Document):
    """The keys of a task file that names neither a table nor data."""

    space: Text
    name: str = ""
    search_metric: Text = "value"
    report_metric: str = ""
    maximise: bool = True
    side_metrics: list[Text] = Field(default_factory=list)
    descriptor: dict[Text, Finite] = Field(default_factory=dict)


def is_custom_task(name_or_path: str | Path) -> bool:
    """Whether a task's name is the path of a YAML file that names neither a table nor data."""
    keys = keys_of(name_or_path)
    return bool(keys) and not {"table", "data"} & keys


def load_custom_task(path: Path) -> CustomTask:
    """Reads a task file; its paths are relative to the file.

    Keys: `space` (name or path) and, if wanted, `name`, `search_metric`, `report_metric` (the search metric), `maximise`
    (true), `side_metrics` (a list) and `descriptor` (facts, numbers).

    Raises:
        DamagedFile: The file is not what it should be.
        InvalidSpace: No such search space.
    """
    path = path.expanduser().resolve()
    given = check(_CustomTaskFile, read_yaml(path), path.name, hint="A table is named by 'table', data by 'data'.")
    return CustomTask(
        name=given.name or path.stem,
        space=load_space(space_beside(path, given.space)),
        search_metric=given.search_metric,
        report_metric=given.report_metric or given.search_metric,
        maximise=given.maximise,
        side_metrics=tuple(given.side_metrics),
        descriptor=dict(given.descriptor),
    )
