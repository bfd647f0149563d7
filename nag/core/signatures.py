"""Arguments checked against the type hints of what takes them: numbers are finite and bounded for every option by construction.

The hints are the only schema. A plain `int` admits whole numbers up to 10^9, a plain `float` finite numbers up to 10^9, a
`bool` true and false; the types of `nag.core.numbers` say more, such as `Count` or `Fraction`. The fields of a `TypedDict`
that `**options: Unpack[...]` takes (PEP 692) are parameters as named ones are.

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

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeGuard, TypeVar, Union, cast, get_args, get_origin

from annotated_types import Le
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from typing_extensions import NotRequired, Required, Unpack

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, NagError, did_you_mean
from nag.core.hints import MAPPINGS, SEQUENCES, described, is_class, item_type, shown
from nag.core.numbers import LARGEST, WIDEST

__all__ = ["accepts", "annotations_of", "checked", "conform", "conform_value"]

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
        TypeError: On construction, if an argument is missing, or unknown to a constructor without `**options: Unpack[...]`.
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
            conform(cls, _named_arguments(bound))
        original(self, *args, **kwargs)

    cls.__init__ = constructor  # type: ignore[misc]
    return cls


def accepts(function: Callable[..., Any], name: str) -> bool:
    """Whether a function or class has a parameter of this name."""
    return name in _parameters(function)[0]


def annotations_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The type hint of each named parameter of a function or class, or of each field of a schema."""
    return {name: parameter.annotation for name, parameter in _parameters(function)[0].items()}


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _takes_others(parameter: inspect.Parameter) -> bool:
    return parameter.kind is inspect.Parameter.VAR_KEYWORD


def _named_arguments(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Arguments of a method by name, those that `**options` collects among them."""
    found: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        parameter = bound.signature.parameters[name]
        found.update(value if _takes_others(parameter) else {name: value} if _is_named(parameter) else {})
    return found


def _check(parameter: _Parameter, value: Any, key: str) -> None:
    if parameter.adapter is None:
        return
    try:
        parameter.adapter.validate_python(value)
    except ValidationError as fault:
        own = next((error["ctx"]["error"] for error in fault.errors() if error["type"] == "value_error"), None)
        if isinstance(own, NagError):
            raise own from fault
        item = item_type(parameter.annotation)
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
    found, open_ended = {}, False
    for name, parameter in signature.parameters.items():
        if _is_named(parameter):
            found[name] = _parameter(_annotation(function, name, parameter.annotation))
        elif _takes_others(parameter):
            fields = _fields(_annotation(function, name, parameter.annotation))
            found |= {name: _parameter(annotation) for name, annotation in (fields or {}).items()}
            open_ended = fields is None
    return found, open_ended


@functools.lru_cache(maxsize=1024)
def _parameter(annotation: Any) -> _Parameter:
    leaf = _checkable(annotation)
    return _Parameter(annotation, None if leaf is Any else TypeAdapter(leaf))


def _is_schema(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return is_class(annotation) and issubclass(annotation, BaseModel)


def _annotation(function: Callable[..., Any], name: str, annotation: Any) -> Any:
    """A resolved annotation; `Any` where its names are known to type checkers alone."""
    if annotation is inspect.Parameter.empty:
        return Any
    owner = function
    if is_class(function):
        fields = getattr(function, "__dataclass_fields__", {})
        bases = (base for base in function.__mro__ if name in fields and name in inspect.get_annotations(base))
        owner = next(bases, function.__init__)  # type: ignore[misc]
    owner = inspect.unwrap(owner)
    module = inspect.getmodule(owner)
    return _resolved(annotation, getattr(owner, "__globals__", None) or vars(module or types.ModuleType("empty")))


def _resolved(annotation: Any, scope: dict[str, Any]) -> Any:
    """An annotation whose names are looked up in a scope; `Any` where they are not there."""
    holder = types.SimpleNamespace(__annotations__={"hint": annotation})
    try:
        return typing.get_type_hints(holder, globalns=scope, include_extras=True)["hint"]
    except (NameError, TypeError, AttributeError, SyntaxError):
        return Any


def _fields(annotation: Any) -> dict[str, Any] | None:
    """Field -> type of the `TypedDict` that an annotation unpacks; None for other annotations."""
    if get_origin(annotation) is not Unpack:
        return None
    (options,) = get_args(annotation)
    scope = vars(sys.modules[options.__module__])
    found = {name: _resolved(hint, scope) for name, hint in options.__annotations__.items()}
    return {name: get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint for name, hint in found.items()}


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
        return (
            Any
            if inner is Any
            else functools.reduce(lambda kind, extra: Annotated[kind, extra], annotation.__metadata__, inner)
        )
    if origin in (Union, types.UnionType):
        members = [_checkable(part) for part in parts]
        return Any if Any in members else Union[tuple(members)]  # noqa: UP007
    if origin in SEQUENCES or origin in MAPPINGS:
        return origin[tuple(part if part is Ellipsis else _checkable(part) for part in parts)]
    if is_class(annotation) and not issubclass(annotation, str | int | float | Enum | PurePath):
        return Annotated[Any, BeforeValidator(_an_object)]
    return Any


def _an_object(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        raise ValueError("no object")
    return value
