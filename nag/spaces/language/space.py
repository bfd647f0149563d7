"""A search space whose nodes carry attributes, compiled from its description."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice, product

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture, InvalidRequest, did_you_mean
from nag.core.numbers import Seed, Size
from nag.core.signatures import conform_value
from nag.spaces.language.conditions.rules import Conditions
from nag.spaces.language.counting.automaton import Automaton
from nag.spaces.language.counting.counter import Counter, of_conditions, unconditional
from nag.spaces.language.derivations.decisions import Decision
from nag.spaces.language.derivations.derivation import all_derivations, derive
from nag.spaces.language.derivations.neighbours import edited, edits, randomly_edited
from nag.spaces.language.derivations.parsing import parses
from nag.spaces.language.designs import Design, TypedGraph, Word
from nag.spaces.language.domains import Value
from nag.spaces.language.errors import NotCountable
from nag.spaces.language.expansion.parts import expand
from nag.spaces.language.parts import Part
from nag.spaces.language.steps import Description
from nag.spaces.language.strings.reading import Vocabulary, read_design
from nag.spaces.language.strings.writing import write_design
from nag.spaces.language.terms import Apply, ChainTerm, Option, Term
from nag.spaces.language.typed_graph import typed_graph

__all__ = ["TypedSpace"]

_MOST_TRIES = 10_000  # of rejection sampling, for one draw


class TypedSpace:
    """A search space in the space language: counts, draws, neighbours, decisions and strings of its designs.

    Args:
        description: The space; `load_typed_space` reads one from a file.

    Raises:
        InvalidSpace: The description is wrong; the message names the fault.

    Example:
        >>> from nag.spaces.language import typed_space_from_mapping
        >>> space = typed_space_from_mapping({
        ...     "name": "chain",
        ...     "operations": {"conv": {"kernel": [3, 5]}, "pool": {"role": "mergeable"}},
        ...     "graph": [{"repeat": [1, 2, 3], "choice": ["conv", "pool"], "name": "body"}],
        ...     "recipe": {"lr": [0.1, 0.01]},
        ... })
        >>> space.count()
        78
        >>> design = space.decode("conv(kernel=3) pool ; lr=0.1")
        >>> space.decide(design)["body[0].conv.kernel"], len(space.neighbours(design))
        (3, 14)
        >>> space.encode(space.sample(1, seed=0)[0])
        'pool ; lr=0.01'
    """

    def __init__(self, description: Description) -> None:
        self.description = description
        self.name = description.name
        self.parts = tuple(expand(description))
        self._active = tuple(part for part in self.parts if part.term is not None)
        operations = {name: tuple(own.attributes) for name, own in description.operations.items()}
        self.conditions = Conditions(description.conditions, self._active, operations)

    # -- counts and draws -------------------------------------------------------------------------------------------

    @cached_property
    def _counter(self) -> Counter:
        return of_conditions(self.conditions)

    @cached_property
    def _proposal(self) -> Counter:
        return unconditional(self._active)

    def count(self) -> int:
        """Number of distinct designs; exact.

        Raises:
            NotCountable: It cannot be counted within the bounds; the message names the part.
        """
        return self._counter.total

    def sample(self, count: int, seed: int = 0) -> list[Design]:
        """Independent uniform draws among the distinct designs.

        Where the conditions cannot be counted, designs are drawn without them and those that break them are rejected: draws are
        uniform all the same.

        Args:
            count: Number of draws.
            seed: Seed of the draws.

        Raises:
            NotCountable: The space without its conditions cannot be counted.
            InvalidRequest: The space is empty, or too few draws keep the conditions.
        """
        conform_value("the number of draws", count, Size)
        conform_value("the seed", seed, Seed)
        source = random.Random(seed)
        try:
            counter = self._counter
        except NotCountable:
            return [self._accepted(source) for _ in range(count)]
        if count and not counter.total:
            raise InvalidRequest(f"search space {self.name} has no architectures", "Loosen its conditions.")
        return [counter.draw(source) for _ in range(count)]

    def _accepted(self, source: random.Random) -> Design:
        for _ in range(_MOST_TRIES):
            design = self._proposal.draw(source)
            if self.is_valid(design):
                return design
        raise InvalidRequest(f"none of {_MOST_TRIES} draws from {self.name} keeps its conditions", "Loosen its conditions.")

    def enumerate(self, limit: int = 100_000) -> list[Design]:
        """Every design once, found by trying every derivation.

        Args:
            limit: Derivations that are tried at most.

        Raises:
            NotCountable: There are more.
        """
        found: dict[Design, None] = {}
        parts = [list(islice(all_derivations(_term(part), part.path), limit + 1)) for part in self._active]
        for number, chosen in enumerate(product(*parts)):
            if number == limit:
                raise NotCountable(f"search space {self.name} has more than {limit} derivations", "Sample from it.")
            words = tuple(word for _, word in chosen)
            if self.conditions.admit(_merged(decided for decided, _ in chosen), words):
                found[Design(words)] = None
        return list(found)

    # -- decisions --------------------------------------------------------------------------------------------------

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """All decisions with an alternative, in the order in which a derivation makes them."""
        return tuple(each for part in self._active for each in part.decisions if len(each.options) > 1)

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

        words = tuple(derive(_term(part), part.path, choose) for part in self._active)
        strange = next((name for name in decisions if name not in asked), None)
        if strange is not None:
            raise InvalidRequest(f"decision '{strange}' does not exist here", did_you_mean(strange, asked))
        self._check_conditions(asked, words)
        return Design(words)

    def decide(self, design: Design) -> dict[str, Option]:
        """The decisions that lead to a design, those with an alternative, in their order; of several derivations, the first.

        Raises:
            InvalidArchitecture: The design is not in the space.
        """
        found = next(self.derivations(design), None)
        if found is None:
            raise InvalidArchitecture(f"{self.name} does not hold this architecture", "Check its parts and conditions.")
        merged = _merged(found)
        asked: dict[str, Option] = {}

        def note(name: str, options: tuple[Option, ...]) -> Option:
            if len(options) > 1:
                asked[name] = merged[name]
            return merged[name]

        for part in self._active:
            derive(_term(part), part.path, note)
        return asked

    def derivations(self, design: Design) -> Iterator[tuple[dict[str, Option], ...]]:
        """The decisions of each part, for every derivation of a design that keeps the conditions."""
        if len(design.parts) != len(self._active):
            return
        ways = [list(parses(_term(part), part.path, word)) for part, word in zip(self._active, design.parts, strict=True)]
        if not self.conditions.rules and all(ways):
            yield tuple(way[0] for way in ways)
            return
        for chosen in product(*ways):
            if self.conditions.admit(_merged(chosen), design.parts):
                yield chosen

    def is_valid(self, design: Design) -> bool:
        """Whether a design is in the space."""
        return next(self.derivations(design), None) is not None

    def _check_conditions(self, decided: Mapping[str, Option], words: tuple[Word, ...]) -> None:
        broken = self.conditions.broken(decided, words)
        if broken is not None:
            raise InvalidArchitecture(f"{self.name} does not hold this architecture", f"It breaks '{broken}'.")

    # -- neighbours -------------------------------------------------------------------------------------------------

    def neighbours(self, design: Design, limit: int = 100_000) -> list[Design]:
        """All designs one edit away (see `nag.spaces.language.derivations.neighbours`), without the design itself.

        Args:
            design: A design of the space.
            limit: Derivations that are tried at most.

        Raises:
            NotCountable: There are more: use `draw_neighbour`.
        """
        found: dict[Design, None] = {}
        for number, (neighbour, decided) in enumerate(self._edited(design)):
            if number == limit:
                raise NotCountable(f"an architecture of {self.name} has more than {limit} edits", "Use draw_neighbour.")
            if neighbour not in found and self.conditions.admit(decided, neighbour.parts):
                found[neighbour] = None
        found.pop(design, None)
        return list(found)

    def _edited(self, design: Design) -> Iterator[tuple[Design, dict[str, Option]]]:
        for chosen in self._ways_to_edit(design):
            for index, decided in chosen:
                part = self._active[index]
                others = [own for place, own in enumerate(decided) if place != index]
                for edit in edits(_term(part), part.path, decided[index]):
                    for after, word in edited(_term(part), part.path, decided[index], edit):
                        yield _replaced(design, index, word), _merged([*others, after])

    def _ways_to_edit(self, design: Design) -> Iterator[list[tuple[int, tuple[dict[str, Option], ...]]]]:
        """Part and derivation to begin with; without conditions, other parts need one derivation only."""
        if self.conditions.rules:
            yield from ([(index, chosen) for index in range(len(self._active))] for chosen in self.derivations(design))
            return
        first = next(self.derivations(design), ())
        for index, part in enumerate(self._active if first else ()):
            for own in parses(_term(part), part.path, design.parts[index]):
                yield [(index, (*first[:index], own, *first[index + 1 :]))]

    def draw_neighbour(self, design: Design, source: random.Random, tries: int = 1000) -> Design | None:
        """A neighbour: an edit, each with equal odds, then what is new, decision by decision; None if none was found.

        Args:
            design: A design of the space.
            source: Source of randomness.
            tries: Edits that are tried, where conditions forbid what comes of them.
        """
        decided = next(self.derivations(design), None)
        if decided is None:
            return None
        options = [(i, edit) for i, part in enumerate(self._active) for edit in edits(_term(part), part.path, decided[i])]
        for _ in range(tries if options else 0):
            index, edit = source.choice(options)
            part = self._active[index]
            after = randomly_edited(_term(part), part.path, decided[index], edit, source)
            if after is not None:
                new = _replaced(design, index, after[1])
                others = [own for place, own in enumerate(decided) if place != index]
                if new != design and self.conditions.admit(_merged([*others, after[0]]), new.parts):
                    return new
        return None

    # -- strings and graphs -----------------------------------------------------------------------------------------

    def encode(self, design: Design) -> str:
        """The native string of a design (see `nag.spaces.language.strings.reading`)."""
        return write_design(self._active, design)

    def decode(self, text: str) -> Design:
        """The design of a native string.

        Raises:
            InvalidArchitecture: Not of the form, or not in the space; with the position of the fault.
        """
        design, positions = read_design(text, self._active, self._vocabulary, self._constants)
        for part, automaton, word, starts in zip(self._active, self._automata, design.parts, positions, strict=True):
            end, expected, complete = automaton.read(word)
            if end < len(word) or not complete:
                where = f"'{word[end].operation}' at character {starts[end] + 1}" if end < len(word) else "the end"
                hint = _expected(word[end].operation if end < len(word) else None, expected, complete)
                raise InvalidArchitecture(f"{where} does not fit {part.kind} '{part.name}'", hint)
        first = next(self.derivations(design), None)
        if first is None:
            decided = [next(parses(_term(p), p.path, word)) for p, word in zip(self._active, design.parts, strict=True)]
            self._check_conditions(_merged(decided), design.parts)
        return design

    @cached_property
    def _automata(self) -> list[Automaton]:
        return [Automaton(_term(part), part.path) for part in self._active]

    @cached_property
    def _constants(self) -> dict[str, Word]:
        closed = [part for part in self._active if not part.is_open]
        return {part.name: next(all_derivations(_term(part), part.path))[1] for part in closed}

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        description = self.description
        known: dict[str, list[tuple[str, Sequence[Value]]]] = {
            name: [(key, domain.values) for key, domain in own.attributes.items()]
            for name, own in description.operations.items()
        }
        known.update({name: [] for name, cell in description.cells.items() if cell.shared})
        for part in self._active:
            if part.leads or part.kind == "recipe":
                known["recipe" if part.kind == "recipe" else f"[{part.name}]"] = list(_leading(part).domains)
        return known

    def graph(self, design: Design) -> TypedGraph:
        """The flat graph of a design (see `nag.spaces.language.typed_graph`)."""
        return typed_graph(self.parts, design)


def _expected(operation: str | None, expected: Sequence[str], complete: bool) -> str:
    """What may stand where an operation does not fit."""
    if operation in expected:
        return f"'{operation}' may stand there with other attributes."
    return f"Expected {shortened(', '.join([*expected, *['the end'] * complete]))}."


def _leading(part: Part) -> Apply:
    """The first node of a part that has arguments to choose, or the recipe."""
    term = _term(part)
    first = term.steps[0] if isinstance(term, ChainTerm) else term
    assert isinstance(first, Apply)
    return first


def _term(part: Part) -> Term:
    assert part.term is not None
    return part.term


def _merged(decided: Iterable[Mapping[str, Option]]) -> dict[str, Option]:
    return {name: option for own in decided for name, option in own.items()}


def _replaced(design: Design, index: int, word: Word) -> Design:
    return Design((*design.parts[:index], word, *design.parts[index + 1 :]))
