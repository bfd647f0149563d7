"""Constraints that a search space puts on whole graphs, checked in batches.

A space file names one by its class in this module, in lower case (`in_degree: 1`), or by an import path
(`my_package.rules:Even: {step: 2}`); its value is true, the first constructor argument, or a mapping of arguments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nag.core.numbers import Size
from nag.core.signatures import checked
from nag.spaces.edge_constraints import UNLIMITED, EdgeConstraints

if TYPE_CHECKING:  # constraints are read, and codecs made for them, without torch
    from torch import Tensor

    from nag.graphs import DagBatch, Semantics

__all__ = [
    "AllNodesOnAPath",
    "Constraint",
    "Edge",
    "IdentitiesLeadOrBranch",
    "InDegree",
    "InputFeedsLeaves",
    "InputReaders",
    "MaxEdges",
    "OutputFromLeaves",
    "OutputInDegree",
    "satisfies_all",
]

Edge = tuple[int, int]
"""Source and target node."""


_SOME = (1, UNLIMITED)


class Constraint(ABC):
    """A rule about whole graphs that masks of operations and edges cannot express; equal rules are equal objects.

    Example:
        >>> from dataclasses import dataclass
        >>> from nag.graphs import DagBatch
        >>> from nag.spaces import Constraint, load_space
        >>> @dataclass(frozen=True)
        ... class FewEdges(Constraint):
        ...     number: int = 12
        ...     @property
        ...     def reason(self):
        ...         return f"more than {self.number} edges"
        ...     def satisfied(self, dags, semantics):
        ...         return dags.adjacency.sum((1, 2)) <= self.number
        >>> space = load_space("nas_bench_graph")
        >>> FewEdges().satisfied(space.to_dags(space.sample(2, seed=0)), space.semantics)
        tensor([True, True])
    """

    about_wiring_only: ClassVar[bool] = True
    """Whether the operations of inner nodes do not matter to the rule."""

    @abstractmethod
    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep the rule: (B,) bool."""

    @property
    @abstractmethod
    def reason(self) -> str:
        """What is wrong with a graph that breaks the rule, and what is allowed; one clause."""

    def edge_constraints(self, vocabulary: Sequence[str]) -> EdgeConstraints:
        """What the rule demands of each node's edges, kept while a graph is drawn node by node; nothing unless overridden.

        Args:
            vocabulary: Names of the operations, in the order of their indices.
        """
        return EdgeConstraints()

    def repair(self, edges: frozenset[Edge], num_nodes: int) -> frozenset[Edge]:
        """The edges, with those replaced that the rule derives from the others; unchanged unless overridden.

        Args:
            edges: Edges of a graph of which some were changed.
            num_nodes: Number of its nodes: the first is the input, the last the output.
        """
        return edges


def _ends(dags: DagBatch, semantics: Semantics) -> tuple[Tensor, Tensor, Tensor]:
    """Masks of the input, the output and the inner nodes, each (B, N) bool."""
    first = semantics.where(dags.ops, {semantics.input}) & dags.mask
    last = semantics.where(dags.ops, {semantics.output}) & dags.mask
    return first, last, dags.mask & ~first & ~last


def _read_input(dags: DagBatch, semantics: Semantics) -> Tensor:
    """Nodes that read the input: (B, N) bool."""
    first = _ends(dags, semantics)[0]
    return (dags.adjacency * first.unsqueeze(2)).sum(1) > 0


@checked
@dataclass(frozen=True)
class MaxEdges(Constraint):
    """At most so many edges.

    Args:
        limit: The greatest number of edges.
    """

    limit: Size

    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep it: (B,) bool."""
        return dags.adjacency.sum((1, 2)) <= self.limit

    @property
    def reason(self) -> str:
        """What is wrong with a graph that breaks it."""
        return f"it has more than {self.limit} edges"

    def edge_constraints(self, vocabulary: Sequence[str]) -> EdgeConstraints:
        """Kept while edges are drawn."""
        return EdgeConstraints(max_edges=self.limit)


@checked
@dataclass(frozen=True)
class InDegree(Constraint):
    """Each node between input and output has so many incoming edges.

    Args:
        degree: Number of incoming edges.
    """

    degree: Size

    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep it: (B,) bool."""
        inner = _ends(dags, semantics)[2]
        return ((dags.adjacency.sum(1) == self.degree) | ~inner).all(1)

    @property
    def reason(self) -> str:
        """What is wrong with a graph that breaks it."""
        return f"a node between input and output has not exactly {self.degree} incoming edge(s)"

    def edge_constraints(self, vocabulary: Sequence[str]) -> EdgeConstraints:
        """Kept while edges are drawn."""
        return EdgeConstraints(inner_inputs=(self.degree, self.degree))


