"""The architecture: a frozen directed acyclic graph whose nodes carry operations."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from operator import index

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture, did_you_mean

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

    Example:
        >>> from nag.graphs import Architecture
        >>> arch = Architecture(("input", "conv", "output"), ((0, 1), (1, 2)))
        >>> arch.num_nodes, arch.edges
        (3, ((0, 1), (1, 2)))
        >>> Architecture.from_unordered({"y": "output", "x": "input", "h": "conv"}, [("h", "y"), ("x", "h")]) == arch
        True
    """

    ops: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "ops", tuple(self.ops))
            object.__setattr__(self, "edges", tuple(sorted((index(u), index(v)) for u, v in self.edges)))
        except (TypeError, ValueError) as error:
            raise InvalidArchitecture("an edge is no pair of whole numbers", "List edges as pairs [from, to].") from error
        strange = next((op for op in self.ops if not isinstance(op, str)), None)
        if strange is not None:
            raise InvalidArchitecture(f"operation {shortened(repr(strange), 60)} is no text", "Name each operation.")
        for u, v in self.edges:
            if not (0 <= u < self.num_nodes and 0 <= v < self.num_nodes):
                shown = shortened(f"{u}->{v}", 60)
                raise InvalidArchitecture(f"edge {shown} leaves the graph", f"It has nodes 0..{self.num_nodes - 1}.")
            if u >= v:
                raise InvalidArchitecture(
                    f"edge {u}->{v} breaks the topological order", "Each edge must lead from an earlier node to a later one."
                )
        if len(set(self.edges)) != len(self.edges):
            raise InvalidArchitecture("an edge is listed twice", "List each edge once.")

    def _repr_svg_(self) -> str:
        """A drawing, shown in notebooks."""
        from nag.graphs.draw import draw_svg

        return draw_svg(self)

    @property
    def num_nodes(self) -> int:
        """Number of nodes."""
        return len(self.ops)

    def check_operations(self, vocabulary: Collection[str]) -> None:
        """Raises `InvalidArchitecture` unless the vocabulary has all operations."""
        unknown = next((op for op in self.ops if op not in vocabulary), None)
        if unknown is not None:
            shown = shortened(unknown, 80)
            raise InvalidArchitecture(f"operation '{shown}' is not in the vocabulary", did_you_mean(shown, vocabulary))

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
        place = {name: position for position, name in enumerate(names)}
        readers: list[list[int]] = [[] for _ in names]
        waiting = [0] * len(names)  # sources that are not placed yet
        links: list[tuple[int, int]] = []
        for edge in edges:
            try:
                u, v = edge
                source, target = place[u], place[v]
            except (KeyError, TypeError, ValueError) as error:
                nodes = shortened(", ".join(map(str, names)), 120)
                shown = shortened("->".join(map(str, edge)) if isinstance(edge, tuple | list) else str(edge), 60)
                raise InvalidArchitecture(f"edge {shown} names an unknown node", f"Nodes: {nodes}.") from error
            links.append((source, target))
            readers[source].append(target)
            waiting[target] += 1
        ready = [node for node, count in enumerate(waiting) if not count]
        heapify(ready)
        order: list[int] = []
        while ready:
            node = heappop(ready)
            order.append(node)
            for reader in readers[node]:
                waiting[reader] -= 1
                if not waiting[reader]:
                    heappush(ready, reader)
        if len(order) < len(names):
            cyclic = shortened(", ".join(str(names[node]) for node, count in enumerate(waiting) if count), 120)
            raise InvalidArchitecture(f"the graph has a cycle through nodes {cyclic}", "An architecture must be acyclic.")
        rank = {node: position for position, node in enumerate(order)}
        return cls(ops=tuple(ops[names[node]] for node in order), edges=tuple((rank[u], rank[v]) for u, v in links))
