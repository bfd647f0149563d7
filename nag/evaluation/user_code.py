"""Loading of Python code that a user names: `path/to/file.py:name` or `package.module:name`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, NagError, did_you_mean

__all__ = ["folder_of", "importable", "load_function"]


def load_function(name: str) -> Callable[..., Any]:
    """The function of that name.

    Args:
        name: `path/to/file.py:function`, whose folder is importable meanwhile, or `package.module:function`, for which the
            current folder is.

    Raises:
        InvalidRequest: It cannot be imported, or the module has no such function.
    """
    place, _, attribute = name.rpartition(":")
    if not place:
        raise InvalidRequest(f"'{shortened(name)}' names no function", "Write file.py:function or package.module:function.")
    try:
        with importable(folder_of(name)):
            module = _load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except NagError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's module does
        cause = shortened(f"{type(error).__name__}: {error}")
        raise InvalidRequest(f"'{shortened(place)}' cannot be imported: {cause}", "Try it in Python.") from error
    found = getattr(module, attribute, None)
    if not callable(found):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise InvalidRequest(
            f"'{shortened(place)}' has no function '{shortened(attribute)}'", did_you_mean(attribute, names) or "Define it."
        )
    return found


def folder_of(name: str) -> Path:
    """The folder from which code of that name may import its neighbours."""
    place = name.rpartition(":")[0]
    return Path(place).absolute().parent if place.endswith(".py") else Path.cwd()


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
    if not path.is_file():
        raise InvalidRequest(f"file '{shortened(str(path))}' does not exist", "Check the path of the function's file.")
    name = f"nag_user_{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]}_{path.stem}"
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
