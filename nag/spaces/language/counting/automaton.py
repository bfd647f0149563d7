"""The automaton of a term: its words counted, listed and drawn, each once, however many derivations lead to it.

The position automaton is built from the end to the beginning, and determinised as far as it is needed. Several cases of one
term are told apart by their final states, so that the words of any union of cases are counted once, too.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from nag.spaces.language.counting.labels import Box, Label, Scope, boxes_of, refine
from nag.spaces.language.designs import Node, Word
from nag.spaces.language.errors import NotCountable
from nag.spaces.language.terms import Apply, CellTerm, ChainTerm, ChoiceTerm, OptionalTerm, RepeatTerm, Term, join

__all__ = ["Automaton", "Cases"]

MAX_STATES = 200_000
"""States of the largest automaton."""

MAX_SHARED = 20_000
"""Words of a repeated step whose choices are shared."""

Cases = frozenset[int]
"""The cases in which a word belongs to the language."""

_State = frozenset[int]
_Move = tuple[Label, int, _State]


class Automaton:
    """A finite language of words over nodes, in one or several cases.

    Args:
        term: The term.
        path: Its path.
        scopes: The cases.

    Raises:
        NotCountable: The automaton would be too large.
    """

    def __init__(self, term: Term, path: str, scopes: Sequence[Scope] = (Scope(),)) -> None:
        self.path = path
        self._silent: list[list[int]] = []
        self._labelled: list[list[tuple[Label, int]]] = []
        self._finals: dict[int, int] = {}
        starts = []
        for case, scope in enumerate(scopes):
            final = self._state()
            self._finals[final] = case
            starts.append(self._build(term, path, scope, final))
        self._start = self._closure(starts)
        self._moves: dict[_State, list[_Move]] = {}
        self._counts: dict[_State, Counter[Cases]] = {}
        self._ends: dict[_State, Cases] = {}

    # -- construction -----------------------------------------------------------------------------------------------

    def _state(self, silent: Iterable[int] = (), labelled: Iterable[tuple[Label, int]] = ()) -> int:
        if len(self._silent) >= MAX_STATES:
            raise NotCountable(f"'{self.path}' has more than {MAX_STATES} places")
        self._silent.append(list(silent))
        self._labelled.append(list(labelled))
        return len(self._silent) - 1

    def _build(self, term: Term, path: str, scope: Scope, after: int) -> int:
        """The state before a term, given the state after it."""
        if isinstance(term, Apply):
            return self._state(labelled=[(box, after) for box in boxes_of(term, path, scope)])
        if isinstance(term, ChainTerm):
            for label, step in zip(reversed(term.labels), reversed(term.steps), strict=True):
                after = self._build(step, join(path, label), scope, after)
            return after
        if isinstance(term, RepeatTerm):
            return self._shared(term, path, scope, after) if term.shared else self._copies(term, path, scope, after)
        if isinstance(term, OptionalTerm):
            options = scope.options(join(path, "present"), (False, True))
            inner = [self._build(term.of, path, scope, after)] if True in options else []
            return self._state([*inner, *([after] if False in options else [])])
        if isinstance(term, ChoiceTerm):
            wanted = scope.options(join(path, "choice"), term.labels)
            options_ = zip(term.labels, term.places, term.options, strict=True)
            return self._state(
                self._build(option, join(path, place), scope, after) for label, place, option in options_ if label in wanted
            )
        return self._cell(term, path, scope, after)

    def _cell(self, term: CellTerm, path: str, scope: Scope, after: int) -> int:
        from nag.spaces.language.counting.cells import cell_language

        language = cell_language(term.cell, path, scope)
        return self._state(labelled=[(language, after)] if language.size else [])

    def _copies(self, term: RepeatTerm, path: str, scope: Scope, after: int) -> int:
        numbers = set(scope.options(join(path, "repeat"), term.numbers))
        following: int | None = None
        for copy in range(max(map(int, numbers), default=0), -1, -1):  # type: ignore[arg-type]
            ways = [after] if copy in numbers else []
            if following is not None:
                ways.append(following)
            end = self._state(ways)
            following = self._build(term.of, f"{path}[{copy - 1}]", scope, end) if copy else end
        assert following is not None
        return following

    def _shared(self, term: RepeatTerm, path: str, scope: Scope, after: int) -> int:
        ways = []
        numbers = [int(n) for n in scope.options(join(path, "repeat"), term.numbers)]  # type: ignore[arg-type]
        if 0 in numbers:
            ways.append(after)
        for word in Automaton(term.of, path, [scope]).words(MAX_SHARED) if any(numbers) else ():
            labels = [Box(node.operation, tuple((name, (value,)) for name, value in node.attributes)) for node in word]
            if any(node.cell is not None for node in word):
                raise NotCountable(f"'{path}' repeats a cell of its own", "Declare the cell 'shared: true' instead.")
            for number in filter(None, numbers):
                state = after
                for label in reversed(labels * number):
                    state = self._state(labelled=[(label, state)])
                ways.append(state)
        return self._state(ways)

    # -- the deterministic automaton --------------------------------------------------------------------------------

    def _closure(self, states: Iterable[int]) -> _State:
        seen, waiting = set(), list(states)
        while waiting:
            state = waiting.pop()
            if state not in seen:
                seen.add(state)
                waiting.extend(self._silent[state])
        return frozenset(state for state in seen if self._labelled[state] or state in self._finals)

    def _moves_of(self, state: _State) -> list[_Move]:
        """Disjoint labels that lead on, the size of each, and where it leads."""
        if state not in self._moves:
            if len(self._moves) >= MAX_STATES:
                raise NotCountable(f"the automaton of '{self.path}' has more than {MAX_STATES} states")
            kinds: dict[object, list[tuple[Label, int]]] = {}
            for member in sorted(state):
                for label, target in self._labelled[member]:
                    kinds.setdefault(label.kind, []).append((label, target))
            self._moves[state] = [
                (label, label.size, self._closure(targets)) for group in kinds.values() for label, targets in _disjoint(group)
            ]
        return self._moves[state]

    def _ends_at(self, state: _State) -> Cases:
        if state not in self._ends:
            self._ends[state] = frozenset(self._finals[member] for member in state if member in self._finals)
        return self._ends[state]

    def counts(self) -> Counter[Cases]:
        """Number of words by the cases in which they belong to the language; exact."""
        waiting = [self._start]
        while waiting:
            state = waiting[-1]
            missing = [target for _, _, target in self._moves_of(state) if target not in self._counts]
            if state in self._counts or missing:
                waiting.extend(missing) if missing else waiting.pop()
                continue
            found: Counter[Cases] = Counter()
            if self._ends_at(state):
                found[self._ends_at(state)] += 1
            for _, size, target in self._moves[state]:
                for cases, count in self._counts[target].items():
                    found[cases] += size * count
            self._counts[state] = found
            waiting.pop()
        return self._counts[self._start]

    def count(self) -> int:
        """Number of words; exact."""
        return sum(self.counts().values())

    def read(self, word: Word) -> tuple[int, list[str], bool]:
        """Reads a word as far as it goes.

        Returns:
            Number of nodes read, the operations that could stand next, and whether the word could end there.
        """
        state = self._start
        for position, node in enumerate(word):
            step = next((target for label, _, target in self._moves_of(state) if label.holds(node)), None)
            if step is None:
                break
            state, position = step, position + 1
        else:
            position = len(word)
        return position, sorted({str(label.operation) for label, _, _ in self._moves_of(state)}), bool(self._ends_at(state))

    def draw(self, cases: Cases, source: random.Random) -> Word:
        """A uniform draw among the words that belong to exactly these cases."""
        self.counts()
        word: list[Node] = []
        state = self._start
        while True:
            left = source.randrange(self._counts[state][cases])
            if self._ends_at(state) == cases:
                if not left:
                    return tuple(word)
                left -= 1
            for label, size, target in self._moves[state]:
                weight = size * self._counts[target][cases]
                if left < weight:
                    word.append(label.draw(source))
                    state = target
                    break
                left -= weight

    def words(self, limit: int) -> Iterator[Word]:
        """Every word once.

        Raises:
            NotCountable: There are more than `limit`.
        """
        if self.count() > limit:
            raise NotCountable(f"'{self.path}' shares the choices of more than {limit} sequences")
        waiting: list[tuple[Word, _State]] = [((), self._start)]
        while waiting:
            word, state = waiting.pop()
            if self._ends_at(state):
                yield word
            for label, _, target in self._moves_of(state):
                waiting.extend(((*word, node), target) for node in label.nodes())


def _disjoint(group: list[tuple[Label, int]]) -> list[tuple[Label, list[int]]]:
    labels, targets = [label for label, _ in group], [target for _, target in group]
    boxes = [label for label in labels if isinstance(label, Box)]
    if len(boxes) == len(labels):
        return [(atom, [targets[index] for index in members]) for atom, members in refine(boxes)]
    if any(label != labels[0] for label in labels):
        raise NotCountable(f"conditions limit cell '{labels[0].kind}' in some cases only")
    return [(labels[0], targets)]
