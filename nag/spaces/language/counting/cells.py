"""The graphs of a cell as a set: counted, listed and drawn. Two are equal if they are equal node for node."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from nag.spaces.language.counting.automaton import Automaton
from nag.spaces.language.counting.labels import Scope
from nag.spaces.language.derivations.derivation import all_derivations
from nag.spaces.language.derivations.parsing import parses
from nag.spaces.language.designs import CellGraph, Node, Word
from nag.spaces.language.terms import CellTerm, FixedCell, FreeCell, join

__all__ = ["CellLanguage", "FixedCellLanguage", "FreeCellLanguage", "cell_language"]

_ONE = frozenset({0})


class CellLanguage(ABC):
    """The graphs of a cell in one case; a label of an automaton.

    Args:
        cell: The cell.
        scope: The case.
    """

    def __init__(self, cell: FixedCell | FreeCell, scope: Scope) -> None:
        self.name = cell.name
        self._key = (cell, scope.nodes.key if scope.nodes is not None else None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellLanguage) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def operation(self) -> str:
        """The cell's name."""
        return self.name

    @property
    def kind(self) -> object:
        """The cell's name."""
        return self.name

    def holds(self, node: Node) -> bool:
        """Whether a node holds a graph of the cell; conditions are not looked at."""
        return next(parses(CellTerm(self._key[0]), self.name, (node,)), None) is not None

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of graphs."""

    @abstractmethod
    def draw(self, source: random.Random) -> Node:
        """A node that holds a graph, each with equal odds."""

    @abstractmethod
    def nodes(self) -> Iterator[Node]:
        """A node for every graph."""


class FixedCellLanguage(CellLanguage):
    """The graphs of a cell of fixed wiring: its nodes are independent."""

    def __init__(self, cell: FixedCell, path: str, scope: Scope) -> None:
        super().__init__(cell, scope)
        pairs = zip(cell.nodes, cell.places, strict=True)
        self._parts = [Automaton(node, join(path, place), [scope]) for node, place in pairs]

    @property
    def size(self) -> int:
        """Number of graphs."""
        return math.prod(part.count() for part in self._parts)

    def draw(self, source: random.Random) -> Node:
        """A node that holds a graph, each with equal odds."""
        return Node(self.name, (), CellGraph(tuple(part.draw(_ONE, source) for part in self._parts)))

    def nodes(self) -> Iterator[Node]:
        """A node for every graph."""
        for words in product(*(list(part.words(10**6)) for part in self._parts)):
            yield Node(self.name, (), CellGraph(words))


class FreeCellLanguage(CellLanguage):
    """The graphs of a cell of free wiring, counted node by node over the number of edges that are left."""

    def __init__(self, cell: FreeCell, path: str, scope: Scope) -> None:
        super().__init__(cell, scope)
        self._cell = cell
        self._label = Automaton(cell.of, f"{path}[]", [scope])
        self._contents = self._label.count()
        self._after = lru_cache(maxsize=None)(self._count_after)

    def _weight(self, degree: int) -> int:
        """Number of contents of a node of this many inputs."""
        return self._contents ** (degree if self._cell.on == "edges" else 1)

    def _degrees(self, node: int, number: int, used: int) -> list[tuple[int, int]]:
        """Numbers of inputs of a node, and how many graphs the rest of the cell has with each."""
        low, high = self._cell.degrees(node)
        if self._cell.max_edges is not None:
            high = min(high, self._cell.max_edges - used - self._cell.least(node + 1, number))
        else:
            used = 0  # does not matter then
        sources = self._cell.inputs + node
        return [
            (d, math.comb(sources, d) * self._weight(d) * self._after(node + 1, number, used + d)) for d in range(low, high + 1)
        ]

    def _count_after(self, node: int, number: int, used: int) -> int:
        return 1 if node == number else sum(count for _, count in self._degrees(node, number, used))

    @property
    def size(self) -> int:
        """Number of graphs."""
        return sum(self._after(0, number, 0) for number in self._cell.sizes)

    def draw(self, source: random.Random) -> Node:
        """A node that holds a graph, each with equal odds."""
        number = _weighted([(n, self._after(0, n, 0)) for n in self._cell.sizes], source)
        nodes: list[Word] = []
        inputs: list[tuple[tuple[int, Word], ...]] = []
        used = 0
        for node in range(number):
            degree = _weighted(self._degrees(node, number, used), source)
            used += degree
            reads = sorted(source.sample(range(self._cell.inputs + node), degree))
            on_edges = self._cell.on == "edges"
            inputs.append(tuple((u, self._label.draw(_ONE, source) if on_edges else ()) for u in reads))
            nodes.append(() if on_edges else self._label.draw(_ONE, source))
        return Node(self.name, (), CellGraph(tuple(nodes), tuple(inputs)))

    def nodes(self) -> Iterator[Node]:
        """A node for every graph."""
        words = set(self._label.words(10**6))
        seen = set()
        for _, (node,) in all_derivations(CellTerm(self._cell), self.name):
            assert node.cell is not None
            labels = [word for reads in node.cell.inputs for _, word in reads]
            content = labels if self._cell.on == "edges" else node.cell.nodes
            if node not in seen and all(word in words for word in content):
                seen.add(node)
                yield node


def _weighted(options: list[tuple[int, int]], source: random.Random) -> int:
    """One of some options, with odds in proportion to exact weights."""
    left = source.randrange(sum(weight for _, weight in options))
    for option, weight in options:
        if left < weight:
            return option
        left -= weight
    raise AssertionError("the weights add up")


def cell_language(cell: FixedCell | FreeCell, path: str, scope: Scope) -> FixedCellLanguage | FreeCellLanguage:
    """The graphs of a cell in one case."""
    return FixedCellLanguage(cell, path, scope) if isinstance(cell, FixedCell) else FreeCellLanguage(cell, path, scope)
