"""Arguments checked against the type hints of what takes them: numbers are finite and bounded for every option by construction.

The hints are the only schema. A plain `int` admits whole numbers up to 10^9, a plain `float` finite numbers up to 10^9, a
`bool` true and false; the types of `nag.core.numbers` say more, such as `Count` or `Fraction`.

Example:
    >>> from nag.core.numbers import Count
    >>> @checked
    ... class Sampler:
    ...     def __init__(self, steps: Count, scale: float = 1.0) -> None:
    ...         self.steps, self.scale = steps, scale
    >>> Sampler(8).steps
    8
    >>> Sampler(8, scale=float("nan"))
    Traceback (most recent call last):
    nag.core.errors.InvalidRequest: scale is nan. It must be a finite number.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeGuard, TypeVar, Union, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, NagError, did_you_mean
from nag.core.numbers import LARGEST, WIDEST

__all__ = ["accepts", "annotations_of", "checked", "conform", "conform_value", "described", "shown"]

_LEAVES: dict[Any, Any] = {
    int: Annotated[int, Field(strict=True, ge=-LARGEST, le=LARGEST)],
    float: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)],
    bool: Annotated[bool, Field(strict=True)],
    str: Annotated[str, Field(strict=True)],
}
_FREE: dict[Any, Any] = {
    int: Annotated[int, Field(strict=True)],
    float: Annotated[float, Field(strict=True, allow_inf_nan=False)],
}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}
_SEQUENCES = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_Class = TypeVar("_Class", bound=type)


@dataclass(frozen=True)
class _Parameter:
    """What one parameter takes."""

    annotation: Any
    adapter: TypeAdapter[Any] | None


def conform(function: Callable[..., Any], options: Mapping[str, Any], where: str = "") -> None:
    """Checks arguments by name against the type hints of a function or class.

    Annotations of classes that are no numbers, texts or collections of them are checked only for not being given one of those.

    Args:
        function: The function or class.
        options: Parameter -> value. A mapping with `_target_`, from which an object is still to be made, is skipped.
        where: What the options belong to, such as `predictor.parts.gnn`, for the message.

    Raises:
        InvalidRequest: A parameter is unknown or a value is of the wrong kind or out of range; the message names the full key.
    """
    parameters, open_ended = _parameters(function)
    for name, value in options.items():
        key = f"{where}.{name}" if where else name
        if name not in parameters:
            if open_ended:
                continue
            raise InvalidRequest(f"unknown option '{key}'", did_you_mean(name, parameters))
        parameter = parameters[name]
        if _is_schema(parameter.annotation) and isinstance(value, Mapping):
            conform(parameter.annotation, value, key)
        elif not (isinstance(value, Mapping) and "_target_" in value):
            _check(parameter, value, key)


def conform_value(name: str, value: Any, kind: Any) -> None:
    """Checks one value as `conform` checks an argument.

    Args:
        name: What the value is, for the message.
        value: The value.
        kind: A type hint, such as `nag.core.numbers.Count`.

    Raises:
        InvalidRequest: The value is of the wrong kind or out of range.

    Example:
        >>> from nag.core.numbers import ProperFraction
        >>> conform_value("level", 1.5, ProperFraction)
        Traceback (most recent call last):
        nag.core.errors.InvalidRequest: level is 1.5. It must be a number above 0 and below 1.
    """
    _check(_parameter(kind), value, name)


def checked(cls: _Class) -> _Class:
    """A class whose constructor checks its arguments by `conform`.

    Raises:
        InvalidRequest: On construction, as `conform`.
    """
    original = cls.__init__  # type: ignore[misc]
    signature = inspect.signature(original)

    @functools.wraps(original)
    def constructor(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError:
            pass  # said below, in Python's words
        else:
            given = {name: value for name, value in list(bound.arguments.items())[1:] if _is_named(signature.parameters[name])}
            conform(cls, given)
        original(self, *args, **kwargs)

    cls.__init__ = constructor  # type: ignore[misc]
    return cls


def accepts(function: Callable[..., Any], name: str) -> bool:
    """Whether a function or class has a parameter of this name."""
    return name in _parameters(function)[0]


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The type hint of each named parameter of a function or class, or of each field of a schema."""
    return {name: parameter.annotation for name, parameter in _parameters(function)[0].items()}


