"""Constraints that a search space puts on whole graphs, checked in batches.

A space file names one by its class in this module, in lower case (`in_degree: 1`), or by an import path
(`my_package.rules:Even: {step: 2}`); its value is true, the first constructor argument, or a mapping of arguments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nag.core.numbers import Size
from nag.core.signatures import checked
from nag.graphs import DagBatch, Semantics

__all__ = [
    "AllNodesOnAPath",
    "Constraint",
    "IdentitiesLeadOrBranch",
    "InDegree",
    "InputFeedsLeaves",
    "InputReaders",
    "MaxEdges",
    "OutputFromLeaves",
    "OutputInDegree",
    "satisfies_all",
]


class Constraint(ABC):
    """A rule about whole graphs that masks of operations and edges cannot express; equal rules are equal objects."""

    about_wiring_only: ClassVar[bool] = True
    """Whether the operations of inner nodes do not matter to the rule."""

    @abstractmethod
    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep the rule: (B,) bool."""

    @property
    @abstractmethod
    def reason(self) -> str:
        """What is wrong with a graph that breaks the rule, and what is allowed; one clause."""


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


@checked
@dataclass(frozen=True)
class OutputFromLeaves(Constraint):
    """The output is fed by exactly the nodes that feed nothing else."""

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
    good = torch.ones(len(dags), dtype=torch.bool, device=dags.device)
    for constraint in constraints:
        good = good & constraint.satisfied(dags, semantics)
    return good
