"""Reads operations, attributes and their domains from a space file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from nag.core.documents import shortened
from nag.core.errors import InvalidSpace, did_you_mean
from nag.spaces.language.derivations.decisions import RESERVED
from nag.spaces.language.domains import Choices, Domain, FloatRange, IntegerRange
from nag.spaces.language.errors import Fault, Place, fault_at
from nag.spaces.language.files.document import import_path
from nag.spaces.language.steps import OperationDefinition

__all__ = ["SCALARS", "read_domain", "read_operation", "refuse_misspelt"]

SCALARS = (bool, int, float, str)
"""Types of single values."""

_ROLES = ("parametric", "identity", "zero", "mergeable")
_RANGE = {"min", "max", "step", "levels", "log"}


def read_operation(own: Any, place: Place) -> OperationDefinition:
    """An operation of the file: a role, or a mapping of role, module and attributes."""
    if own is None or isinstance(own, str):
        return OperationDefinition(_role(own or "parametric", place))
    if not isinstance(own, dict):
        raise fault_at(place, f"is {shortened(repr(own), 60)}", "Write a role, or {role: parametric, kernel: [3, 5]}.")
    module = own.get("module")
    try:
        module = None if module is None else import_path(module)
    except ValueError as error:
        raise fault_at((*place, "module"), f"is {shortened(repr(module), 60)}", f"{error}.") from error
    attributes = {key: read_domain(value, (*place, key)) for key, value in own.items() if key not in ("role", "module")}
    for key in attributes:
        if not isinstance(key, str) or not key.replace("-", "_").isidentifier() or key in RESERVED:
            raise fault_at((*place, key), "cannot be an attribute", f"Use letters, digits and '_'; not {', '.join(RESERVED)}.")
    refuse_misspelt(attributes, ("role", "module"), place)
    return OperationDefinition(_role(own.get("role", "parametric"), (*place, "role")), attributes, module)


def _role(role: Any, place: Place) -> Any:
    if role not in _ROLES:
        raise fault_at(place, f"is the unknown role '{shortened(str(role), 40)}'", did_you_mean(str(role)[:40], _ROLES))
    return role


def read_domain(value: Any, place: Place) -> Domain:
    """The domain that a value of the file stands for."""
    try:
        if isinstance(value, dict):
            return _range(value, place)
        values = value if isinstance(value, list) else [value]
        if all(isinstance(each, SCALARS) for each in values):
            return Choices(tuple(values))
    except InvalidSpace as error:
        if isinstance(error, Fault):
            raise
        raise fault_at(place, f"is wrong: {error.what}", error.hint) from error
    raise fault_at(place, f"is {shortened(repr(value), 60)}", "Write a value, a list of values, or {min: 1, max: 8}.")


def _range(value: dict[str, Any], place: Place) -> Domain:
    unknown = next((key for key in value if key not in _RANGE), None)
    if unknown is not None:
        raise fault_at((*place, unknown), "is no key of a range", did_you_mean(str(unknown)[:40], _RANGE))
    low, high, log = value.get("min", ""), value.get("max", ""), value.get("log", False)
    if not _is_number(low) or not _is_number(high) or not isinstance(log, bool):
        raise fault_at(
            place, f"is {shortened(repr(value), 60)}", "A range has numbers 'min' and 'max', and 'log' true or false."
        )
    if "levels" in value or log or isinstance(low, float) or isinstance(high, float):
        levels = value.get("levels", 10)
        if "step" in value or type(levels) is not int:
            raise fault_at(
                place, f"is {shortened(repr(dict(value)), 60)}", "A float range has a number of 'levels', no 'step'."
            )
        return FloatRange(float(low), float(high), levels, log)
    if type(value.get("step", 1)) is not int:
        raise fault_at((*place, "step"), f"is {shortened(repr(value['step']), 60)}", "Write a whole number.")
    return IntegerRange(low, high, value.get("step", 1))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30


def refuse_misspelt(keys: Iterable[Any], known: Iterable[str], place: Place) -> None:
    """Refuses a key that looks like a misspelt word of the language."""
    for key in keys:
        close = difflib.get_close_matches(str(key), list(known), n=1, cutoff=0.8)
        if close and close[0] != key:
            raise fault_at((*place, key), "is not known here", f"Did you mean '{close[0]}'?")
