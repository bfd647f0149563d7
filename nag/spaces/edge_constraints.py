"""What constraints demand of each node's edges, for algorithms that draw a graph node by node."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UNLIMITED", "EdgeConstraints"]

UNLIMITED = 1 << 30
"""Number of edges that nothing limits."""


@dataclass(frozen=True)
class EdgeConstraints:
    """Limits on the edges of single nodes; `a & b` demands both. The default demands nothing.

    Args:
        max_edges: Greatest number of edges of the graph.
        inner_inputs: Least and greatest number of edges into each inner node.
        output_inputs: Least and greatest number of edges into the output.
        inner_nodes_are_read: Whether each inner node must have an outgoing edge.
        input_is_read: Whether the input must have one.
        output_reads_leaves: Whether the output reads no node that another one reads, but for the input.
        input_is_read_alone: Whether an inner node that reads the input reads nothing else.
        input_readers: Indices of the operations whose nodes, and no other inner nodes, read the input; None for no such rule.

    Example:
        >>> both = EdgeConstraints(max_edges=9) & EdgeConstraints(inner_inputs=(1, 2))
        >>> both.max_edges, both.inner_inputs
        (9, (1, 2))
    """

    max_edges: int = UNLIMITED
    inner_inputs: tuple[int, int] = (0, UNLIMITED)
    output_inputs: tuple[int, int] = (0, UNLIMITED)
    inner_nodes_are_read: bool = False
    input_is_read: bool = False
    output_reads_leaves: bool = False
    input_is_read_alone: bool = False
    input_readers: frozenset[int] | None = None

    def __and__(self, other: EdgeConstraints) -> EdgeConstraints:
        readers = [each.input_readers for each in (self, other) if each.input_readers is not None]
        return EdgeConstraints(
            max_edges=min(self.max_edges, other.max_edges),
            inner_inputs=_both(self.inner_inputs, other.inner_inputs),
            output_inputs=_both(self.output_inputs, other.output_inputs),
            inner_nodes_are_read=self.inner_nodes_are_read or other.inner_nodes_are_read,
            input_is_read=self.input_is_read or other.input_is_read,
            output_reads_leaves=self.output_reads_leaves or other.output_reads_leaves,
            input_is_read_alone=self.input_is_read_alone or other.input_is_read_alone,
            input_readers=frozenset.intersection(*readers) if readers else None,
        )


def _both(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return max(one[0], other[0]), min(one[1], other[1])
