"""Native strings of a space: written, and read with checks of what fits where."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture
from nag.spaces.language.counting.automaton import Automaton
from nag.spaces.language.derivations.derivation import all_derivations
from nag.spaces.language.derivations.of_space import Derivations, merged
from nag.spaces.language.derivations.parsing import parses
from nag.spaces.language.designs import Design, Word
from nag.spaces.language.domains import Value
from nag.spaces.language.parts import Part
from nag.spaces.language.steps import Description
from nag.spaces.language.strings.reading import Vocabulary, read_design
from nag.spaces.language.strings.writing import write_design
from nag.spaces.language.terms import Apply, ChainTerm

__all__ = ["StringCodec"]


class StringCodec:
    """The native strings of a space.

    Args:
        description: The space.
        derivations: Its derivations.
    """

    def __init__(self, description: Description, derivations: Derivations) -> None:
        self.description = description
        self.derivations = derivations
        self.parts = derivations.parts

    def encode(self, design: Design) -> str:
        """The native string of a design (see `nag.spaces.language.strings.reading`)."""
        return write_design(self.parts, design)

    def decode(self, text: str) -> Design:
        """The design of a native string.

        Raises:
            InvalidArchitecture: Not of the form, or not in the space; with the position of the fault.
        """
        design, positions = read_design(text, self.parts, self._vocabulary, self._constants)
        for part, automaton, word, starts in zip(self.parts, self._automata, design.parts, positions, strict=True):
            end, expected, complete = automaton.read(word)
            if end < len(word) or not complete:
                where = f"'{word[end].operation}' at character {starts[end] + 1}" if end < len(word) else "the end"
                hint = _expected(word[end].operation if end < len(word) else None, expected, complete)
                raise InvalidArchitecture(f"{where} does not fit {part.kind} '{part.name}'", hint)
        first = next(self.derivations.of(design), None)
        if first is None:
            decided = [next(parses(p.body, p.path, word)) for p, word in zip(self.parts, design.parts, strict=True)]
            self.derivations.check_conditions(merged(decided), design.parts)
        return design

    @cached_property
    def _automata(self) -> list[Automaton]:
        return [Automaton(part.body, part.path) for part in self.parts]

    @cached_property
    def _constants(self) -> dict[str, Word]:
        closed = [part for part in self.parts if not part.is_open]
        return {part.name: next(all_derivations(part.body, part.path))[1] for part in closed}

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        description = self.description
        known: dict[str, list[tuple[str, Sequence[Value]]]] = {
            name: [(key, domain.values) for key, domain in own.attributes.items()]
            for name, own in description.operations.items()
        }
        known.update({name: [] for name, cell in description.cells.items() if cell.shared})
        for part in self.parts:
            if part.leads or part.kind == "recipe":
                known["recipe" if part.kind == "recipe" else f"[{part.name}]"] = list(_leading(part).domains)
        return known


def _expected(operation: str | None, expected: Sequence[str], complete: bool) -> str:
    """What may stand where an operation does not fit."""
    if operation in expected:
        return f"'{operation}' may stand there with other attributes."
    return f"Expected {shortened(', '.join([*expected, *['the end'] * complete]))}."


def _leading(part: Part) -> Apply:
    """The first node of a part that has arguments to choose, or the recipe."""
    term = part.body
    first = term.steps[0] if isinstance(term, ChainTerm) else term
    assert isinstance(first, Apply)
    return first
