"""Exact counts and uniform draws of a whole space: parts multiply, conditions are split into cases."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import accumulate, product

from nag.spaces.language.conditions.rules import Conditions
from nag.spaces.language.counting.automaton import Automaton, Cases
from nag.spaces.language.counting.labels import Scope
from nag.spaces.language.designs import Design
from nag.spaces.language.errors import NotCountable
from nag.spaces.language.parts import Part

__all__ = ["Counter", "unconditional"]

MAX_COMBINATIONS = 100_000
"""Combinations of the cases of parts."""


class Counter:
    """Number of designs and uniform draws.

    For each part the words are counted by the set of cases that hold them; a combination of such sets, one for each part, is in
    the space if its parts have a case in common. So a design is counted once, however many derivations lead to it.

    Args:
        parts: The parts.
        cases: For each case, how each part is limited; see `Conditions.cases`.

    Raises:
        NotCountable: Something is too large; the message names it.
    """

    def __init__(self, parts: Sequence[Part], cases: Sequence[tuple[Scope, ...]]) -> None:
        self._automata: list[Automaton] = []
        self._combinations: list[tuple[Cases, ...]] = []
        self._weights: list[int] = []
        tables: list[list[tuple[Cases, Cases, int]]] = []  # of each part: own cases, cases of the space, number of words
        for index, part in enumerate(parts):
            assert part.term is not None
            distinct: dict[object, int] = {}
            own = [distinct.setdefault(_key(scopes[index]), len(distinct)) for scopes in cases]
            first = [own.index(variant) for variant in range(len(distinct))]
            automaton = Automaton(part.term, part.path, [cases[case][index] for case in first])
            self._automata.append(automaton)
            tables.append([(signature, _spread(signature, own), count) for signature, count in automaton.counts().items()])
        self._combine(tables)
        self._totals = list(accumulate(self._weights))

    def _combine(self, tables: list[list[tuple[Cases, Cases, int]]]) -> None:
        if math.prod(len(table) for table in tables) > MAX_COMBINATIONS:
            raise NotCountable(
                f"the conditions leave more than {MAX_COMBINATIONS} combinations of cases", "Name fewer decisions."
            )
        for chosen in product(*tables):
            common = frozenset.intersection(*(cases for _, cases, _ in chosen)) if chosen else frozenset({0})
            weight = math.prod(count for _, _, count in chosen)
            if common and weight:
                self._combinations.append(tuple(signature for signature, _, _ in chosen))
                self._weights.append(weight)

    @property
    def total(self) -> int:
        """Number of designs."""
        return self._totals[-1] if self._totals else 0

    def draw(self, source: random.Random) -> Design:
        """A design, each with equal odds."""
        left = source.randrange(self.total)
        index = next(i for i, total in enumerate(self._totals) if left < total)
        pairs = zip(self._automata, self._combinations[index], strict=True)
        return Design(tuple(automaton.draw(cases, source) for automaton, cases in pairs))


def unconditional(parts: Sequence[Part]) -> Counter:
    """The counts of a space without its conditions: the proposal of rejection sampling."""
    return Counter(parts, [tuple(Scope() for _ in parts)])


def of_conditions(conditions: Conditions) -> Counter:
    """The counts of a space with its conditions."""
    return Counter(conditions.parts, conditions.cases())


def _key(scope: Scope) -> object:
    return tuple(sorted(scope.pins.items(), key=lambda item: item[0])), scope.nodes.key if scope.nodes is not None else None


def _spread(signature: Cases, own: list[int]) -> Cases:
    """The cases of the space in which a word of these own cases belongs to the part."""
    return frozenset(case for case, variant in enumerate(own) if variant in signature)
