"""Canonical form: the function-preserving normal form of an architecture, and its hash.

*Reduction* contracts identities, drops what carries no signal from input to output and merges parameter-free twins, as the
space's `Semantics` declare; batched. The hash is that of the reduced graph under `nag.graphs.labelling`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.graphs.batch import DENSE, DagBatch
from nag.graphs.labelling import canonical_forms

__all__ = ["Semantics", "canonical_hashes", "reduce"]

_MAX_MULTIPLICITY = 2**31 - 1  # certificates hold 32-bit numbers
_SUM, _PRODUCT, _CONCATENATION = 0, 1, 2


@dataclass(frozen=True)
class Semantics:
    """What the operations of a vocabulary mean to the canonical form.

    An operation joins its inputs by a sum, unless it is named among `multiplying` or `concatenating`, and is then applied
    to them. Concatenations have no order: what reads one has weights for each input. An operation that reads no signal
    passes on none, that is, zeros.

    Args:
        vocabulary: Names of the operations.
        identity: Operations that pass on their joined inputs unchanged.
        zero: Operations that pass on zeros.
        mergeable: Parameter-free operations: two of them with the same inputs compute the same.
        multiplying: Operations whose inputs are multiplied.
        concatenating: Operations whose inputs are concatenated. One with weights, and the output, counts an input once
            however often it comes, since the weights of equal inputs add up to one.
        input: Operation of the node that the signal enters by.
        output: Operation of the node that the signal leaves by; what follows it has weights.

    Example:
        >>> from nag.graphs import Semantics
        >>> semantics = Semantics(("input", "output", "conv", "skip"), identity=frozenset({"skip"}))
        >>> semantics.only_sums
        True
    """

    vocabulary: tuple[str, ...]
    identity: frozenset[str] = frozenset()
    zero: frozenset[str] = frozenset()
    mergeable: frozenset[str] = frozenset()
    multiplying: frozenset[str] = frozenset()
    concatenating: frozenset[str] = frozenset()
    input: str = "input"
    output: str = "output"

    def where(self, ops: Tensor, names: frozenset[str] | set[str]) -> Tensor:
        """Marks the nodes whose operation is one of `names`; same shape as `ops`, bool."""
        table = torch.tensor([name in names for name in self.vocabulary], device=ops.device)
        return table[ops]

    def joining(self, ops: Tensor) -> Tensor:
        """How each node joins its inputs: 0 sum, 1 product, 2 concatenation; same shape as `ops`, int64."""
        return torch.tensor([self._rule(name) for name in self.vocabulary], device=ops.device)[ops]

    @property
    def only_sums(self) -> bool:
        """Whether every operation sums its inputs."""
        return not (self.multiplying or self.concatenating)

    def _rule(self, name: str) -> int:
        return _PRODUCT if name in self.multiplying else _CONCATENATION if name in self.concatenating else _SUM

    def _representative(self) -> list[int]:
        """Index of each operation, that of an identity being the first identity that joins its inputs the same way."""
        first: dict[int, int] = {}
        result = list(range(len(self.vocabulary)))
        for index, name in enumerate(self.vocabulary):
            if name in self.identity:
                result[index] = first.setdefault(self._rule(name), index)
        return result

    def _silent(self) -> int:
        """Index of the operation that stands for zeros in a concatenation: the first zero, or any, as it reads nothing."""
        inner = [i for i, name in enumerate(self.vocabulary) if name not in (self.input, self.output)]
        return next((i for i in inner if self.vocabulary[i] in self.zero), inner[0] if inner else 0)


def reduce(dags: DagBatch, semantics: Semantics) -> DagBatch:
    """Reduces every graph to the multigraph of what it computes; node positions stay, dropped nodes leave the mask.

    The multiplicity of an edge counts how often its target reads its source: 2 is twice the value in a sum, its square in
    a product. Four steps keep the function, up to weights:

    1. Zeros, and what reads only zeros, leave sums; a product with one of them is zero; in a concatenation they keep their
       place, as one node that reads nothing.
    2. Identities of one input are contracted everywhere, identities of several inputs where their reader joins the same
       way: a sum within a sum, a product within a product. Multiplicities multiply along paths and add up.
    3. What does not lead to the output is dropped.
    4. Parameter-free operations, and identities that stay, are merged with those of the same operation and inputs.

    Args:
        dags: B graphs in topological order.
        semantics: What the operations mean.

    Example:
        >>> from nag.graphs import Architecture, DagBatch, Semantics, reduce
        >>> vocabulary = ("input", "output", "conv", "skip", "none")
        >>> semantics = Semantics(vocabulary, identity=frozenset({"skip"}), zero=frozenset({"none"}))
        >>> arch = Architecture(("input", "none", "skip", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
        >>> reduced = reduce(DagBatch.from_architectures([arch], semantics.vocabulary), semantics)
        >>> reduced.mask.tolist(), int(reduced.adjacency.sum())
        ([[True, False, False, True]], 1)
    """
    ops, mask = dags.ops, dags.mask
    ends = semantics.where(ops, {semantics.input, semantics.output}) & mask
    signal = _carries_signal(dags, semantics)
    adjacency = dags.adjacency * signal.unsqueeze(1)
    if semantics.concatenating:
        adjacency, zeros = _gather_zeros(adjacency, mask & ~signal & ~ends, semantics.joining(ops) == _CONCATENATION)
        ops = torch.where(zeros, semantics._silent(), ops)
    else:
        adjacency = adjacency * signal.unsqueeze(2)

    identity = semantics.where(ops, semantics.identity) & signal & ~ends
    if semantics.identity:
        joining = semantics.joining(ops)
        if not semantics.only_sums:
            alone = identity & (adjacency.sum(1) == 1)
            adjacency = _contract(adjacency, alone, alone.unsqueeze(2).expand_as(adjacency))
            identity = identity & ~alone
        alike = (joining.unsqueeze(2) == joining.unsqueeze(1)) & (joining != _CONCATENATION).unsqueeze(2)
        adjacency = _contract(adjacency, identity, alike)
        ops = torch.tensor(semantics._representative(), device=ops.device)[ops]

    alive = _leads_to_output(adjacency, ops, mask, semantics) | ends
    adjacency = adjacency * alive.unsqueeze(1) * alive.unsqueeze(2)
    mergeable = (semantics.where(ops, semantics.mergeable) | identity) & alive & ~ends
    if semantics.mergeable or (semantics.identity and (not semantics.only_sums or dags.max_nodes > DENSE)):
        adjacency, alive = _merge_twins(ops, adjacency, alive, mergeable)
    weighted = semantics.concatenating - semantics.identity - semantics.zero - semantics.mergeable
    once = (semantics.where(ops, weighted) & alive).unsqueeze(1)
    adjacency = torch.where(once, adjacency.clamp(max=1), adjacency)
    return DagBatch(ops * alive, adjacency, alive)


def _carries_signal(dags: DagBatch, semantics: Semantics) -> Tensor:
    """Nodes whose value depends on the input: (B, N) bool."""
    linked = dags.adjacency > 0
    signal = semantics.where(dags.ops, {semantics.input}) & dags.mask
    able = ~semantics.where(dags.ops, semantics.zero) & dags.mask
    product = semantics.where(dags.ops, semantics.multiplying)
    for v in range(1, dags.max_nodes):
        reads = (signal[:, :v] & linked[:, :v, v]).any(1)
        if semantics.multiplying:
            reads = reads & ~(product[:, v] & (~signal[:, :v] & linked[:, :v, v]).any(1))
        signal[:, v] |= reads & able[:, v]
    return signal


def _gather_zeros(adjacency: Tensor, silent: Tensor, concatenation: Tensor) -> tuple[Tensor, Tensor]:
    """Takes nodes without signal out of the graphs, but for one that stands for all zeros which concatenations read.

    Args:
        adjacency: (B, N, N), edges that lead to nodes with signal.
        silent: (B, N) bool, nodes without signal.
        concatenation: (B, N) bool, nodes that concatenate their inputs.

    Returns:
        (B, N, N) the adjacency, and (B, N) bool, which node stands for the zeros.
    """
    zeros = adjacency * silent.unsqueeze(2)
    kept = zeros * concatenation.unsqueeze(1)
    feeds = kept.sum(2) > 0
    first = feeds & (feeds.cumsum(1) == 1)
    return adjacency - zeros + first.unsqueeze(2) * kept.sum(1, keepdim=True), first


def _contract(adjacency: Tensor, contracted: Tensor, into: Tensor) -> Tensor:
    """Turns paths through nodes into edges.

    Args:
        adjacency: (B, N, N) multiplicities.
        contracted: (B, N) bool, the nodes.
        into: (B, N, N) bool, of a node and a reader, whether the reader is to read the node's inputs instead.
    """
    for v in _listed(contracted):
        moved = adjacency[:, v] * (into[:, v] & contracted[:, v, None])
        through = adjacency[:, :, v, None] * moved[:, None, :]
        if adjacency.shape[1] > DENSE:  # a multiplicity can be as large as 2^N; where it gets too large, the node stays
            fits = (adjacency + through <= _MAX_MULTIPLICITY).all(1)
            moved, through = moved * fits, through * fits.unsqueeze(1)
        adjacency = adjacency + through
        adjacency[:, v] -= moved
    return adjacency


def _listed(marked: Tensor) -> Iterable[int]:
    """Positions that are marked in any graph; in small graphs all, which spares waiting for the device."""
    size = marked.shape[1]
    return range(size) if size <= DENSE else marked.any(0).nonzero().squeeze(1).tolist()


def _merge_twins(ops: Tensor, adjacency: Tensor, alive: Tensor, mergeable: Tensor) -> tuple[Tensor, Tensor]:
    """Merges nodes of one operation and the same inputs, where `mergeable` (B, N) allows it, into the first of them."""
    for v in _listed(mergeable):
        twins = mergeable[:, :v] & mergeable[:, v, None] & (ops[:, :v] == ops[:, v, None])
        twins = twins & (adjacency[:, :, :v] == adjacency[:, :, v, None]).all(1)
        first = twins & (twins.cumsum(1) == 1)
        if adjacency.shape[1] > DENSE:
            sums = (adjacency[:, :v] * first.unsqueeze(2)).sum(1) + adjacency[:, v]
            first = first & (sums <= _MAX_MULTIPLICITY).all(1, keepdim=True)
        merged = first.any(1)
        adjacency[:, :v] += first.unsqueeze(2) * adjacency[:, v, None, :]
        keep = torch.ones_like(alive)
        keep[:, v] = ~merged
        alive, mergeable = alive & keep, mergeable & keep
        adjacency = adjacency * keep.unsqueeze(1) * keep.unsqueeze(2)
    return adjacency, alive


def _leads_to_output(adjacency: Tensor, ops: Tensor, mask: Tensor, semantics: Semantics) -> Tensor:
    """Nodes on a path to the output: (B, N) bool."""
    linked = adjacency > 0
    backward = semantics.where(ops, {semantics.output}) & mask
    for u in range(ops.shape[1] - 2, -1, -1):
        backward[:, u] |= (backward[:, u + 1 :] & linked[:, u, u + 1 :]).any(1)
    return backward & mask


def canonical_hashes(dags: DagBatch, semantics: Semantics) -> list[str]:
    """Hashes of what each graph computes: equal for equal normal forms, whatever the node order.

    Example:
        >>> from nag.graphs import Architecture, DagBatch, Semantics, canonical_hashes
        >>> semantics = Semantics(("input", "output", "conv", "skip"), identity=frozenset({"skip"}))
        >>> plain = Architecture(("input", "conv", "output"), ((0, 1), (1, 2)))
        >>> skipping = Architecture(("input", "skip", "conv", "output"), ((0, 1), (1, 2), (2, 3)))
        >>> dags = DagBatch.from_architectures([plain, skipping], semantics.vocabulary)
        >>> len(set(canonical_hashes(dags, semantics)))
        1
    """
    return canonical_forms(reduce(dags, semantics), semantics.vocabulary).hashes
