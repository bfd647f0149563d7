"""Objects saved as their class and constructor arguments, and made again from them.

An argument is read from the attribute of its name, unless the object has a method `config()` that says otherwise. An object
among the arguments is written as `{class: "module:Name", config: {...}}`. Making one calls nothing but classes of nag
and those that the user allowed (`nag.core.plugins`), which must be sub-classes of the parameter's type hint, with arguments
that conform to their type hints.

Example:
    >>> from dataclasses import dataclass
    >>> from nag.core.configured import config_of, make
    >>> @dataclass(frozen=True)
    ... class Ramp:
    ...     steps: int = 3
    >>> config_of(Ramp(5))
    {'steps': 5}
    >>> make(Ramp, {"steps": 5})
    Ramp(steps=5)
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from nag.core.documents import shortened
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.hints import is_class
from nag.core.imports import import_path
from nag.core.plugins import allowed_callable
from nag.core.signatures import annotations_of, conform

__all__ = ["allowed_class", "arguments_in", "arguments_of", "config_of", "describe", "make", "make_described"]

_CLASS, _CONFIG, _FUNCTION = "class", "config", "function"
_PLAIN = (str, int, float, bool, type(None))
_Made = TypeVar("_Made")


def config_of(thing: object, given: Collection[str] = ()) -> dict[str, Any]:
    """The constructor arguments of an object as plain values.

    Args:
        thing: The object.
        given: Arguments that `make` is given by its caller, such as the search space; they are left out.

    Raises:
        InvalidRequest: An argument is in no attribute, or is no plain value, class or function.
    """
    own = getattr(thing, "config", None)
    return dict(own()) if callable(own) else arguments_in(thing, given)


def arguments_in(thing: object, given: Collection[str] = ()) -> dict[str, Any]:
    """The constructor arguments of an object, read from its attributes; see `config_of`."""
    found = {}
    for name in annotations_of(type(thing)):
        if name in given:
            continue
        if not hasattr(thing, name):
            what = f"{type(thing).__name__} does not keep its argument '{name}'"
            raise InvalidRequest(what, f"Store it as self.{name}, or define config().")
        found[name] = _written(getattr(thing, name), given, f"{type(thing).__name__}.{name}")
    return found


def describe(thing: object, given: Collection[str] = ()) -> dict[str, Any]:
    """An object as `{class: "module:Name", config: {...}}`."""
    return {_CLASS: import_path(type(thing)), _CONFIG: config_of(thing, given)}


def allowed_class(path: Any, expected: type[_Made], where: str) -> type[_Made]:
    """The class of an import path.

    Args:
        path: Its import path.
        expected: What it must be a sub-class of.
        where: What names it, for messages.

    Raises:
        InvalidRequest: It is not of nag and not allowed.
        DamagedFile: It is no such class, or an abstract one.
    """
    found = allowed_callable(path, where)
    if not is_class(found) or expected not in found.__mro__ or inspect.isabstract(found):
        raise DamagedFile(f"{where}: {shortened(str(path), 100)} is no {expected.__name__}", "Train it again.")
    return cast("type[_Made]", found)


def make(cls: type[_Made], config: Any, given: Mapping[str, Any] | None = None, where: str = "the file") -> _Made:
    """The object of a configuration.

    Args:
        cls: Its class.
        config: Its arguments, as `config_of` gives them.
        given: Arguments from the caller, passed to every constructor that takes them.
        where: What holds the configuration, for messages.

    Raises:
        InvalidRequest: An argument is unknown, missing or does not conform, or a class is not allowed.
        DamagedFile: The configuration is none.
    """
    if not isinstance(config, Mapping):
        raise DamagedFile(f"{where}: the configuration of {cls.__name__} is no mapping", "Train it again.")
    own = getattr(cls, "from_config", None)
    if callable(own):
        return cast(_Made, own(config, given or {}))
    return cls(**arguments_of(cls, config, given, where))


def arguments_of(
    cls: type, config: Mapping[str, Any], given: Mapping[str, Any] | None = None, where: str = "the file"
) -> dict[str, Any]:
    """The checked arguments of a constructor, objects among them made; see `make`."""
    given, hints = given or {}, annotations_of(cls)
    for name in config:
        if name not in hints or name in given:
            raise DamagedFile(f"{where}: {cls.__name__} has no option '{shortened(str(name), 60)}'", "Train it again.")
    found = {name: _read(value, hints[name], given, f"{where}: {name}") for name, value in config.items()}
    try:
        conform(cls, found)
    except InvalidRequest as error:
        raise DamagedFile(f"{where}: {cls.__name__}: {error.what}", error.hint) from error
    return {**{name: value for name, value in given.items() if name in hints}, **found}


def make_described(
    description: Any, expected: type[_Made], given: Mapping[str, Any] | None = None, where: str = "the file"
) -> _Made:
    """The object of a description; see `describe` and `make`."""
    if not isinstance(description, Mapping) or set(description) != {_CLASS, _CONFIG}:
        raise DamagedFile(f"{where}: an object is not described by its class and config", "Train it again.")
    return make(allowed_class(description[_CLASS], expected, where), description[_CONFIG], given, where)


def _written(value: Any, given: Collection[str], where: str) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {str(name): _written(entry, given, where) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_written(entry, given, where) for entry in value]
    if inspect.isroutine(value):
        return {_FUNCTION: import_path(value)}
    if hasattr(value, "__dict__") or hasattr(value, "__dataclass_fields__"):
        return describe(value, given)
    raise InvalidRequest(f"{where} cannot be saved", "Use numbers, texts, lists, mappings, or objects made of these.")


def _read(value: Any, annotation: Any, given: Mapping[str, Any], where: str) -> Any:
    """A value of a configuration, objects in it made."""
    kinds = list(_members(annotation))
    if isinstance(value, Mapping):
        if set(value) == {_FUNCTION}:
            return _function(value[_FUNCTION], kinds, where)
        if set(value) == {_CLASS, _CONFIG}:
            expected = next((kind for kind in kinds if is_class(kind) and kind not in _PLAIN), None)
            if expected is None or expected in (dict, list, tuple, object):
                raise DamagedFile(f"{where} holds an object where none is expected", "Annotate it with its class.")
            return make_described(value, expected, given, where)
        _require(kinds, Mapping, where)
        entry = next((get_args(kind)[1] for kind in kinds if len(get_args(kind)) == 2 and _is(kind, Mapping)), Any)
        return {name: _read(item, entry, given, where) for name, item in value.items()}
    if isinstance(value, list):
        _require(kinds, Iterable, where)
        entry, is_tuple = _items(kinds)
        items = [_read(item, entry, given, where) for item in value]
        return tuple(items) if is_tuple else items
    return value


def _require(kinds: Sequence[Any], abstract: type, where: str) -> None:
    """Raises `DamagedFile` unless one of the kinds is such a collection, or anything."""
    if not any(kind in (Any, object) or _is(kind, abstract) for kind in kinds):
        raise DamagedFile(f"{where} holds a collection where none is expected", "Train it again.")


def _function(path: Any, kinds: Sequence[Any], where: str) -> Any:
    if not any(_is(kind, Callable) for kind in kinds):
        raise DamagedFile(f"{where} holds a function where none is expected", "Train it again.")
    found = allowed_callable(path, where)
    if not inspect.isroutine(found):
        raise DamagedFile(f"{where}: {shortened(str(path), 100)} is no function", "Train it again.")
    return found


def _items(kinds: Sequence[Any]) -> tuple[Any, bool]:
    """The type of a sequence's items, and whether it is a tuple."""
    for kind in kinds:
        origin, parts = get_origin(kind) or kind, get_args(kind)
        if is_class(origin) and issubclass(origin, Sequence):
            return (parts[0] if parts else Any), issubclass(origin, tuple)
    return Any, False


def _members(annotation: Any) -> Any:
    """The alternatives of an annotation."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _members(part)
    else:
        yield annotation


def _is(kind: Any, abstract: Any) -> bool:
    origin = get_origin(kind) or kind
    return is_class(origin) and issubclass(origin, get_origin(abstract) or abstract)
