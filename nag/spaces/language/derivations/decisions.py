"""The flat list of decisions of a space: name, options, and when each exists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nag.spaces.language.terms import (
    Apply,
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

__all__ = ["Decision", "Given", "decisions_of"]

Given = tuple[tuple[str, tuple[Option, ...]], ...]
"""Decisions and the options of each, one of which it must have taken."""

RESERVED = ("repeat", "present", "choice", "nodes", "inputs")
"""Last parts of the names of decisions that are no attributes."""


@dataclass(frozen=True)
class Decision:
    """A choice that a derivation makes.

    Args:
        name: Its path, such as `stage[1][2].kernel`; `.repeat`, `.present` and `.choice` end those of repetitions, optional
            parts and alternatives, `.nodes` and `.inputs` those of free wiring.
        options: What can be chosen; fewer where a cell has a limit of edges.
        given: When it exists: all of these decisions took one of these options. Always if empty.
        addressable: Whether a condition may name it.

    Example:
        >>> from nag.spaces.language import Choices, Description, OperationDefinition, Repeat, Section, TypedSpace, Use
        >>> conv = OperationDefinition(attributes={"kernel": Choices((3, 5))})
        >>> space = TypedSpace(Description("tiny", {"conv": conv}, (Section(Repeat(Use("conv"), (1, 2)), "body"),)))
        >>> for decision in space.decisions:
        ...     print(decision.name, decision.options, decision.given)
        body.repeat (1, 2) ()
        body[0].kernel (3, 5) ()
        body[1].kernel (3, 5) (('body.repeat', (2,)),)
    """

    name: str
    options: tuple[Option, ...]
    given: Given = ()
    addressable: bool = True


def decisions_of(term: Term, path: str, given: Given = ()) -> Iterator[Decision]:
    """Every decision that a term may ask, those of one option too, in the order of a derivation.

    Args:
        term: The term.
        path: Its path.
        given: When the term exists.
    """
    if isinstance(term, Apply):
        yield from (Decision(join(path, name), values, given) for name, values in term.domains)
    elif isinstance(term, ChainTerm):
        for label, step in zip(term.labels, term.steps, strict=True):
            yield from decisions_of(step, join(path, label), given)
    elif isinstance(term, RepeatTerm):
        yield from _copies(term, path, given)
    elif isinstance(term, OptionalTerm):
        name = join(path, "present")
        yield Decision(name, (False, True), given)
        yield from decisions_of(term.of, path, (*given, (name, (True,))))
    elif isinstance(term, ChoiceTerm):
        name = join(path, "choice")
        yield Decision(name, term.labels, given)
        for label, place, option in zip(term.labels, term.places, term.options, strict=True):
            yield from decisions_of(option, join(path, place), _and(given, name, (label,), term.labels))
    elif isinstance(term.cell, FixedCell):
        for place, node in zip(term.cell.places, term.cell.nodes, strict=True):
            yield from decisions_of(node, join(path, place), given)
    else:
        yield from _wiring(term.cell, path, given)


def _and(given: Given, name: str, wanted: tuple[Option, ...], options: tuple[Option, ...]) -> Given:
    return given if wanted == options else (*given, (name, wanted))


def _copies(term: RepeatTerm, path: str, given: Given) -> Iterator[Decision]:
    name = join(path, "repeat")
    yield Decision(name, term.numbers, given)
    if term.shared:
        yield from decisions_of(term.of, path, _and(given, name, tuple(n for n in term.numbers if n), term.numbers))
        return
    for copy in range(max(term.numbers)):
        enough = tuple(number for number in term.numbers if number > copy)
        yield from decisions_of(term.of, f"{path}[{copy}]", _and(given, name, enough, term.numbers))


def _wiring(cell: FreeCell, path: str, given: Given) -> Iterator[Decision]:
    name, most = join(path, "nodes"), max(cell.sizes)
    yield Decision(name, cell.sizes, given)
    for node in range(most):
        here = f"{path}[{node}]"
        own = _and(given, name, tuple(number for number in cell.sizes if number > node), cell.sizes)
        reads, options = join(here, "inputs"), cell.input_sets(node, node + 1, 0)
        yield Decision(reads, options, own, addressable=False)
        inner = [(here, own)]
        if cell.on == "edges":
            sources = range(cell.inputs + node)
            inner = [(f"{here}[{u}]", _and(own, reads, tuple(o for o in options if u in o), options)) for u in sources]
        for place, when in inner:
            for each in decisions_of(cell.of, place, when):
                yield Decision(each.name, each.options, each.given, addressable=False)
