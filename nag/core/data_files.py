"""Where the files of benchmark tables are, and whether they are what they should be."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nag.core.errors import DamagedFile, MissingData
from nag.core.files import digest_of_file
from nag.core.packages import require

__all__ = ["checked_file", "data_dir_set", "find_data_dir", "find_package_file"]

_VARIABLE = "NAG_DATA_DIR"


@contextmanager
def data_dir_set(folder: str | Path | None) -> Iterator[None]:
    """Makes a folder the default of `find_data_dir`, in this process and in those that it spawns.

    Args:
        folder: The folder; None leaves the environment variable NAG_DATA_DIR as it is.
    """
    if folder is None:
        yield
        return
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)
        if before is not None:
            os.environ[_VARIABLE] = before


def find_data_dir(data_dir: str | Path | None = None) -> Path:
    """The folder of the tables that are not packaged.

    Args:
        data_dir: The folder; the environment variable NAG_DATA_DIR if None.

    Raises:
        MissingData: Neither is given, or there is no such folder.
    """
    given = data_dir if data_dir is not None else os.environ.get(_VARIABLE)
    hint = "Set data_dir=FOLDER or the environment variable NAG_DATA_DIR to the folder of the tables."
    if not given:
        raise MissingData("this task needs tables that do not come with nag", hint)
    path = Path(given).expanduser()
    if not path.is_dir():
        raise MissingData(f"the data folder '{given}' does not exist", hint)
    return path.resolve()


def find_package_file(package: str, relative: str, distribution: str) -> Path:
    """A file inside an installed package, which is located but not imported.

    Args:
        package: Import name of the package.
        relative: Path of the file inside it.
        distribution: Name to install it by.

    Raises:
        MissingData: The package or the file is not there.
    """
    require(package, extra="benchmarks")
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        path = Path(location) / relative
        if path.is_file():
            return path
    raise MissingData(f"package {distribution} has no file {relative}", f"Run: pip install --force-reinstall {distribution}")


def checked_file(folder: Path, name: str, sha256: str) -> Path:
    """A file of the data folder whose content is the published one.

    Args:
        folder: The data folder.
        name: File name.
        sha256: Hexadecimal digest of its content.

    Raises:
        MissingData: The file is not there.
        DamagedFile: Its content is another.
    """
    path = folder / name
    if not path.is_file():
        raise MissingData(
            f"the data folder holds no {name}", "Put it there, or set data_dir or NAG_DATA_DIR to another folder."
        )
    if digest_of_file(path) != sha256:
        raise DamagedFile(f"{name} is damaged or another version (its sha256 differs)", "Restore the published file.")
    return path
