"""Derivations of the designs of a space: decisions to design, design to decisions, all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture, InvalidRequest, did_you_mean
from nag.spaces.language.conditions.rules import Conditions
from nag.spaces.language.derivations.derivation import all_derivations, derive
from nag.spaces.language.derivations.parsing import parses
from nag.spaces.language.designs import Design, Word
from nag.spaces.language.errors import NotCountable
from nag.spaces.language.parts import Part
from nag.spaces.language.terms import Option

__all__ = ["Derivations", "merged"]


class Derivations:
    """The derivations of a space.

    Args:
        name: Name of the space, for messages.
        parts: Its parts that have a term.
        conditions: Its conditions.
    """

    def __init__(self, name: str, parts: Sequence[Part], conditions: Conditions) -> None:
        self.name = name
        self.parts = tuple(parts)
        self.conditions = conditions

    def enumerate(self, limit: int) -> list[Design]:
        """Every design once, found by trying every derivation.

        Args:
            limit: Derivations that are tried at most.

        Raises:
            NotCountable: There are more.
        """
        found: dict[Design, None] = {}
        parts = [list(islice(all_derivations(part.body, part.path), limit + 1)) for part in self.parts]
        for number, chosen in enumerate(product(*parts)):
            if number == limit:
                raise NotCountable(f"search space {self.name} has more than {limit} derivations", "Sample from it.")
            words = tuple(word for _, word in chosen)
            if self.conditions.admit(merged(decided for decided, _ in chosen), words):
                found[Design(words)] = None
        return list(found)

    def derive(self, decisions: Mapping[str, Option]) -> Design:
        """The design of decisions.

        Args:
            decisions: Name -> option of each decision that exists; what has one option may be left out.

        Raises:
            InvalidRequest: One is missing, unknown or impossible, or does not exist beside the others.
            InvalidArchitecture: A condition is broken.
        """
        asked: dict[str, Option] = {}

        def choose(name: str, options: tuple[Option, ...]) -> Option:
            chosen = decisions.get(name, options[0] if len(options) == 1 else None)
            chosen = tuple(chosen) if isinstance(chosen, list) else chosen
            if chosen is None or chosen not in options:
                fault = "is missing" if chosen is None else f"cannot be {shortened(repr(chosen), 60)}"
                raise InvalidRequest(f"decision '{name}' {fault}", f"It is one of {shortened(', '.join(map(str, options)))}.")
            asked[name] = options[options.index(chosen)]
            return asked[name]

        words = tuple(derive(part.body, part.path, choose) for part in self.parts)
        strange = next((name for name in decisions if name not in asked), None)
        if strange is not None:
            raise InvalidRequest(f"decision '{strange}' does not exist here", did_you_mean(strange, asked))
        self.check_conditions(asked, words)
        return Design(words)

    def decide(self, design: Design) -> dict[str, Option]:
        """The decisions that lead to a design, those with an alternative, in their order; of several derivations, the first.

        Raises:
            InvalidArchitecture: The design is not in the space.
        """
        found = next(self.of(design), None)
        if found is None:
            raise InvalidArchitecture(f"{self.name} does not hold this architecture", "Check its parts and conditions.")
        known = merged(found)
        asked: dict[str, Option] = {}

        def note(name: str, options: tuple[Option, ...]) -> Option:
            if len(options) > 1:
                asked[name] = known[name]
            return known[name]

        for part in self.parts:
            derive(part.body, part.path, note)
        return asked

    def of(self, design: Design) -> Iterator[tuple[dict[str, Option], ...]]:
        """The decisions of each part, for every derivation of a design that keeps the conditions."""
        if len(design.parts) != len(self.parts):
            return
        ways = [list(parses(part.body, part.path, word)) for part, word in zip(self.parts, design.parts, strict=True)]
        if not self.conditions.rules and all(ways):
            yield tuple(way[0] for way in ways)
            return
        for chosen in product(*ways):
            if self.conditions.admit(merged(chosen), design.parts):
                yield chosen

    def check_conditions(self, decided: Mapping[str, Option], words: tuple[Word, ...]) -> None:
        """Raises `InvalidArchitecture` with the first condition that a derivation breaks."""
        broken = self.conditions.broken(decided, words)
        if broken is not None:
            raise InvalidArchitecture(f"{self.name} does not hold this architecture", f"It breaks '{broken}'.")


def merged(decided: Iterable[Mapping[str, Option]]) -> dict[str, Option]:
    """The decisions of several parts in one mapping."""
    return {name: option for own in decided for name, option in own.items()}
