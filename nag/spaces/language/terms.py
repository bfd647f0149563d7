"""Compiled form of a graph: blocks are expanded, every choice has a place in a path."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

from nag.spaces.language.domains import Value

__all__ = [
    "Apply",
    "CellTerm",
    "ChainTerm",
    "ChoiceTerm",
    "FixedCell",
    "FreeCell",
    "Option",
    "OptionalTerm",
    "RepeatTerm",
    "Term",
    "join",
]

Option = Value | tuple[int, ...]
"""What a decision may be: a value, a number of copies, the label of an alternative, the nodes that a node reads."""


@dataclass(frozen=True)
class Apply:
    """An operation with the values that each attribute may take."""

    operation: str
    domains: tuple[tuple[str, tuple[Value, ...]], ...] = ()


@dataclass(frozen=True)
class ChainTerm:
    """Terms in a row; the label of a step is its part of the path, empty for an only step."""

    steps: tuple[Term, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class RepeatTerm:
    """A term several times; copies are numbered from 0 in the path, unless they share their choices."""

    of: Term
    numbers: tuple[int, ...]
    shared: bool


@dataclass(frozen=True)
class OptionalTerm:
    """A term or nothing."""

    of: Term


@dataclass(frozen=True)
class ChoiceTerm:
    """One of several terms; `labels` are the options of the decision, `places` their parts of the path."""

    options: tuple[Term, ...]
    labels: tuple[str, ...]
    places: tuple[str, ...]


@dataclass(frozen=True)
class FixedCell:
    """A cell of fixed wiring: its inputs are nodes 0.., then the inner nodes, then the output."""

    name: str
    inputs: int
    places: tuple[str, ...]
    nodes: tuple[Term, ...]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class FreeCell:
    """A cell of free wiring."""

    name: str
    inputs: int
    of: Term
    numbers: tuple[int, ...]
    in_degree: tuple[int, int]
    on: Literal["nodes", "edges"]
    output: Literal["all", "leaves"]
    max_edges: int | None

    def degrees(self, node: int) -> tuple[int, int]:
        """Least and greatest number of inputs of an inner node, of which the first have few nodes to read."""
        low, high = self.in_degree
        return min(low, self.inputs + node), min(high, self.inputs + node)

    def least(self, start: int, number: int) -> int:
        """Edges that the inner nodes from `start` on have at least."""
        return sum(self.degrees(node)[0] for node in range(start, number))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of inner nodes that the limit of edges leaves."""
        return tuple(n for n in self.numbers if self.max_edges is None or self.least(0, n) <= self.max_edges)

    def input_sets(self, node: int, number: int, used: int) -> tuple[tuple[int, ...], ...]:
        """The sets of nodes that an inner node may read, if there are `number` nodes and `used` edges before it."""
        low, high = self.degrees(node)
        if self.max_edges is not None:
            high = min(high, self.max_edges - used - self.least(node + 1, number))
        return tuple(chosen for size in range(low, high + 1) for chosen in combinations(range(self.inputs + node), size))


@dataclass(frozen=True)
class CellTerm:
    """A cell that is chosen where it is used."""

    cell: FixedCell | FreeCell


Term = Apply | ChainTerm | RepeatTerm | OptionalTerm | ChoiceTerm | CellTerm
"""A compiled step."""


def join(path: str, label: str) -> str:
    """A path and one more label: names are joined by a dot, indices in brackets are not."""
    if not path or not label or label.startswith("["):
        return path + label
    return f"{path}.{label}"
