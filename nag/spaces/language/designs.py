"""What a derivation leads to: words of nodes with attributes, cells, and the flat typed graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nag.spaces.language.domains import Value

__all__ = ["CellGraph", "Design", "Node", "TypedGraph", "Word"]


@dataclass(frozen=True)
class Node:
    """An operation with the values of its attributes, or a cell.

    Args:
        operation: Name of the operation or cell.
        attributes: Name and value of each attribute, in the order of the definition.
        cell: The graph within, of a cell that is chosen where it is used.

    Example:
        >>> from nag.spaces.language import Node
        >>> Node("mbconv", (("kernel", 3),)).values
        {'kernel': 3}
    """

    operation: str
    attributes: tuple[tuple[str, Value], ...] = ()
    cell: CellGraph | None = None

    @property
    def values(self) -> dict[str, Value]:
        """The attributes as a mapping."""
        return dict(self.attributes)


Word = tuple[Node, ...]
"""Nodes one after the other."""


@dataclass(frozen=True)
class CellGraph:
    """The choices of a cell.

    Args:
        nodes: What each inner node holds; empty words where edges carry the operations.
        inputs: For each inner node, the nodes that it reads (cell inputs are numbered first), each with what the edge holds;
            empty where the wiring is fixed.

    Example:
        >>> from nag.spaces.language import CellGraph, Node
        >>> CellGraph(((Node("conv"),),), (((0, ()),),)).inputs
        (((0, ()),),)
    """

    nodes: tuple[Word, ...]
    inputs: tuple[tuple[tuple[int, Word], ...], ...] = ()


@dataclass(frozen=True)
class Design:
    """An architecture of a `TypedSpace`; equal designs are equal architectures.

    Args:
        parts: A word for each part of the space, in its order: sections, cells that are chosen once, the recipe.

    Example:
        >>> from nag.spaces.language import Design, Node
        >>> Design(((Node("conv"),),)).parts[0][0].operation
        'conv'
    """

    parts: tuple[Word, ...]


@dataclass(frozen=True)
class TypedGraph:
    """A directed acyclic graph whose nodes carry an operation and attributes; nodes stand in a topological order.

    Args:
        nodes: Input first, output last.
        edges: Pairs `(u, v)` with u < v, sorted.
        recipe: Values of the choices beside the graph.

    Example:
        >>> from nag.spaces.language import Node, TypedGraph
        >>> TypedGraph((Node("input"), Node("conv", (("kernel", 3),)), Node("output")), ((0, 1), (1, 2))).operations
        ('input', 'conv', 'output')
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    recipe: tuple[tuple[str, Value], ...] = ()

    @property
    def operations(self) -> tuple[str, ...]:
        """The operation of each node."""
        return tuple(node.operation for node in self.nodes)

    @property
    def recipe_values(self) -> Mapping[str, Value]:
        """The recipe as a mapping."""
        return dict(self.recipe)
