"""The data sets that nag knows by name, and those of the user."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, MissingData, did_you_mean
from nag.core.imports import is_import_path, load_callable
from nag.core.numbers import Count
from nag.core.packages import require
from nag.core.signatures import conform_value
from nag.evaluation.data_sets.places import PLANETOID, find_images, find_planetoid, is_user_data

if TYPE_CHECKING:
    from nag.evaluation.data_sets.data_set import DataSet
    from nag.tasks.sources import LoadedData

__all__ = ["data_set_kind", "data_set_names", "list_data_sets", "load_data_set"]


def _always(data_dir: str | Path | None) -> None:
    """What comes with a package that nag depends on."""


def _mnist1d_there(data_dir: str | Path | None) -> None:
    require("mnist1d", extra="benchmarks")


@dataclass(frozen=True)
class _Entry:
    """A data set before it is read.

    Args:
        kind: "images" or "graph".
        note: One line.
        reader: Module in `nag.evaluation.data_sets` and function that reads it, by the seed of the split.
        which: First argument of a function that reads one of several from the data folder; None for one that reads its own.
        find: Raises `MissingData` where it is not at hand.
    """

    kind: str
    note: str
    reader: str
    which: str | None = None
    find: Callable[[str | Path | None], object] = _always

    def load(self, seed: int, data_dir: str | Path | None) -> DataSet:
        """Reads the data set."""
        module, _, name = self.reader.partition(":")
        read: Callable[..., DataSet] = getattr(importlib.import_module(f"nag.evaluation.data_sets.{module}"), name)
        return read(seed) if self.which is None else read(self.which, seed, data_dir)


digits = _Entry("images", "1,797 handwritten digits, 8 x 8 grey, 10 classes", "shipped_images:load_digits")
mnist1d = _Entry("images", "5,000 signals of 40 numbers, 10 classes", "shipped_images:load_mnist1d", find=_mnist1d_there)
_cifar = "shipped_images:load_cifar_sample"
cifar10_sample = _Entry("images", "953 images of CIFAR-10, 32 x 32 colour", _cifar, "cifar10", find_images)
cifar100_sample = _Entry("images", "957 images of CIFAR-100, 32 x 32 colour", _cifar, "cifar100", find_images)
sbm = _Entry("graph", "generated: 1,500 nodes in 6 communities, 32 features", "graphs:load_sbm")
karate = _Entry("graph", "34 members of a karate club in 4 communities", "graphs:load_karate")
planetoid_cora, planetoid_citeseer, planetoid_pubmed = (
    _Entry(
        "graph",
        f"citations: {nodes:,} nodes, {features:,} features, {classes} classes",
        "planetoid:load_planetoid",
        which,
        partial(find_planetoid, which),
    )
    for which, (nodes, features, classes) in PLANETOID.items()
)


def _entries() -> dict[str, _Entry]:
    """The built-in data sets: the entries of this module by their names."""
    return {name: value for name, value in globals().items() if isinstance(value, _Entry)}


def data_set_names() -> list[str]:
    """Names of the built-in data sets.

    Example:
        >>> from nag.evaluation.data_sets import data_set_names
        >>> "digits" in data_set_names()
        True
    """
    return list(_entries())


def data_set_kind(data: str | Path | LoadedData) -> str:
    """The kind of a data set, "images" or "graph", without reading it.

    Args:
        data: A data set, its name, path or import path (see `load_data_set`).

    Raises:
        InvalidRequest: No such data set.

    Example:
        >>> from nag.evaluation.data_sets import data_set_kind
        >>> data_set_kind("digits"), data_set_kind("karate")
        ('images', 'graph')
    """
    if not isinstance(data, str | Path):
        return "images" if _data_set(data).graph is None else "graph"
    name = str(data)
    if name in _entries():
        return _entries()[name].kind
    if is_user_data(name):
        return "images"
    if is_import_path(name):
        return "images" if _of_function(name, 0).graph is None else "graph"
    raise InvalidRequest(f"unknown data set '{name}'", _hint(name))


def list_data_sets(data_dir: str | Path | None = None) -> dict[str, str]:
    """Name of each built-in data set -> one line about it, which says so where it is not at hand.

    Args:
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.

    Example:
        >>> from nag.evaluation import list_data_sets
        >>> list_data_sets()["digits"]
        '1,797 handwritten digits, 8 x 8 grey, 10 classes (available)'
    """
    return {name: _describe(entry, data_dir) for name, entry in _entries().items()}


def _describe(entry: _Entry, data_dir: str | Path | None) -> str:
    try:
        entry.find(data_dir)
    except MissingData as error:
        return f"{entry.note} (not available: {error.what})"
    return f"{entry.note} (available)"


def load_data_set(
    data: str | Path | LoadedData,
    seed: int = 0,
    data_dir: str | Path | None = None,
    size: int | None = None,
    layout: str | None = None,
) -> DataSet:
    """Loads a data set, once in a process; callers share it, so its tensors must not be changed.

    Args:
        data: Name of a built-in data set, the path of an `.npz` file or of an image folder of the user, or the import path of a
            function (seed) -> `DataSet`; a `DataSet` is returned as it is.
        seed: Seed of the split; published splits stay as they are.
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.
        size: Height and width that the images of a folder are scaled to; None where all have one size.
        layout: Which axis of the images of an `.npz` file is which, such as `NWC` (see `LAYOUTS`); None to tell by the shape.

    Raises:
        InvalidRequest: No such data set, or what the user gave makes none.
        MissingData: It is not at hand; the hint says how to get it.
        DamagedFile: Its files are not what they should be.

    Example:
        >>> from nag.evaluation import load_data_set
        >>> data = load_data_set("digits")
        >>> data.shape, data.sizes
        (DataShape(kind='images', channels=1, classes=10, height=8, width=8), {'train': 1078, 'validation': 360, 'test': 359})
    """
    if not isinstance(data, str | Path):
        return _data_set(data)
    name = str(data)
    conform_value("the image size", size, Count | None)
    if name in _entries():
        if _entries()[name].find is _always:
            return _built_in(name, seed, None)
        folder = os.environ.get("NAG_DATA_DIR") if data_dir is None else str(data_dir)
        return _built_in(name, seed, folder)
    if is_user_data(name):
        path = Path(name).expanduser().resolve()
        if layout is not None and path.suffix != ".npz":
            raise InvalidRequest(f"layout {layout} is given for '{path.name}'", "It is for the arrays of .npz files.")
        return _of_user(path, seed, size, layout, _stamp(path))
    if is_import_path(name):
        return _of_function(name, seed)
    raise InvalidRequest(f"unknown data set '{name}'", _hint(name))


def _data_set(data: object) -> DataSet:
    from nag.evaluation.data_sets.data_set import DataSet

    if not isinstance(data, DataSet):
        raise InvalidRequest(f"a {type(data).__name__} is no data set", "Pass a nag.evaluation.DataSet, or its name or path.")
    return data


def _hint(name: str) -> str:
    if "/" in name or "\\" in name:
        return "Give the path of an existing folder of images or of an .npz file."
    return did_you_mean(name, _entries())


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when a file does, or any file of a folder; what is not there has none."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    times = [file.stat().st_mtime_ns for file in files if file.exists()]
    return len(times), max(times, default=0)


@lru_cache(maxsize=4)
def _built_in(name: str, seed: int, data_dir: str | None) -> DataSet:
    return _entries()[name].load(seed, data_dir)


@lru_cache(maxsize=2)
def _of_function(name: str, seed: int) -> DataSet:
    from nag.evaluation.data_sets.data_set import DataSet

    found = load_callable(name)(seed)
    if not isinstance(found, DataSet):
        raise InvalidRequest(f"'{shortened(name)}' returns no data set", "Return a nag.evaluation.DataSet.")
    return found


@lru_cache(maxsize=2)
def _of_user(path: Path, seed: int, size: int | None, layout: str | None, _stamp: tuple[int, int]) -> DataSet:
    from nag.evaluation.data_sets.user_files import load_image_folder, load_npz

    return load_npz(path, seed, layout) if path.suffix == ".npz" else load_image_folder(path, seed, size)