def described(annotation: Any, value: Any = None) -> str:
    """What an annotation admits, in words.

    Args:
        annotation: A type hint.
        value: What was given; an upper bound that is the general one is told only if the value is above it.
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
    if origin in _SEQUENCES:
        items = dict.fromkeys(described(part) for part in get_args(annotation) if part is not Ellipsis)
        return f"a list, each item {' or '.join(items)}"
    if origin in _MAPPINGS or annotation in _MAPPINGS:
        item = _item_type(annotation)
        return "a mapping {NAME: " + ("VALUE" if item in (None, Any) else described(item)) + "}"
    if annotation in _SEQUENCES:
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


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _check(parameter: _Parameter, value: Any, key: str) -> None:
    if parameter.adapter is None:
        return
    try:
        parameter.adapter.validate_python(value)
    except ValidationError as fault:
        told = next((error["ctx"]["error"] for error in fault.errors() if error["type"] == "value_error"), None)
        if isinstance(told, NagError):
            raise told from fault
        item = _item_type(parameter.annotation)
        if item is not None and isinstance(value, Mapping):
            for name, entry in value.items():
                _check(_parameter(item), entry, f"{key}.{shortened(str(name), 60)}")
        own = [str(error["ctx"]["error"]) for error in fault.errors() if error["type"] == "value_error"]
        must = own[0] if own and "It must" in own[0] else f"It must be {described(parameter.annotation, value)}."
        if item is not None and not isinstance(value, Mapping):
            must = f"{must.removesuffix('.')}, written '{key}={{NAME: VALUE}}'."
        raise InvalidRequest(f"{key} is {shown(value)}", must) from fault
    except RecursionError as fault:
        raise InvalidRequest(f"{key} is nested too deeply", f"It must be {described(parameter.annotation)}.") from fault


def _item_type(annotation: Any) -> Any:
    """The type of a mapping's values; None for other types."""
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return next(filter(None, map(_item_type, get_args(annotation))), None)
    return get_args(annotation)[1] if get_origin(annotation) in _MAPPINGS and get_args(annotation) else None


@functools.lru_cache(maxsize=1024)
def _parameters(function: Callable[..., Any]) -> tuple[dict[str, _Parameter], bool]:
    """The named parameters of a function or class, and whether it takes any others."""
    if isinstance(function, functools.partial):
        return _parameters(function.func)
    if _is_schema(function):
        hints = typing.get_type_hints(function, include_extras=True)
        return {name: _parameter(hints[name]) for name in function.model_fields}, False
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a built-in
        return {}, True
    found = {}
    for name, parameter in signature.parameters.items():
        if _is_named(parameter):
            found[name] = _parameter(_annotation(function, name, parameter.annotation))
    return found, any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in signature.parameters.values())


@functools.lru_cache(maxsize=1024)
def _parameter(annotation: Any) -> _Parameter:
    leaf = _checkable(annotation)
    return _Parameter(annotation, None if leaf is Any else TypeAdapter(leaf))


def _is_schema(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return inspect.isclass(annotation) and issubclass(annotation, BaseModel)


def _annotation(function: Callable[..., Any], name: str, annotation: Any) -> Any:
    """A resolved annotation; `Any` where its names are known to type checkers alone."""
    if annotation is inspect.Parameter.empty:
        return Any
    owner = function
    if inspect.isclass(function):
        fields = getattr(function, "__dataclass_fields__", {})
        bases = (base for base in function.__mro__ if name in fields and name in inspect.get_annotations(base))
        owner = next(bases, function.__init__)
    owner = inspect.unwrap(owner)
    module = inspect.getmodule(owner)
    scope = getattr(owner, "__globals__", None) or vars(module or types.ModuleType("empty"))
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    try:
        return typing.get_type_hints(holder, globalns=scope, include_extras=True)[name]
    except (NameError, TypeError, AttributeError, SyntaxError):
        return Any


def _checkable(annotation: Any) -> Any:
    """An annotation as pydantic checks it: numbers bounded, leaves without conversion, other classes loosely; else `Any`."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is Any or annotation is object:
        return Any
    if annotation in _LEAVES:
        return _LEAVES[annotation]
    if annotation is None or annotation is type(None) or origin is Literal:
        return annotation
    if origin is Annotated:
        bounds = [part for item in annotation.__metadata__ for part in getattr(item, "metadata", [item])]
        bounded = any(
            isinstance(part, Le) and cast(float, part.le) < WIDEST for part in bounds
        )  # in place of the general bound
        inner = _FREE[parts[0]] if bounded and parts[0] in _FREE else _checkable(parts[0])
        return Any if inner is Any else Annotated[(inner, *annotation.__metadata__)]
    if origin in (Union, types.UnionType):
        members = [_checkable(part) for part in parts]
        return Any if Any in members else Union[tuple(members)]  # noqa: UP007
    if origin in _SEQUENCES or origin in _MAPPINGS:
        return origin[tuple(part if part is Ellipsis else _checkable(part) for part in parts)]
    if inspect.isclass(annotation) and not issubclass(annotation, str | int | float | Enum | PurePath):
        return Annotated[Any, BeforeValidator(_an_object)]
    return Any


def _an_object(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        raise ValueError("no object")
    return value
