"""The independent parts of a space: sections of the graph, cells that are chosen once, and the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from nag.spaces.language.derivations.decisions import Decision, decisions_of
from nag.spaces.language.domains import Value
from nag.spaces.language.terms import Option, Term

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """A part of a space; its word is the term's, and words of different parts are independent but for conditions.

    Args:
        kind: A section of the graph, a cell that is chosen once, the recipe, or a fixed module.
        name: Its name.
        path: Path of its term.
        term: What is derived; None for a fixed module.
        arguments: What its modules are given, as far as it is fixed.
        module: Import path of a fixed module.
        leads: Whether the first node of a word only holds arguments that are chosen.
    """

    kind: Literal["section", "cell", "recipe", "module"]
    name: str
    path: str
    term: Term | None
    arguments: Mapping[str, Value] = field(default_factory=dict)
    module: str | None = None
    leads: bool = False

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Every decision that a derivation may ask, those of one option too."""
        return tuple(decisions_of(self.term, self.path)) if self.term is not None else ()

    @cached_property
    def sites(self) -> dict[str, tuple[Option, ...]]:
        """Name -> options of the decisions that a condition may name: all but those within a cell of free wiring."""
        return {each.name: each.options for each in self.decisions if each.addressable}

    @cached_property
    def is_open(self) -> bool:
        """Whether anything of it is chosen."""
        return any(len(each.options) > 1 for each in self.decisions)

    @property
    def body(self) -> Term:
        """The term of a part that has one."""
        assert self.term is not None
        return self.term
