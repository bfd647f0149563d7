"""From a word back to its derivations."""

from __future__ import annotations

from collections.abc import Iterator

from nag.spaces.language.designs import CellGraph, Word
from nag.spaces.language.terms import (
    Apply,
    CellTerm,
    ChainTerm,
    ChoiceTerm,
    FixedCell,
    FreeCell,
    Option,
    OptionalTerm,
    RepeatTerm,
    Term,
    join,
)

__all__ = ["parses"]

_Decisions = tuple[tuple[str, Option], ...]
_Ways = Iterator[tuple[int, _Decisions]]


def parses(term: Term, path: str, word: Word) -> Iterator[dict[str, Option]]:
    """The decisions of every derivation of a word, each in the order of `derive`; none if it is not of the term.

    Args:
        term: What is derived.
        path: Path of the term.
        word: The word.
    """
    for end, decisions in _ways(term, path, word, 0):
        if end == len(word):
            yield dict(decisions)


def _ways(term: Term, path: str, word: Word, start: int) -> _Ways:
    """End and decisions of each way to read the word from a position on."""
    if isinstance(term, Apply):
        node = word[start] if start < len(word) else None
        if node is not None and node.operation == term.operation and node.cell is None:
            names = tuple(name for name, _ in term.domains)
            fits = all(value in values for (_, value), (_, values) in zip(node.attributes, term.domains, strict=False))
            if fits and names == tuple(name for name, _ in node.attributes):
                yield start + 1, tuple((join(path, name), value) for name, value in node.attributes)
    elif isinstance(term, ChainTerm):
        yield from _in_a_row(list(zip(term.steps, (join(path, label) for label in term.labels), strict=True)), word, start)
    elif isinstance(term, RepeatTerm):
        yield from _shared(term, path, word, start) if term.shared else _copies(term, path, word, start)
    elif isinstance(term, OptionalTerm):
        name = join(path, "present")
        yield start, ((name, False),)
        yield from ((end, ((name, True), *rest)) for end, rest in _ways(term.of, path, word, start))
    elif isinstance(term, ChoiceTerm):
        for label, place, option in zip(term.labels, term.places, term.options, strict=True):
            for end, rest in _ways(option, join(path, place), word, start):
                yield end, ((join(path, "choice"), label), *rest)
    else:
        yield from _cell(term, path, word, start)


def _in_a_row(steps: list[tuple[Term, str]], word: Word, start: int) -> _Ways:
    if not steps:
        yield start, ()
        return
    (first, path), rest = steps[0], steps[1:]
    for middle, before in _ways(first, path, word, start):
        for end, after in _in_a_row(rest, word, middle):
            yield end, before + after


def _copies(term: RepeatTerm, path: str, word: Word, start: int) -> _Ways:
    for number in term.numbers:
        for end, rest in _in_a_row([(term.of, f"{path}[{copy}]") for copy in range(number)], word, start):
            yield end, ((join(path, "repeat"), number), *rest)


def _shared(term: RepeatTerm, path: str, word: Word, start: int) -> _Ways:
    name = join(path, "repeat")
    if 0 in term.numbers:
        yield start, ((name, 0),)
    for middle, rest in _ways(term.of, path, word, start):
        piece, length = word[start:middle], middle - start
        for number in term.numbers:
            if number and word[start : start + number * length] == piece * number:
                yield start + number * length, ((name, number), *rest)


def _cell(term: CellTerm, path: str, word: Word, start: int) -> _Ways:
    cell = term.cell
    graph = word[start].cell if start < len(word) and word[start].operation == cell.name else None
    if graph is None or word[start].attributes:
        return
    found = _fixed(cell, path, graph) if isinstance(cell, FixedCell) else _free(cell, path, graph)
    for decisions in found:
        yield start + 1, decisions


def _fixed(cell: FixedCell, path: str, graph: CellGraph) -> Iterator[_Decisions]:
    if len(graph.nodes) != len(cell.nodes) or graph.inputs:
        return
    paths = (join(path, place) for place in cell.places)
    yield from _each(list(zip(cell.nodes, paths, graph.nodes, strict=True)))


def _each(parts: list[tuple[Term, str, Word]]) -> Iterator[_Decisions]:
    """The decisions of several whole words, all ways together."""
    if not parts:
        yield ()
        return
    (term, path, word), rest = parts[0], parts[1:]
    for decided in parses(term, path, word):
        for after in _each(rest):
            yield tuple(decided.items()) + after


def _free(cell: FreeCell, path: str, graph: CellGraph) -> Iterator[_Decisions]:
    number = len(graph.nodes)
    if number not in cell.sizes or len(graph.inputs) != number:
        return
    ways: list[_Decisions] = [((join(path, "nodes"), number),)]
    used = 0
    for node, (content, reads) in enumerate(zip(graph.nodes, graph.inputs, strict=True)):
        here, sources = f"{path}[{node}]", tuple(u for u, _ in reads)
        if sources not in cell.input_sets(node, number, used):
            return
        used += len(sources)
        own = [(cell.of, f"{here}[{u}]", label) for u, label in reads] if cell.on == "edges" else [(cell.of, here, content)]
        if any(label for _, label in reads) if cell.on == "nodes" else content:
            return
        more = [((join(here, "inputs"), sources), *found) for found in _each(own)]
        ways = [before + after for before in ways for after in more]
    yield from ways
