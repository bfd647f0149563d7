"""The configuration of a computation as plain values and as a digest."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from nag import __version__

__all__ = ["fingerprint", "plain"]


def plain(value: Any) -> Any:
    """A value as nested dictionaries, lists, strings and numbers that identify it.

    Functions and classes become their full names, partials and objects their names with arguments or attributes.

    Raises:
        TypeError: The value contains something without such a form, such as a lambda.

    Example:
        >>> from pathlib import Path
        >>> from nag.suites import plain
        >>> plain({"folder": Path("a/b"), "seeds": (0, 1)})
        {'folder': 'a/b', 'seeds': [0, 1]}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Enum):
        return f"{_name(type(value))}.{value.name}"
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence):
        return [plain(entry) for entry in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(entry) for entry in value), key=str)
    if isinstance(value, partial):
        return {"call": _name(value.func), "positional": plain(value.args), "named": plain(value.keywords)}
    if inspect.ismethod(value):
        return {"call": _name(value), "of": plain(value.__self__)}
    if hasattr(value, "__qualname__"):
        return _name(value)
    if type(value).__module__ != "builtins" and hasattr(value, "__dict__"):
        return {"object": _name(type(value)), "attributes": plain(vars(value))}
    raise TypeError(f"{type(value).__name__} has no plain form")


def fingerprint(*values: Any) -> str:
    """Hexadecimal digest of the values and of this package's version."""
    text = json.dumps([__version__, plain(values)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _name(thing: Any) -> str:
    name = f"{thing.__module__}.{thing.__qualname__}"
    if "<" in name:  # a lambda or a local function: names are not unique, and it cannot be sent to a process
        raise TypeError(f"{name} is not at the top level of a module")
    return name
