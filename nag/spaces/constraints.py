"""Named constraints that a search space puts on whole graphs, checked in batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from nag.graphs import DagBatch, Semantics

__all__ = ["CONSTRAINTS", "Constraint"]


@dataclass(frozen=True)
class Constraint:
    """One named rule with its parameter.

    Args:
        name: A key of `CONSTRAINTS`.
        parameter: The rule's number, 1 for rules without one, or the operations that it is about.
    """

    name: str
    parameter: int | tuple[str, ...]

    def satisfied(self, dags: DagBatch, semantics: Semantics) -> Tensor:
        """Which graphs keep the rule: (B,) bool."""
        return CONSTRAINTS[self.name].check(dags, semantics, self.parameter)

    @property
    def about_wiring_only(self) -> bool:
        """Whether the operations of inner nodes do not matter to the rule."""
        return CONSTRAINTS[self.name].about_wiring_only

    @property
    def reason(self) -> str:
        """What is wrong with a graph that breaks the rule, and what is allowed."""
        shown = self.parameter if isinstance(self.parameter, int) else ", ".join(self.parameter)
        return CONSTRAINTS[self.name].reason.format(shown)


@dataclass(frozen=True)
class _Rule:
    check: Callable[[DagBatch, Semantics, Any], Tensor]
    reason: str
    takes: Literal["number", "switch", "operations"]
    about_wiring_only: bool = True


def _ends(dags: DagBatch, semantics: Semantics) -> tuple[Tensor, Tensor, Tensor]:
    """Masks of the input, the output and the inner nodes, each (B, N) bool."""
    first = semantics.where(dags.ops, {semantics.input}) & dags.mask
    last = semantics.where(dags.ops, {semantics.output}) & dags.mask
    return first, last, dags.mask & ~first & ~last


def _max_edges(dags: DagBatch, semantics: Semantics, limit: int) -> Tensor:
    return dags.adjacency.sum((1, 2)) <= limit


def _in_degree(dags: DagBatch, semantics: Semantics, degree: int) -> Tensor:
    inner = _ends(dags, semantics)[2]
    return ((dags.adjacency.sum(1) == degree) | ~inner).all(1)


def _all_nodes_on_a_path(dags: DagBatch, semantics: Semantics, _: int) -> Tensor:
    first, last, _inner = _ends(dags, semantics)
    sources = dags.adjacency.sum(1) > 0
    sinks = dags.adjacency.sum(2) > 0
    # In a DAG, having a predecessor everywhere but at the input means being reached from it; likewise for the output.
    return ((sources | first | ~dags.mask) & (sinks | last | ~dags.mask)).all(1)


def _output_from_leaves(dags: DagBatch, semantics: Semantics, _: int) -> Tensor:
    _first, last, inner = _ends(dags, semantics)
    feeds = (dags.adjacency * last.unsqueeze(1)).sum(2)
    others = dags.adjacency.sum(2) - feeds
    return (((feeds > 0) == (others == 0)) | ~inner).all(1)


def _output_in_degree(dags: DagBatch, semantics: Semantics, degree: int) -> Tensor:
    last = _ends(dags, semantics)[1]
    return ((dags.adjacency.sum(1) == degree) | ~last).all(1)


def _read_input(dags: DagBatch, semantics: Semantics) -> Tensor:
    """Nodes that read the input: (B, N) bool."""
    first = _ends(dags, semantics)[0]
    return (dags.adjacency * first.unsqueeze(2)).sum(1) > 0


def _input_feeds_leaves(dags: DagBatch, semantics: Semantics, _: int) -> Tensor:
    return ((dags.adjacency.sum(1) == 1) | ~_read_input(dags, semantics)).all(1)


def _input_readers(dags: DagBatch, semantics: Semantics, operations: tuple[str, ...]) -> Tensor:
    inner = _ends(dags, semantics)[2]
    named = semantics.where(dags.ops, frozenset(operations))
    return ((_read_input(dags, semantics) == named) | ~inner).all(1)


def _identities_lead_or_branch(dags: DagBatch, semantics: Semantics, _: int) -> Tensor:
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


CONSTRAINTS: dict[str, _Rule] = {
    "max_edges": _Rule(_max_edges, "it has more than {} edges", "number"),
    "in_degree": _Rule(_in_degree, "a node between input and output has not exactly {} incoming edge(s)", "number"),
    "all_nodes_on_a_path": _Rule(_all_nodes_on_a_path, "a node lies on no path from input to output", "switch"),
    "output_from_leaves": _Rule(
        _output_from_leaves, "the output must be fed by exactly the nodes that feed nothing else", "switch"
    ),
    "output_in_degree": _Rule(_output_in_degree, "the output must have exactly {} incoming edge(s)", "number"),
    "input_feeds_leaves": _Rule(_input_feeds_leaves, "a node that reads the input must read nothing else", "switch"),
    "input_readers": _Rule(
        _input_readers,
        "exactly the nodes of certain operations must read the input: {}",
        "operations",
        about_wiring_only=False,
    ),
    "identities_lead_or_branch": _Rule(
        _identities_lead_or_branch,
        "an identity operation must lead the whole cell or end a branch beside another one",
        "switch",
        about_wiring_only=False,
    ),
}
"""Every constraint that a space file may name."""


def satisfies_all(dags: DagBatch, semantics: Semantics, constraints: tuple[Constraint, ...]) -> Tensor:
    """Which graphs keep every rule: (B,) bool."""
    good = torch.ones(len(dags), dtype=torch.bool, device=dags.device)
    for constraint in constraints:
        good = good & constraint.satisfied(dags, semantics)
    return good