@checked
@dataclass(frozen=True)
class AllNodesOnAPath(Constraint):
    """Every node lies on a path from input to output."""

    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep it: (B,) bool."""
        first, last, _inner = _ends(dags, semantics)
        sources = dags.adjacency.sum(1) > 0
        sinks = dags.adjacency.sum(2) > 0
        # In a DAG, having a predecessor everywhere but at the input means being reached from it; likewise for the output.
        return ((sources | first | ~dags.mask) & (sinks | last | ~dags.mask)).all(1)

    @property
    def reason(self) -> str:
        """What is wrong with a graph that breaks it."""
        return "a node lies on no path from input to output"

    def edge_constraints(self, vocabulary: Sequence[str]) -> EdgeConstraints:
        """Kept while edges are drawn."""
        return EdgeConstraints(inner_inputs=_SOME, output_inputs=_SOME, inner_nodes_are_read=True, input_is_read=True)


@checked
@dataclass(frozen=True)
class OutputFromLeaves(Constraint):
    """The output is fed by exactly the inner nodes that feed nothing else; the input may feed it or not."""

    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep it: (B,) bool."""
        _first, last, inner = _ends(dags, semantics)
        feeds = (dags.adjacency * last.unsqueeze(1)).sum(2)
        others = dags.adjacency.sum(2) - feeds
        return (((feeds > 0) == (others == 0)) | ~inner).all(1)

    @property
    def reason(self) -> str:
        """What is wrong with a graph that breaks it."""
        return "the output must be fed by exactly the nodes that feed nothing else"

    def edge_constraints(self, vocabulary: Sequence[str]) -> EdgeConstraints:
        """Kept while edges are drawn."""
        return EdgeConstraints(inner_nodes_are_read=True, output_reads_leaves=True)

    def repair(self, edges: frozenset[Edge], num_nodes: int) -> frozenset[Edge]:
        """The edges with those from inner nodes into the output replaced."""
        last = num_nodes - 1
        kept = frozenset((u, v) for u, v in edges if v != last or u == 0)
        feeding = {u for u, _ in kept}
        return kept | {(u, last) for u in range(1, last) if u not in feeding}


@checked
@dataclass(frozen=True)
class OutputInDegree(Constraint):
    """The output has so many incoming edges.

    Args:
        degree: Number of incoming edges.
    """

    degree: Size

    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep it: (B,) bool."""
        last = _ends(dags, semantics)[1]
        return ((dags.adjacency.sum(1) == self.degree) | ~last).all(1)

    @property
    def reason(self) -> str:
        """What is wrong with a graph that breaks it."""
        return f"the output must have exactly {self.degree} incoming edge(s)"

    def edge_constraints(self, vocabulary: Sequence[str]) -> EdgeConstraints:
        """Kept while edges are drawn."""
        return EdgeConstraints(output_inputs=(self.degree, self.degree))


@checked
@dataclass(frozen=True)
class InputFeedsLeaves(Constraint):
    """A node that reads the input reads nothing else."""

    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep it: (B,) bool."""
        return ((dags.adjacency.sum(1) == 1) | ~_read_input(dags, semantics)).all(1)

    @property
    def reason(self) -> str:
        """What is wrong with a graph that breaks it."""
        return "a node that reads the input must read nothing else"

    def edge_constraints(self, vocabulary: Sequence[str]) -> EdgeConstraints:
        """Kept while edges are drawn."""
        return EdgeConstraints(input_is_read_alone=True)


@checked
@dataclass(frozen=True)
class InputReaders(Constraint):
    """Exactly the nodes of certain operations read the input.

    Args:
        operations: The operations.
    """

    about_wiring_only = False

    operations: tuple[str, ...]

    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep it: (B,) bool."""
        inner = _ends(dags, semantics)[2]
        named = semantics.where(dags.ops, frozenset(self.operations))
        return ((_read_input(dags, semantics) == named) | ~inner).all(1)

    @property
    def reason(self) -> str:
        """What is wrong with a graph that breaks it."""
        return f"exactly the nodes of certain operations must read the input: {', '.join(self.operations)}"

    def edge_constraints(self, vocabulary: Sequence[str]) -> EdgeConstraints:
        """Kept while edges are drawn."""
        return EdgeConstraints(input_readers=frozenset(map(vocabulary.index, self.operations)))


@checked
@dataclass(frozen=True)
class IdentitiesLeadOrBranch(Constraint):
    """An identity operation leads the whole cell, or ends a branch beside another one."""

    about_wiring_only = False

    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep it: (B,) bool."""
        first, last, _inner = _ends(dags, semantics)
        identity = semantics.where(dags.ops, semantics.identity) & dags.mask
        out_degree = dags.adjacency.sum(2)
        feeds_output = (dags.adjacency * last.unsqueeze(1)).sum(2) > 0
        leading, raw = first.clone(), first.clone()
        for v in range(1, dags.max_nodes):
            above = dags.adjacency[:, :, v] > 0
            only_child = (above & leading & (out_degree == 1)).any(1)
            leading[:, v] = identity[:, v] & only_child & ~feeds_output[:, v]
            raw[:, v] = identity[:, v] & (above & raw).any(1)
        siblings = (dags.adjacency * (out_degree > 1).unsqueeze(2)).sum(1) > 0
        from_raw = (dags.adjacency * raw.unsqueeze(2)).sum(1) > 0
        branching = feeds_output & (out_degree == 1) & siblings & ~from_raw
        return (leading | branching | ~identity).all(1)

    @property
    def reason(self) -> str:
        """What is wrong with a graph that breaks it."""
        return "an identity operation must lead the whole cell or end a branch beside another one"


def satisfies_all(dags: DagBatch, semantics: Semantics, constraints: tuple[Constraint, ...]) -> Tensor:
    """Which graphs keep every rule: (B,) bool."""
    import torch

    good = torch.ones(len(dags), dtype=torch.bool, device=dags.device)
    for constraint in constraints:
        good = good & constraint.satisfied(dags, semantics)
    return good
