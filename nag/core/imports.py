"""Python objects by import path: `package.module:Name`, or `path/to/file.py:Name`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, NagError, did_you_mean

__all__ = ["folder_of", "import_path", "importable", "is_import_path", "load_callable"]

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


def folder_of(name: str) -> Path:
    """The folder from which code of that import path may import its neighbours."""
    place = name.rpartition(":")[0]
    return Path(place).expanduser().absolute().parent if place.endswith(".py") else Path.cwd()


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Within the block, modules in a folder can be imported; what is installed comes first for other code afterwards."""
    entry = str(folder)
    added = entry not in sys.path
    if added:
        sys.path.insert(0, entry)
    try:
        yield
    finally:
        if added and entry in sys.path:
            sys.path.remove(entry)


def _load_file(path: Path) -> ModuleType:
    """The module of a file, executed once for each content."""
    if not path.is_file():
        raise InvalidRequest(f"file '{shortened(str(path))}' does not exist", "Check the path of the file.")
    stamp = path.stat()
    identity = f"{path.absolute()} {stamp.st_mtime_ns} {stamp.st_size}"
    name = f"{_USER_MODULE}{hashlib.sha256(identity.encode()).hexdigest()[:12]}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses and pickle look a class's module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
