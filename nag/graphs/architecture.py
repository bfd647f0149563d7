"""The architecture: a frozen directed acyclic graph whose nodes carry operations."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nag.errors import InvalidArchitecture

__all__ = ["Architecture"]


@dataclass(frozen=True)
class Architecture:
    """A directed acyclic graph with one operation a node, its nodes in a topological order.

    Two objects are equal when they are equal node for node; use `nag.graphs.canonical_hashes` to compare
    what they compute.

    Args:
        ops: Operation of each node.
        edges: Pairs `(u, v)` with `u < v`; kept sorted, each at most once.

    Raises:
        InvalidArchitecture: An edge leaves the graph, repeats, or breaks the topological order.
    """

    ops: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ops", tuple(self.ops))
        object.__setattr__(self, "edges", tuple(sorted((int(u), int(v)) for u, v in self.edges)))
        for u, v in self.edges:
            if not (0 <= u < self.num_nodes and 0 <= v < self.num_nodes):
                raise InvalidArchitecture(f"edge {u}->{v} leaves the graph", f"It has nodes 0..{self.num_nodes - 1}.")
            if u >= v:
                raise InvalidArchitecture(
                    f"edge {u}->{v} breaks the topological order", "Each edge must lead from an earlier node to a later one."
                )
        if len(set(self.edges)) != len(self.edges):
            raise InvalidArchitecture("an edge is listed twice", "List each edge once.")

    @property
    def num_nodes(self) -> int:
        """Number of nodes."""
        return len(self.ops)

    @classmethod
    def from_unordered(cls, ops: Mapping[Hashable, str], edges: Iterable[tuple[Hashable, Hashable]]) -> Architecture:
        """Builds an architecture from nodes in any order, keeping the given order wherever it is topological.

        Args:
            ops: Operation of each node, by the node's name.
            edges: Pairs of node names.

        Raises:
            InvalidArchitecture: The graph has a cycle, or an edge names an unknown node.
        """
        names = list(ops)
        edges = list(edges)
        waiting: dict[Any, set[Any]] = {name: set() for name in names}
        for u, v in edges:
            if u not in waiting or v not in waiting:
                raise InvalidArchitecture(f"edge {u}->{v} names an unknown node", f"Nodes: {', '.join(map(str, names))}.")
            waiting[v].add(u)
        order: list[Any] = []
        while waiting:
            ready = next((name for name in names if name in waiting and not waiting[name]), None)
            if ready is None:
                raise InvalidArchitecture(
                    f"the graph has a cycle through nodes {', '.join(map(str, waiting))}", "An architecture must be acyclic."
                )
            order.append(ready)
            del waiting[ready]
            for sources in waiting.values():
                sources.discard(ready)
        rank = {name: position for position, name in enumerate(order)}
        return cls(ops=tuple(ops[name] for name in order), edges=tuple((rank[u], rank[v]) for u, v in edges))
