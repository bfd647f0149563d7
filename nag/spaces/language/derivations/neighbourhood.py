"""Neighbours of the designs of a space."""

from __future__ import annotations

import random
from collections.abc import Iterator

from nag.spaces.language.derivations.neighbours import edited, edits, randomly_edited
from nag.spaces.language.derivations.of_space import Derivations, merged
from nag.spaces.language.derivations.parsing import parses
from nag.spaces.language.designs import Design, Word
from nag.spaces.language.errors import NotCountable
from nag.spaces.language.terms import Option

__all__ = ["Neighbourhood"]


class Neighbourhood:
    """The one-edit neighbours in a space.

    Args:
        derivations: The derivations of the space.
    """

    def __init__(self, derivations: Derivations) -> None:
        self.derivations = derivations
        self.parts = derivations.parts
        self.conditions = derivations.conditions

    def of(self, design: Design, limit: int) -> list[Design]:
        """All designs one edit away, without the design itself (see `nag.spaces.language.derivations.neighbours`).

        Args:
            design: A design of the space.
            limit: Derivations that are tried at most.

        Raises:
            NotCountable: There are more: use `draw_neighbour`.
        """
        found: dict[Design, None] = {}
        for number, (neighbour, decided) in enumerate(self._edited(design)):
            if number == limit:
                what = f"an architecture of {self.derivations.name} has more than {limit} edits"
                raise NotCountable(what, "Use draw_neighbour.")
            if neighbour not in found and self.conditions.admit(decided, neighbour.parts):
                found[neighbour] = None
        found.pop(design, None)
        return list(found)

    def _edited(self, design: Design) -> Iterator[tuple[Design, dict[str, Option]]]:
        for chosen in self._ways_to_edit(design):
            for index, decided in chosen:
                part = self.parts[index]
                others = [own for place, own in enumerate(decided) if place != index]
                for edit in edits(part.body, part.path, decided[index]):
                    for after, word in edited(part.body, part.path, decided[index], edit):
                        yield _replaced(design, index, word), merged([*others, after])

    def _ways_to_edit(self, design: Design) -> Iterator[list[tuple[int, tuple[dict[str, Option], ...]]]]:
        """Part and derivation to begin with; without conditions, other parts need one derivation only."""
        if self.conditions.rules:
            yield from ([(index, chosen) for index in range(len(self.parts))] for chosen in self.derivations.of(design))
            return
        first = next(self.derivations.of(design), ())
        for index, part in enumerate(self.parts if first else ()):
            for own in parses(part.body, part.path, design.parts[index]):
                yield [(index, (*first[:index], own, *first[index + 1 :]))]

    def draw(self, design: Design, source: random.Random, tries: int) -> Design | None:
        """A neighbour: an edit, each with equal odds, then what is new, decision by decision; None if none was found.

        Args:
            design: A design of the space.
            source: Source of randomness.
            tries: Edits that are tried, where conditions forbid what comes of them.
        """
        decided = next(self.derivations.of(design), None)
        if decided is None:
            return None
        options = [(i, edit) for i, part in enumerate(self.parts) for edit in edits(part.body, part.path, decided[i])]
        for _ in range(tries if options else 0):
            index, edit = source.choice(options)
            part = self.parts[index]
            after = randomly_edited(part.body, part.path, decided[index], edit, source)
            if after is not None:
                new = _replaced(design, index, after[1])
                others = [own for place, own in enumerate(decided) if place != index]
                if new != design and self.conditions.admit(merged([*others, after[0]]), new.parts):
                    return new
        return None


def _replaced(design: Design, index: int, word: Word) -> Design:
    return Design((*design.parts[:index], word, *design.parts[index + 1 :]))
