"""Sources of measurements: where the values of a task come from, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from nag.core.errors import InvalidRequest
from nag.tasks.tables.table import BenchmarkTable

__all__ = ["LoadedData", "Source", "TrainedNetworks", "UserEvaluator", "source_of"]


@runtime_checkable
class LoadedData(Protocol):
    """A data set in memory, such as a `nag.evaluation.DataSet`."""

    @property
    def name(self) -> str:
        """Name of the data set."""
        ...

    @property
    def digest(self) -> str:
        """Digest of its content."""
        ...


@dataclass(frozen=True, eq=False)
class TrainedNetworks:
    """Networks that are trained on a data set (see `nag.evaluation.TrainingTrial`).

    Args:
        data_set: A `nag.evaluation.DataSet`, the name of one, the path of an `.npz` file or of an image folder, or the import
            path of a function (seed) -> `DataSet`.
        image_size: Height and width that the images of a folder are scaled to; None where all have one size.
        layout: Which axis of the images of an `.npz` file is which; None to tell by their shape.

    Example:
        >>> TrainedNetworks("my_images/", image_size=32).name
        'my_images'
    """

    data_set: str | LoadedData
    image_size: int | None = None
    layout: str | None = None

    @property
    def name(self) -> str:
        """Name of the data set, or of its file or folder."""
        return Path(self.data_set).stem if isinstance(self.data_set, str) else self.data_set.name


@dataclass(frozen=True, eq=False)
class UserEvaluator:
    """A function or a program of the user's.

    Args:
        function: A function of an `Architecture` (and of `seed`, if it has such a parameter) that returns a number, or a
            mapping of metrics; None where the evaluator of a command names it (see `nag.evaluation.trials.user_trials`).

    Example:
        >>> UserEvaluator(lambda architecture: len(architecture.edges)).name
        'function'
    """

    function: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        """Name of the function."""
        name = getattr(self.function, "__name__", "<>")
        return "function" if name.startswith("<") else name


Source = BenchmarkTable | TrainedNetworks | UserEvaluator
"""A table of measurements, networks to train, or the user's own evaluator."""


def source_of(data: Source | LoadedData | Callable[..., Any] | str | Path | None) -> Source:
    """The source of measurements that data stand for.

    Args:
        data: A source; a data set, or its name or path, to train networks on; a function of an architecture; or None.

    Raises:
        InvalidRequest: It is none of these.

    Example:
        >>> source_of("digits")
        TrainedNetworks(data_set='digits', image_size=None, layout=None)
    """
    if isinstance(data, BenchmarkTable | TrainedNetworks | UserEvaluator):
        return data
    if isinstance(data, str | Path):
        return TrainedNetworks(str(data))
    if data is None or callable(data):
        return UserEvaluator(data)
    if isinstance(data, LoadedData):
        return TrainedNetworks(data)
    hint = "Pass the path of an image folder, a data set or its name, a table, or a function of an architecture."
    raise InvalidRequest(f"a {type(data).__name__} measures nothing", hint)
