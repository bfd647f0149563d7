"""One-edit neighbours that follow the structure.

Two derivations are neighbours if they differ in one decision, and what exists in both is equal. What exists in one only, an
added copy or the new alternative of a choice, takes any value: so the relation is symmetric. A repetition grows or shrinks to
the next number that it may have; copies are added and removed anywhere in it, in a row. Two designs are neighbours if they have
derivations that are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nag.spaces.language.derivations.derivation import Decided, all_derivations, derive
from nag.spaces.language.designs import Word
from nag.spaces.language.terms import Option, Term

__all__ = ["Edit", "edited", "edits", "randomly_edited"]


@dataclass(frozen=True)
class Edit:
    """A change of one decision of a derivation.

    Args:
        name: The decision.
        option: What it becomes.
        at: Where copies are added or removed.
        change: How many copies are added, or removed if negative.
    """

    name: str
    option: Option
    at: int = 0
    change: int = 0

    def old_name(self, name: str) -> str | None:
        """Name before the edit of a decision after it; None if it is new."""
        match = re.match(r"\[(\d+)\]", name[len(self._path) :]) if self.change and name.startswith(self._path) else None
        if match is None:
            return name
        copy = int(match[1])
        if copy < self.at:
            return name
        if copy < self.at + self.change:
            return None
        return f"{self._path}[{copy - self.change}]{name[len(self._path) + match.end() :]}"

    @property
    def _path(self) -> str:
        return self.name.removesuffix("repeat").removesuffix(".")


def edits(term: Term, path: str, decided: Decided) -> Iterator[Edit]:
    """All edits of a derivation.

    Args:
        term: What is derived.
        path: Path of the term.
        decided: All its decisions.
    """
    asked: dict[str, tuple[Option, ...]] = {}

    def note(name: str, options: tuple[Option, ...]) -> Option:
        asked[name] = options
        return decided[name]

    derive(term, path, note)
    for name, options in asked.items():
        own = decided[name]
        kind = name.rpartition(".")[2]
        if kind in ("repeat", "nodes"):
            yield from _resized(name, kind, int(own), sorted(map(int, options)))  # type: ignore[arg-type]
        else:
            yield from (Edit(name, option) for option in options if option != own)


def _resized(name: str, kind: str, own: int, numbers: list[int]) -> Iterator[Edit]:
    place = numbers.index(own)
    for number in numbers[max(0, place - 1) : place + 2]:
        if number == own:
            continue
        if kind == "nodes":
            yield Edit(name, number)
        else:
            yield from (Edit(name, number, at, number - own) for at in range(min(own, number) + 1))


def edited(term: Term, path: str, decided: Decided, edit: Edit) -> Iterator[tuple[dict[str, Option], Word]]:
    """The derivations that an edit leads to: one for every way to decide what is new.

    Args:
        term: What is derived.
        path: Path of the term.
        decided: All decisions before.
        edit: The edit.
    """
    try:
        yield from all_derivations(term, path, lambda name, options: _kept(name, options, decided, edit))
    except _Impossible:
        return


def randomly_edited(
    term: Term, path: str, decided: Decided, edit: Edit, source: random.Random
) -> tuple[dict[str, Option], Word] | None:
    """One of the derivations that an edit leads to, new decisions drawn one by one; None if what is kept does not fit."""
    after: dict[str, Option] = {}

    def choose(name: str, options: tuple[Option, ...]) -> Option:
        after[name] = source.choice(_kept(name, options, decided, edit))
        return after[name]

    try:
        word = derive(term, path, choose)
    except _Impossible:
        return None
    return after, word


class _Impossible(Exception):
    """What an edit keeps is no option any more, as a limit of edges is met."""


def _kept(name: str, options: tuple[Option, ...], decided: Decided, edit: Edit) -> tuple[Option, ...]:
    """The options of a decision after an edit."""
    if name == edit.name:
        return (edit.option,)
    old = edit.old_name(name)
    if old is None or old not in decided:
        return options
    if decided[old] not in options:
        raise _Impossible
    return (decided[old],)
