"""Packages that import their public names when these are first used (PEP 562), so that light questions stay light."""

from __future__ import annotations

import ast
import functools
import importlib
import sys
from pathlib import Path
from typing import Any

__all__ = ["lazily", "names_of"]


def lazily(package: str) -> None:
    """Lets a package import its public names when they are first used: those that it imports under `if TYPE_CHECKING:`.

    Type checkers and readers find the names where they always are, in `__init__.py`.

    Args:
        package: `__name__` of the package.

    Example:
        >>> import nag.spaces
        >>> nag.spaces.load_space("nasbench201").name
        'nasbench201'
    """
    module = sys.modules[package]
    homes = names_of(Path(str(module.__file__)).read_text(encoding="utf-8"))

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        home, original = homes[name]
        value = getattr(importlib.import_module(home), original)
        setattr(module, name, value)
        return value

    vars(module).update(__getattr__=get, __dir__=lambda: sorted({*vars(module), *homes}))


@functools.cache
def names_of(source: str) -> dict[str, tuple[str, str]]:
    """Name -> module and name there, of all that a module imports by `from` at its top or under `if TYPE_CHECKING:`.

    Args:
        source: Text of the module.
    """
    body = ast.parse(source).body
    for node in [node for node in body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]:
        body = [*body, *node.body]
    imports = [node for node in body if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.asname or alias.name: (str(node.module), alias.name) for node in imports for alias in node.names}
