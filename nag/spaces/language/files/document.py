"""Schema of a space file in the language, but for steps, whose keys depend on what they name (see `reading`)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from nag.core.documents import Document
from nag.core.imports import is_import_path

__all__ = ["RESERVED_OPERATIONS", "CellDocument", "LanguageDocument"]

RESERVED_OPERATIONS = ("input", "output", "sum", "recipe", "default", "base", "step", "section")
"""Names that are no operation's, block's or cell's."""

_Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=200)]
_Text = Annotated[str, Field(max_length=2000)]


class CellDocument(Document):
    """A cell: nodes by name and edges, or a number of nodes that choose what they read."""

    inputs: Annotated[int, Field(ge=1, le=16)] = 1
    shared: bool = True
    nodes: Any
    edges: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None
    in_degree: Any = None
    operations_on: Literal["nodes", "edges"] = "nodes"
    of: Any = None
    output: Literal["all", "leaves"] = "leaves"
    max_edges: Annotated[int, Field(ge=1, le=10_000)] | None = None


class LanguageDocument(Document):
    """A space file in the language."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_ .+-]*$", max_length=100)]
    title: Annotated[str, Field(max_length=500)] | None = None
    operations: dict[_Name, Any]
    blocks: dict[_Name, Any] = Field(default_factory=dict)
    cells: dict[_Name, CellDocument] = Field(default_factory=dict)
    graph: Annotated[list[Any], Field(min_length=1, max_length=10_000)]
    recipe: dict[_Name, Any] = Field(default_factory=dict)
    conditions: Annotated[list[_Text], Field(max_length=1000)] = Field(default_factory=list)

    @field_validator("operations", "blocks", "cells")
    @classmethod
    def _not_reserved(cls, named: dict[str, Any]) -> dict[str, Any]:
        taken = next((name for name in named if name in RESERVED_OPERATIONS), None)
        if taken is not None:
            raise ValueError(f"'{taken}' is taken; choose another name")
        return named


def import_path(path: Any) -> str:
    """A value as an import path, or a `ValueError` that says what one is."""
    if not isinstance(path, str) or not is_import_path(path):
        raise ValueError("It must be an import path, such as my_package.blocks:Block")
    return path
