"""Type hints and values in words, for messages and help.

Example:
    >>> from nag.core.numbers import Count
    >>> described(Count | None), shown([1, None, True])
    ('a whole number of at least 1 or null', '[1, null, true]')
"""

from __future__ import annotations

import collections.abc
import math
import types
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from nag.core.documents import shortened
from nag.core.numbers import LARGEST, WIDEST

__all__ = ["MAPPINGS", "SEQUENCES", "described", "is_class", "item_type", "shown"]

SEQUENCES = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}


def is_class(value: Any) -> TypeGuard[type]:
    """Whether a value is a class: `list` is one, `list[int]` is none, though Python 3.10 takes it for one.

    Example:
        >>> is_class(list), is_class(list[int])
        (True, False)
    """
    return isinstance(value, type) and not isinstance(value, types.GenericAlias)


def described(annotation: Any, value: Any = None) -> str:
    """What an annotation admits, in words.

    Args:
        annotation: A type hint.
        value: What was given; the general upper bound is mentioned only if the value exceeds it.
    """
    origin = get_origin(annotation)
    if annotation is None:
        return "null"
    if annotation in _WORDS:
        return _word(annotation, value) + _limits(annotation, [], value)
    if origin is Annotated:
        base, *extra = get_args(annotation)
        metadata = [part for item in extra for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
        words = next((item.description for item in extra if isinstance(item, FieldInfo) and item.description), None)
        return words or (_word(base, value) if base in _WORDS else described(base, value)) + _limits(base, metadata, value)
    if origin is Literal:
        return "one of " + ", ".join(shown(choice) for choice in get_args(annotation))
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(described(part, value) for part in get_args(annotation)))
    if origin in SEQUENCES:
        items = dict.fromkeys(described(part) for part in get_args(annotation) if part is not Ellipsis)
        return f"a list, each item {' or '.join(items)}"
    if origin in MAPPINGS or annotation in MAPPINGS:
        item = item_type(annotation)
        return "a mapping {NAME: " + ("VALUE" if item in (None, Any) else described(item)) + "}"
    if annotation in SEQUENCES:
        return "a list"
    return f"an object ({getattr(annotation, '__name__', 'of a class')}) given by _target_"


def shown(value: Any) -> str:
    """A value as it is written on the command line, on one line and shortened."""
    if value == "":
        return "''"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return shortened(f"[{', '.join(map(shown, value[:20]))}]", 120)
    return shortened(str(value), 120)


def _limits(base: Any, metadata: list[Any], value: Any) -> str:
    """The bounds of a number, in words."""
    words = []
    for bound in metadata:
        if isinstance(bound, Ge):
            words.append(f"of at least {bound.ge}")
        elif isinstance(bound, Gt):
            words.append(f"above {bound.gt}")
        elif isinstance(bound, Lt):
            words.append(f"below {bound.lt}")
        elif isinstance(bound, Le) and _is_own(base, bound.le):
            words.append(f"at most {bound.le}")
    if base in (int, float) and _is_large(value) and not any("most" in word or "below" in word for word in words):
        words.append(f"at most {LARGEST}")
    return f" {' and '.join(words)}" if words else ""


def _is_own(base: Any, bound: Any) -> bool:
    """Whether an upper bound is another than the general one."""
    return bound != LARGEST and bound < WIDEST


def _is_large(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) > LARGEST


def _word(base: Any, value: Any) -> str:
    """The kind of a value that is no collection."""
    return "a finite number" if isinstance(value, float) and not math.isfinite(value) and base is float else _WORDS[base]


def item_type(annotation: Any) -> Any:
    """The type of a mapping's values; None for other types."""
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return next(filter(None, map(item_type, get_args(annotation))), None)
    return get_args(annotation)[1] if get_origin(annotation) in MAPPINGS and get_args(annotation) else None
