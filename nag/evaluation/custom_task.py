"""A task of the user's own that has neither a table nor data: an evaluator of the user's measures it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from nag.benchmarks.task_file import is_task_file
from nag.errors import DamagedFile, did_you_mean
from nag.spaces import SearchSpace, load_space

__all__ = ["CustomTask", "is_custom_task", "load_custom_task"]

_KEYS = {"name": str, "space": str, "search_metric": str, "report_metric": str, "maximise": bool, "side_metrics": list}


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


def is_custom_task(name_or_path: str | Path) -> bool:
    """Whether a task's name is the path of a YAML file that names neither a table nor data."""
    path = Path(name_or_path).expanduser()
    if not is_task_file(name_or_path) or not path.is_file():
        return False
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return False
    return isinstance(given, dict) and not {"table", "data"} & set(given)


def load_custom_task(path: Path) -> CustomTask:
    """Reads a task file; its paths are relative to the file.

    Keys: `space` (name or path) and, if wanted, `name`, `search_metric`, `report_metric` (the search metric), `maximise`
    (true) and `side_metrics` (a list).

    Raises:
        DamagedFile: The file is not what it should be.
        InvalidSpace: No such search space.
    """
    path = path.expanduser().resolve()
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in given.items():
        if key not in _KEYS:
            raise DamagedFile(f"{path.name}: unknown key '{key}'", did_you_mean(str(key), [*_KEYS, "table", "data"]))
        if not isinstance(value, _KEYS[key]):
            raise DamagedFile(f"{path.name}: '{key}' must be {_KEYS[key].__name__}", "Put text in quotes if in doubt.")
    if "space" not in given:
        raise DamagedFile(f"{path.name}: key 'space' is missing", "A task needs a search space.")
    space = given["space"]
    metric = given.get("search_metric", "value")
    return CustomTask(
        name=given.get("name", path.stem),
        space=load_space(path.parent / space if is_task_file(space) else space),
        search_metric=metric,
        report_metric=given.get("report_metric", metric),
        maximise=given.get("maximise", True),
        side_metrics=tuple(str(name) for name in given.get("side_metrics", [])),
    )
