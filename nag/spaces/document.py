"""Schema of a search-space file: what each key may hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from nag.core.documents import Document, shortened
from nag.core.errors import did_you_mean
from nag.core.imports import is_import_path, short_names
from nag.core.numbers import Finite
from nag.core.signatures import annotations_of
from nag.spaces.constraints import Constraint

__all__ = ["MAX_NODES", "SpaceDocument"]

MAX_NODES = 4096
"""Nodes of the largest search space."""

_MAX_OPERATIONS = 4096
_MAX_MASK = 2**28  # nodes squared times operations: bytes of the table of what each node may be
_ROLES = ("parametric", "identity", "zero", "mergeable")
_WAYS = ("summed", "multiplied", "concatenated")
_Way = Literal["summed", "multiplied", "concatenated"]
_RESERVED = {"input", "output", "default", "base"}
_NAMED = "Use letters, digits, '-' and '_', no '-' at the beginning"

_Operation = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$", max_length=200)]
_Node = Annotated[int, Field(ge=0, lt=MAX_NODES)]
_Pairs = list[Annotated[list[_Node], Field(min_length=2, max_length=2)]]


class SpaceDocument(Document):
    """A search-space file. Later keys are checked against earlier ones."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_ .+-]*$", max_length=100)]
    title: Annotated[str, Field(max_length=500)] | None = None
    operations: dict[str, Literal["parametric", "identity", "zero", "mergeable"]]
    inputs: dict[str, _Way] = Field(default_factory=dict)
    nodes: tuple[int, int]
    edges: Literal["free"] | _Pairs
    allowed: list[list[str]] | None = None
    required: _Pairs | None = None
    forbidden: _Pairs | None = None
    constraints: dict[str, Any] = Field(default_factory=dict)
    codec: dict[str, Any] | None = None
    networks: Annotated[str, Field(max_length=500)] | None = None
    costs: dict[str, dict[str, Finite]] = Field(default_factory=dict)

    @field_validator("title")
    @classmethod
    def _printable(cls, title: str | None) -> str | None:
        if title is not None and not title.isprintable():
            raise ValueError("A title is one line of printable characters")
        return title

    @field_validator("operations", mode="before")
    @classmethod
    def _roles(cls, operations: Any) -> Any:
        if not isinstance(operations, dict) or not operations:
            raise ValueError(f"It must map each operation to its role: {', '.join(_ROLES)}")
        if len(operations) > _MAX_OPERATIONS:
            raise ValueError(f"There may be at most {_MAX_OPERATIONS} operations")
        for name, role in operations.items():
            if name in _RESERVED or not _is_name(name):
                shown = shortened(str(name), 60)
                raise ValueError(f"'{shown}' cannot be an operation's name. {_NAMED}; {', '.join(sorted(_RESERVED))} are taken")
            if role not in _ROLES:
                raise ValueError(
                    f"'{name}' has the unknown role '{shortened(str(role), 40)}'. {did_you_mean(str(role), _ROLES)}"
                )
        return operations

    @field_validator("inputs", mode="before")
    @classmethod
    def _ways(cls, inputs: Any, info: ValidationInfo) -> Any:
        if not isinstance(inputs, dict):
            raise ValueError(f"It must map operations, output or default to {', '.join(_WAYS)}")
        known = {"default", "output", *info.data.get("operations", ())}
        for name, way in inputs.items():
            if name not in known and name != "input":
                raise ValueError(
                    f"'{shortened(str(name), 60)}' is no operation. {did_you_mean(shortened(str(name), 60), known)}"
                )
            if way not in _WAYS:
                raise ValueError(
                    f"'{shortened(str(way), 40)}' is no way of joining inputs. {did_you_mean(str(way)[:40], _WAYS)}"
                )
        return inputs

    @field_validator("nodes", mode="before")
    @classmethod
    def _sizes(cls, nodes: Any, info: ValidationInfo) -> Any:
        pair = nodes if isinstance(nodes, list) else [nodes, nodes]
        if len(pair) != 2 or not all(type(n) is int for n in pair) or not 2 <= pair[0] <= pair[1] <= MAX_NODES:
            raise ValueError(f"It must be a number from 2 to {MAX_NODES}, input and output included, or [least, greatest]")
        if pair[1] ** 2 * (len(info.data.get("operations", ())) + 2) > _MAX_MASK:
            raise ValueError(f"The square of it, times the number of operations, may be at most {_MAX_MASK}")
        return tuple(pair)

    @field_validator("edges", "required", "forbidden", mode="before")
    @classmethod
    def _wiring(cls, pairs: Any, info: ValidationInfo) -> Any:
        if "nodes" not in info.data or (pairs is None and info.field_name != "edges"):
            return pairs
        low, high = info.data["nodes"]
        if info.field_name == "edges" and pairs == "free":
            return pairs
        if info.field_name != "edges" and info.data.get("edges") != "free":
            raise ValueError("It needs free edges: write 'edges: free', or leave it out")
        size = low if info.field_name == "required" else high  # the smallest architecture has the required ones too
        if not isinstance(pairs, list) or not all(_is_pair(pair, size) for pair in pairs):
            free = " or be 'free'" if info.field_name == "edges" else ""
            raise ValueError(f"It must list pairs [u, v] with 0 <= u < v < {size}{free}")
        if info.field_name == "edges" and low != high:
            raise ValueError("A fixed wiring needs one number of nodes: write 'nodes: N', or 'edges: free'")
        distinct = {tuple(pair) for pair in pairs}
        if len(distinct) != len(pairs):
            raise ValueError("List each pair once")
        if info.field_name == "forbidden" and distinct & {tuple(pair) for pair in info.data.get("required") or ()}:
            raise ValueError("A pair cannot be both required and forbidden")
        return pairs

    @field_validator("allowed", mode="before")
    @classmethod
    def _choices(cls, allowed: Any, info: ValidationInfo) -> Any:
        if allowed is None or "operations" not in info.data:
            return allowed
        rows = allowed if isinstance(allowed, list) and len(allowed) <= MAX_NODES else [None]
        if not rows or not all(isinstance(row, list) and row and _all_known(row, info) for row in rows):
            raise ValueError(
                f"It must list, for each inner node, at least one of {shortened(', '.join(info.data['operations']))}"
            )
        return allowed

    @field_validator("constraints", mode="before")
    @classmethod
    def _rules(cls, constraints: Any, info: ValidationInfo) -> Any:
        known = short_names("nag.spaces.constraints", Constraint)
        if not isinstance(constraints, dict):
            raise ValueError(f"It must map names of constraints to what they need: {', '.join(sorted(known))}")
        for name, value in constraints.items():
            if is_import_path(str(name)):
                continue  # made, and checked by its type hints, by the loader
            if name not in known:
                shown = shortened(str(name), 60)
                raise ValueError(f"Unknown constraint '{shown}'. {did_you_mean(shown, known)}")
            takes = next(iter(annotations_of(known[name]).values()), None)
            good = value is True if takes is None else type(value) is int and value >= 0
            needs = "true or false" if takes is None else "a whole number"
            if takes == tuple[str, ...]:
                good = isinstance(value, list) and bool(value) and _all_known(value, info)
                needs = f"a list of operations: {shortened(', '.join(info.data.get('operations', ())))}"
            if value is not False and not good:
                raise ValueError(f"Constraint '{name}' needs {needs}")
        return constraints

    @field_validator("networks")
    @classmethod
    def _path_of_networks(cls, networks: str | None) -> str | None:
        if networks is not None and not is_import_path(networks):
            raise ValueError("It must be the import path of a builder, such as my_package.networks:Builder")
        return networks

    @field_validator("costs", mode="before")
    @classmethod
    def _models(cls, costs: Any, info: ValidationInfo) -> Any:
        known = {"base", "input", "output", *info.data.get("operations", ())}
        for name, model in costs.items() if isinstance(costs, dict) else (("costs", None),):
            if not _is_name(name):
                raise ValueError(f"'{shortened(str(name), 60)}' cannot be a cost's name. {_NAMED}")
            if not isinstance(model, dict) or not set(model) <= known:
                raise ValueError("Each cost must map operations (and base) to numbers")
        return costs


def _is_name(name: Any) -> bool:
    plain = isinstance(name, str) and name.isascii() and name.replace("-", "_").replace("_", "a").isalnum()
    return plain and not name.startswith("-") and len(name) <= 200


def _is_pair(pair: Any, size: int) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair) and 0 <= pair[0] < pair[1] < size


def _all_known(names: Any, info: ValidationInfo) -> bool:
    known = info.data.get("operations", {})
    return all(isinstance(name, str) and name in known for name in names)
