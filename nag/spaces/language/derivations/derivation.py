"""Derivations: the decisions of a term in their order, and the word that they lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from nag.spaces.language.designs import CellGraph, Node, Word
from nag.spaces.language.terms import (
    Apply,
    CellTerm,
    ChainTerm,
    ChoiceTerm,
    FixedCell,
    FreeCell,
    OptionalTerm,
    RepeatTerm,
    Term,
    join,
)

__all__ = ["Choose", "Decided", "all_derivations", "derive"]

from nag.spaces.language.terms import Option

Choose = Callable[[str, tuple[Option, ...]], Option]
"""Takes the name of a decision and its options, returns one of them."""

Decided = Mapping[str, Option]
"""Name -> option of every decision that was asked, those of one option too."""


def derive(term: Term, path: str, choose: Choose) -> Word:
    """The word that decisions lead to.

    Args:
        term: What is derived.
        path: Path of the term: the beginning of the names of its decisions.
        choose: Makes the decisions; it is asked those of one option too.
    """
    if isinstance(term, Apply):
        values = tuple((name, choose(join(path, name), options)) for name, options in term.domains)
        return (Node(term.operation, values),)  # type: ignore[arg-type]
    if isinstance(term, ChainTerm):
        return _rows(derive(step, join(path, label), choose) for label, step in zip(term.labels, term.steps, strict=True))
    if isinstance(term, RepeatTerm):
        number = int(choose(join(path, "repeat"), term.numbers))  # type: ignore[arg-type]
        if term.shared:
            return derive(term.of, path, choose) * number if number else ()
        return _rows(derive(term.of, f"{path}[{copy}]", choose) for copy in range(number))
    if isinstance(term, OptionalTerm):
        return derive(term.of, path, choose) if choose(join(path, "present"), (False, True)) else ()
    if isinstance(term, ChoiceTerm):
        index = term.labels.index(str(choose(join(path, "choice"), term.labels)))
        return derive(term.options[index], join(path, term.places[index]), choose)
    return (Node(term.cell.name, (), _cell(term, path, choose)),)


def _rows(words: Iterator[Word]) -> Word:
    return tuple(node for word in words for node in word)


def _cell(term: CellTerm, path: str, choose: Choose) -> CellGraph:
    cell = term.cell
    if isinstance(cell, FixedCell):
        pairs = zip(cell.places, cell.nodes, strict=True)
        return CellGraph(tuple(derive(node, join(path, place), choose) for place, node in pairs))
    return _wired(cell, path, choose)


def _wired(cell: FreeCell, path: str, choose: Choose) -> CellGraph:
    nodes: list[Word] = []
    inputs: list[tuple[tuple[int, Word], ...]] = []
    number = int(choose(join(path, "nodes"), cell.sizes))  # type: ignore[arg-type]
    used = 0
    for node in range(number):
        here = f"{path}[{node}]"
        reads = choose(join(here, "inputs"), cell.input_sets(node, number, used))
        assert isinstance(reads, tuple)
        used += len(reads)
        if cell.on == "edges":
            nodes.append(())
            inputs.append(tuple((u, derive(cell.of, f"{here}[{u}]", choose)) for u in reads))
        else:
            nodes.append(derive(cell.of, here, choose))
            inputs.append(tuple((u, ()) for u in reads))
    return CellGraph(tuple(nodes), tuple(inputs))


def all_derivations(
    term: Term, path: str, limit: Callable[[str, tuple[Option, ...]], tuple[Option, ...]] | None = None
) -> Iterator[tuple[dict[str, Option], Word]]:
    """Every derivation of a term once: its decisions and the word.

    Args:
        term: What is derived.
        path: Path of the term.
        limit: Name and options of a decision -> the options that are tried, at least one; all if None.
    """
    script: list[int] = []
    while True:
        decided: dict[str, Option] = {}
        widths: list[int] = []

        def choose(name: str, options: tuple[Option, ...]) -> Option:
            tried = options if limit is None else limit(name, options)
            depth = len(widths)  # noqa: B023
            if depth == len(script):
                script.append(0)
            widths.append(len(tried))  # noqa: B023
            decided[name] = tried[script[depth]]  # noqa: B023
            return decided[name]  # noqa: B023

        word = derive(term, path, choose)
        yield decided, word
        while script and script[-1] + 1 == widths[len(script) - 1]:
            script.pop()
        if not script:
            return
        script[-1] += 1
