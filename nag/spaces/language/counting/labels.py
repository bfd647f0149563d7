"""Labels of an automaton's transitions: sets of nodes that are counted and drawn from without being listed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

from nag.spaces.language.designs import Node
from nag.spaces.language.domains import Value

__all__ = ["Box", "Label", "NodeFilter", "Scope", "boxes_of", "refine"]

from nag.spaces.language.terms import Apply, Option, join


class NodeFilter(Protocol):
    """Which nodes the conditions admit in a case of their variables."""

    @property
    def key(self) -> object:
        """Equal for equal filters."""

    def attributes(self, operation: str) -> frozenset[str]:
        """Attributes of an operation that the conditions read."""

    def admits(self, operation: str, values: Mapping[str, Value]) -> bool:
        """Whether a node with these values of the attributes read may stand."""


@dataclass(frozen=True, eq=False)
class Scope:
    """A case of a language: decisions that are fixed, or do not exist (None), and a filter of nodes.

    Args:
        pins: Name -> option; None where the decision must not exist.
        nodes: Filter of nodes; None to admit all.
    """

    pins: Mapping[str, Option | None] = field(default_factory=dict)
    nodes: NodeFilter | None = None

    def options(self, name: str, options: tuple[Option, ...]) -> tuple[Option, ...]:
        """The options of a decision in this case; none where it must not exist."""
        if name not in self.pins:
            return options
        pin = self.pins[name]
        return (pin,) if pin is not None and pin in options else ()


@dataclass(frozen=True)
class Box:
    """All nodes of an operation whose attributes have values in a product of sets."""

    operation: str
    domains: tuple[tuple[str, tuple[Value, ...]], ...] = ()

    @property
    def kind(self) -> object:
        """Labels of different kinds have no node in common."""
        return self.operation, tuple(name for name, _ in self.domains)

    @property
    def size(self) -> int:
        """Number of nodes."""
        return math.prod(len(values) for _, values in self.domains)

    def draw(self, source: random.Random) -> Node:
        """A node, each with equal odds."""
        return Node(
            self.operation,
            tuple((name, values[0] if len(values) == 1 else source.choice(values)) for name, values in self.domains),
        )

    def holds(self, node: Node) -> bool:
        """Whether a node belongs to the box."""
        if node.operation != self.operation or node.cell is not None or len(node.attributes) != len(self.domains):
            return False
        pairs = zip(self.domains, node.attributes, strict=True)
        return all(name == own and value in values for (name, values), (own, value) in pairs)

    def nodes(self) -> Iterator[Node]:
        """Every node."""
        names = [name for name, _ in self.domains]
        for values in product(*(values for _, values in self.domains)):
            yield Node(self.operation, tuple(zip(names, values, strict=True)))


class Label(Protocol):
    """A set of nodes: a `Box`, or the graphs of a cell."""

    @property
    def operation(self) -> str:
        """Operation or cell of the nodes."""

    @property
    def kind(self) -> object:
        """Labels of different kinds have no node in common."""

    @property
    def size(self) -> int:
        """Number of nodes."""

    def holds(self, node: Node) -> bool:
        """Whether a node is in the set."""

    def draw(self, source: random.Random) -> Node:
        """A node, each with equal odds."""

    def nodes(self) -> Iterator[Node]:
        """Every node."""


def boxes_of(term: Apply, path: str, scope: Scope) -> list[Box]:
    """The nodes of an operation in a case, as disjoint boxes."""
    domains = [(name, scope.options(join(path, name), values)) for name, values in term.domains]
    read = scope.nodes.attributes(term.operation) if scope.nodes is not None else frozenset()
    if scope.nodes is None or not read:
        return [Box(term.operation, tuple(domains))] if all(values for _, values in domains) else []  # type: ignore[arg-type]
    split = [[(value,) for value in values] if name in read else [values] for name, values in domains]
    names = [name for name, _ in domains]
    return [
        Box(term.operation, tuple(zip(names, chosen, strict=True)))  # type: ignore[arg-type]
        for chosen in product(*split)
        if all(chosen)
        and scope.nodes.admits(term.operation, {n: c[0] for n, c in zip(names, chosen, strict=True) if n in read})  # type: ignore[misc]
    ]


def refine(boxes: Sequence[Box]) -> list[tuple[Box, list[int]]]:
    """Disjoint boxes of one kind, and for each the indices of the given boxes that contain it."""
    together: dict[Box, list[int]] = {}
    for index, box in enumerate(boxes):
        together.setdefault(box, []).append(index)
    if len(together) == 1 or all(box.size == 1 for box in together):
        return list(together.items())
    distinct = list(together)
    axes = [_classes([box.domains[axis] for box in distinct]) for axis in range(len(distinct[0].domains))]
    found = []
    for classes in product(*axes):
        members = frozenset.intersection(*(owners for _, owners in classes))
        if members:
            pieces = zip(distinct[0].domains, classes, strict=True)
            atom = Box(distinct[0].operation, tuple((name, values) for (name, _), (values, _) in pieces))
            found.append((atom, [index for member in members for index in together[distinct[member]]]))
    return found


def _classes(domains: list[tuple[str, tuple[Value, ...]]]) -> list[tuple[tuple[Value, ...], frozenset[int]]]:
    """Values of an attribute by the boxes that hold them."""
    owners: dict[Value, set[int]] = {}
    for index, (_, values) in enumerate(domains):
        for value in values:
            owners.setdefault(value, set()).add(index)
    classes: dict[frozenset[int], list[Value]] = {}
    for value, own in owners.items():
        classes.setdefault(frozenset(own), []).append(value)
    return [(tuple(values), own) for own, values in classes.items()]
