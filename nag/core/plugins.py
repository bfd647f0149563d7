"""Which classes a file may name: those of nag, of installed plug-ins, and of modules that the user allowed.

A package is a plug-in if it declares an entry point of the group `nag.plugins`; its value is a module, all of whose
sub-modules are allowed too:

    [project.entry-points."nag.plugins"]
    my_package = "my_package"

Others are allowed for a while with `allow_plugins`, by `nag.load(path, plugins=[my_package])`, or by `plugins=[my_package]`
on the command line. Python code that a user names on the command line or in a configuration needs no permission.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import metadata
from types import ModuleType
from typing import Any

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest
from nag.core.imports import is_import_path, load_callable

__all__ = ["allow_plugins", "allowed_callable", "require_allowed"]

_GROUP = "nag.plugins"
_ALLOWED: ContextVar[tuple[str, ...]] = ContextVar("allowed plug-ins", default=())


@contextmanager
def allow_plugins(plugins: Iterable[str | ModuleType] = ()) -> Iterator[None]:
    """Within the block, files may name classes of these modules too.

    Args:
        plugins: Modules or their names, such as `my_package`, or paths of Python files. Sub-modules are allowed with them.

    Raises:
        InvalidRequest: One is neither.

    Example:
        >>> with allow_plugins(["collections"]):
        ...     allowed_callable("collections:OrderedDict").__name__
        'OrderedDict'
    """
    names = [plugin.__name__ if isinstance(plugin, ModuleType) else str(plugin) for plugin in plugins]
    for name in names:
        if not name.endswith(".py") and not all(part.isidentifier() for part in name.split(".")):
            hint = "Name a module, such as my_package, or a Python file."
            raise InvalidRequest(f"'{shortened(name, 80)}' is no plug-in", hint)
    token = _ALLOWED.set((*_ALLOWED.get(), *names))
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def require_allowed(path: str, where: str) -> str:
    """The import path by which an allowed class or function can be imported; nothing is imported.

    Args:
        path: The import path as it stands in a file.
        where: What names it, for the message.

    Returns:
        The same path, with the folder of a Python file in front.

    Raises:
        InvalidRequest: It is neither of nag nor allowed; the hint says how to allow it.
    """
    if not isinstance(path, str) or not is_import_path(path):
        hint = "It must be package.module:Name."
        raise InvalidRequest(f"{where} names '{shortened(str(path), 80)}'", hint)
    place, _, name = path.rpartition(":")
    allowed = _ALLOWED.get()
    if place.endswith(".py"):
        found = [file for file in allowed if os.path.basename(file) == os.path.basename(place)]
        if found:
            return f"{found[-1]}:{name}"
    elif not any(part.startswith("_") for part in place.split(".")) and _is_within(place, ("nag", *_installed(), *allowed)):
        return path
    plugin = f"PATH/{os.path.basename(place)}" if place.endswith(".py") else place.split(".")[0]
    raise InvalidRequest(
        f"{where} names {shortened(path, 100)}, which is not of nag", f"Allow its code with plugins=[{shortened(plugin, 80)}]."
    )


def allowed_callable(path: str, where: str = "the file") -> Any:
    """The class or function of an import path, if it is of nag or allowed.

    Raises:
        InvalidRequest: As `require_allowed`, or it cannot be imported.
    """
    return load_callable(require_allowed(path, where))


def _is_within(module: str, roots: Iterable[str]) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in roots)


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    """Modules of the installed plug-ins."""
    return tuple(point.value.partition(":")[0].strip() for point in metadata.entry_points(group=_GROUP))
