"""Python objects by import path: `package.module:Name`, or `path/to/file.py:Name`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import AfterValidator

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, NagError, did_you_mean
from nag.core.hints import is_class

__all__ = ["FunctionPath", "folder_of", "import_path", "importable", "is_import_path", "load_callable", "short_names"]

_USER_MODULE = "nag_user_"
"""Beginning of the names under which modules of files are registered."""


def is_import_path(text: str) -> bool:
    """Whether a text has the form of an import path.

    Example:
        >>> is_import_path("my_package.nets:Builder"), is_import_path("here/nets.py:Builder"), is_import_path("gnn")
        (True, True, False)
    """
    place, colon, attribute = text.rpartition(":")
    dotted = all(part.isidentifier() for part in place.split("."))
    return bool(colon) and attribute.isidentifier() and (place.endswith(".py") or dotted)


def short_names(module: str, base: type) -> dict[str, type]:
    """Short name -> class of a module that is a concrete sub-class of `base`: its name in lower case.

    Example:
        >>> sorted(short_names("nag.core.errors", Exception))[:2]
        ['damaged_file', 'invalid_architecture']
    """
    found = {}
    for name, value in vars(importlib.import_module(module)).items():
        concrete = is_class(value) and issubclass(value, base) and value is not base and not inspect.isabstract(value)
        if concrete and not name.startswith("_"):
            found[re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()] = value
    return found


def import_path(thing: Any) -> str:
    """The import path of a class or function; that of a file holds the file's name without its folder.

    Example:
        >>> from nag.core.errors import NagError
        >>> import_path(NagError)
        'nag.core.errors:NagError'
    """
    module = thing.__module__
    if module.startswith(_USER_MODULE):
        module = os.path.basename(str(sys.modules[module].__file__))
    return f"{module}:{thing.__qualname__}"


def load_callable(name: str) -> Any:
    """The class or function of an import path.

    Args:
        name: `path/to/file.py:Name`, whose folder is importable meanwhile, or `package.module:Name`, for which the
            current folder is.

    Raises:
        InvalidRequest: It cannot be imported, or the module has no such class or function.
    """
    place, _, attribute = name.rpartition(":")
    if not place:
        raise InvalidRequest(f"'{shortened(name)}' is no import path", "Write file.py:Name or package.module:Name.")
    try:
        with importable(folder_of(name)):
            module = _load_file(Path(place).expanduser()) if place.endswith(".py") else importlib.import_module(place)
    except NagError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's module does
        cause = shortened(f"{type(error).__name__}: {error}")
        raise InvalidRequest(f"'{shortened(place)}' cannot be imported: {cause}", "Try it in Python.") from error
    found = getattr(module, attribute, None)
    if not callable(found):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise InvalidRequest(
            f"'{shortened(place)}' has no function or class '{shortened(attribute)}'",
            did_you_mean(attribute, names) or "Define it.",
        )
    return found


def _loadable(name: str) -> str:
    load_callable(name)
    return name


FunctionPath = Annotated[str, AfterValidator(_loadable)]
"""Import path of a function or class that can be imported."""


def folder_of(name: str) -> Path:
    """The folder from which code of that import path may import its neighbours."""
    place = name.rpartition(":")[0]
    return Path(place).expanduser().absolute().parent if place.endswith(".py") else Path.cwd()


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Within the block, modules in a folder can be imported, which writes no bytecode there; afterwards it is off the path."""
    entry = str(folder)
    added = entry not in sys.path
    wrote_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    if added:
        sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.dont_write_bytecode = wrote_none
        if added and entry in sys.path:
            sys.path.remove(entry)


def _load_file(path: Path) -> ModuleType:
    """The module of a file, executed once for each content."""
    if not path.is_file():
        raise InvalidRequest(f"file '{shortened(str(path))}' does not exist", "Check the path of the file.")
    identity = f"{path.stat().st_mtime_ns} {path.absolute()}"
    return importlib.import_module(_USER_MODULE + identity.encode().hex())


class _FileLoader(SourceFileLoader):
    """Executes a file with its folder on the path."""

    def exec_module(self, module: ModuleType) -> None:
        with importable(Path(self.path).parent):
            super().exec_module(module)


class _FileFinder(MetaPathFinder):
    """Finds the module of a file by its name, which tells its path, so that other processes unpickle what it defines."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if not fullname.startswith(_USER_MODULE):
            return None
        file = bytes.fromhex(fullname.removeprefix(_USER_MODULE)).decode().partition(" ")[2]
        return importlib.util.spec_from_file_location(fullname, file, loader=_FileLoader(fullname, file))


sys.meta_path.append(_FileFinder())  # where pickle looks for a module before any code of nag is called
