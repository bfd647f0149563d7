"""Canonical form: the function-preserving normal form of an architecture, and its hash.

Two steps, both batched. *Reduction* contracts identities, drops what carries no signal from input to output and
merges parameter-free twins, as the space's `Semantics` declare. *Labelling* finds a node order that depends on the
isomorphism class alone: colour refinement (Weisfeiler and Leman 1968) in both directions, then
individualisation-refinement over what stays tied (McKay and Piperno 2014), so that it is exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.errors import InvalidArchitecture
from nag.graphs.batch import DagBatch

__all__ = ["CanonicalForms", "Semantics", "canonical_forms", "canonical_hashes", "invariant_codes", "levels", "reduce"]

_CHUNK = 32768
_CHUNK_ENTRIES = 1 << 21
_DENSE = 32
_MAX_LEAVES = 20000
_MAX_BRANCHES = 24  # of one graph, before those that an automorphism maps onto each other are sought
_INDIVIDUAL = 0x5851F42D
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


@dataclass(frozen=True)
class CanonicalForms:
    """Canonical node orders of a batch.

    Args:
        order: (B, N) int64, the node that stands at each canonical position (topological; removed nodes last).
        hashes: B hexadecimal digests, equal exactly for isomorphic graphs of one vocabulary.
    """

    order: Tensor
    hashes: list[str]


def levels(dags: DagBatch) -> Tensor:
    """Longest path from any source to each node: (B, N) int64, 0 at sources."""
    linked = dags.adjacency > 0
    level = torch.zeros_like(dags.ops)
    for v in range(1, dags.max_nodes):
        level[:, v] = ((level[:, :v] + 1) * linked[:, :v, v]).amax(1)
    return level


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
    if semantics.mergeable or (semantics.identity and (not semantics.only_sums or dags.max_nodes > _DENSE)):
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
        into: (B, N, N) bool, of a node and a reader, whether the reader shall read the node's inputs instead.
    """
    for v in _listed(contracted):
        moved = adjacency[:, v] * (into[:, v] & contracted[:, v, None])
        through = adjacency[:, :, v, None] * moved[:, None, :]
        if adjacency.shape[1] > _DENSE:  # a multiplicity can be as large as 2^N; where it gets too large, the node stays
            fits = (adjacency + through <= _MAX_MULTIPLICITY).all(1)
            moved, through = moved * fits, through * fits.unsqueeze(1)
        adjacency = adjacency + through
        adjacency[:, v] -= moved
    return adjacency


def _listed(marked: Tensor) -> Iterable[int]:
    """Positions that are marked in any graph; in small graphs all, which spares waiting for the device."""
    size = marked.shape[1]
    return range(size) if size <= _DENSE else marked.any(0).nonzero().squeeze(1).tolist()


def _merge_twins(ops: Tensor, adjacency: Tensor, alive: Tensor, mergeable: Tensor) -> tuple[Tensor, Tensor]:
    """Merges nodes of one operation and the same inputs, where `mergeable` (B, N) allows it, into the first of them."""
    for v in _listed(mergeable):
        twins = mergeable[:, :v] & mergeable[:, v, None] & (ops[:, :v] == ops[:, v, None])
        twins = twins & (adjacency[:, :, :v] == adjacency[:, :, v, None]).all(1)
        first = twins & (twins.cumsum(1) == 1)
        if adjacency.shape[1] > _DENSE:
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
    """Hashes of what each graph computes: equal for equal normal forms, whatever the node order."""
    return canonical_forms(reduce(dags, semantics), semantics.vocabulary).hashes


def invariant_codes(dags: DagBatch) -> Tensor:
    """A 64-bit number of each graph, on its device: equal for isomorphic graphs, and as good as always different else.

    It is the sum of the refined colours, so graphs that colour refinement cannot tell apart share it; where that
    matters, use `canonical_forms`.

    Returns:
        (B,) int64.
    """
    return _mix(_refine(dags, _mix(dags.ops + 1) * dags.mask)).mul(dags.mask).sum(1)


def canonical_forms(dags: DagBatch, vocabulary: Sequence[str]) -> CanonicalForms:
    """Canonical order and hash of each graph as it stands, without reduction.

    Args:
        dags: B multigraphs in topological order; the mask may have gaps.
        vocabulary: Names of the operations; enters the hash.
    """
    key = hashlib.blake2b("\0".join(vocabulary).encode(), digest_size=16).digest()
    order = torch.arange(dags.max_nodes, device=dags.device).repeat(len(dags), 1)
    hashes = [""] * len(dags)
    used = ((order + 1) * dags.mask).amax(1) if dags.max_nodes else dags.num_nodes
    # Large graphs of like size go together, without their common padding.
    by_size = used.argsort(stable=True) if dags.max_nodes > _DENSE else torch.arange(len(dags), device=dags.device)
    for rows in by_size.split(max(1, min(_CHUNK, _CHUNK_ENTRIES // max(dags.max_nodes, 1) ** 2))):
        size = int(used[rows].max()) if dags.max_nodes > _DENSE and len(rows) else dags.max_nodes
        chunk = DagBatch(dags.ops[rows, :size], dags.adjacency[rows, :size, :size], dags.mask[rows, :size])
        order[rows, :size], certificates = _label(chunk)
        for row, text in zip(rows.tolist(), certificates, strict=True):
            hashes[row] = hashlib.blake2b(text, digest_size=16, key=key).hexdigest()
    return CanonicalForms(order, hashes)


def _label(dags: DagBatch) -> tuple[Tensor, list[bytes]]:
    """Canonical order and certificate of each graph, by breadth-first individualisation-refinement."""
    level = levels(dags)
    colour = _refine(dags, _mix(dags.ops + 1) * dags.mask)
    root = torch.arange(len(dags), device=dags.device)
    best_order = torch.zeros_like(dags.ops)
    best: list[bytes | None] = [None] * len(dags)
    leaves = torch.zeros(len(dags), dtype=torch.int64, device=dags.device)
    symmetric = torch.zeros(len(dags), dtype=torch.bool, device=dags.device)
    while len(root):
        order, tied = _sort(colour, level, dags.mask)
        discrete = ~tied.any(1)
        done = discrete.nonzero().squeeze(1)
        if len(done):
            certificates = _certificates(dags[done].take_nodes(order[done]))
            better: dict[int, int] = {}
            for leaf, (r, text) in enumerate(zip(root[done].tolist(), certificates, strict=True)):
                current = best[r]
                if current is None or text < current:
                    best[r] = text
                    better[r] = leaf
            if better:
                best_order[list(better)] = order[done][list(better.values())]
            leaves.index_add_(0, root[done], torch.ones_like(done))
            if int(leaves.max()) > _MAX_LEAVES:
                raise InvalidArchitecture("a graph is too symmetric for an exact canonical form", "Use smaller graphs.")
        rest = (~discrete).nonzero().squeeze(1)
        if not len(rest):
            break
        dags, level, root = dags[rest], level[rest], root[rest]
        parent, node = _branches(dags, colour[rest], order[rest], tied[rest])
        colour = colour[rest][parent]
        dags, level, root = dags[parent], level[parent], root[parent]
        rows = torch.arange(len(parent), device=colour.device)
        colour[rows, node] = _mix(colour[rows, node] + _INDIVIDUAL)
        colour = _refine(dags, colour)
        symmetric |= torch.bincount(root, minlength=len(symmetric)) > _MAX_BRANCHES
        kept = _one_of_each_orbit(dags, colour, level, root, symmetric[root].nonzero().squeeze(1))
        dags, level, root, colour = dags[kept], level[kept], root[kept], colour[kept]
    return best_order, [text if text is not None else b"" for text in best]


def _branches(dags: DagBatch, colour: Tensor, order: Tensor, tied: Tensor) -> tuple[Tensor, Tensor]:
    """The nodes to individualise: those of the first tied cell of each graph, but of exact twins only one."""
    first = order.gather(1, tied.float().argmax(1, keepdim=True))
    cell = (colour == colour.gather(1, first)) & dags.mask
    level = levels(dags)
    cell &= level == level.gather(1, first)
    parent, node = _one_of_each_twins(dags, cell).nonzero().unbind(1)
    return parent, node


def _one_of_each_orbit(dags: DagBatch, colour: Tensor, level: Tensor, root: Tensor, many: Tensor) -> Tensor:
    """Branches of the search without those that an automorphism maps onto an earlier one, for graphs that have many.

    One leaf below each branch is found by individualising the first tied node again and again. Two leaves of one graph
    with the same certificate and the same colours are equal under an automorphism, which maps one branch onto the other,
    so that the search trees below the two hold the same graphs (McKay and Piperno 2014, section 2.6).

    Args:
        dags: B graphs, one for each branch.
        colour: (B, N) int64, refined colours.
        level: (B, N) int64, longest path to each node.
        root: (B,) int64, which graph of the batch each branch belongs to.
        many: Indices of the branches of graphs that have many.

    Returns:
        Indices of the branches that stay, ascending.
    """
    if not len(many):
        return torch.arange(len(root), device=root.device)
    below, shade, height = dags[many], colour[many].clone(), level[many]
    order, tied = _sort(shade, height, below.mask)
    while bool(tied.any()):
        unfinished = tied.any(1)
        first = order.gather(1, tied.float().argmax(1, keepdim=True)).squeeze(1)
        rows = unfinished.nonzero().squeeze(1)
        shade[rows, first[rows]] = _mix(shade[rows, first[rows]] + _INDIVIDUAL)
        shade = _refine_until_stable(below, shade)
        order, tied = _sort(shade, height, below.mask)
    seen: set[tuple[int, bytes, bytes]] = set()
    keep = torch.ones(len(root), dtype=torch.bool, device=root.device)
    colours = shade.gather(1, order).cpu().numpy()
    for branch, graph, text, shades in zip(
        many.tolist(), root[many].tolist(), _certificates(below.take_nodes(order)), colours, strict=True
    ):
        leaf = (graph, text, shades.tobytes())
        keep[branch] = leaf not in seen
        seen.add(leaf)
    return keep.nonzero().squeeze(1)


def _refine_until_stable(dags: DagBatch, colour: Tensor) -> Tensor:
    """Colour refinement until no graph of the batch gets more colours; all take the same number of rounds."""
    sums = _sums_over_neighbours(dags)
    found = -1
    while True:
        ordered = colour.sort(1)[0]
        distinct = int((ordered[:, 1:] != ordered[:, :-1]).sum())
        if distinct <= found:
            return colour
        found = distinct
        ahead, behind = sums(_mix(colour + 0x1B873593), _mix(colour + 0x27D4EB2F))
        colour = _mix(colour * 3 + _mix(ahead) * 5 + _mix(behind + 1) * 7) * dags.mask


def _one_of_each_twins(dags: DagBatch, cell: Tensor) -> Tensor:
    """Thins sets of nodes of one operation: (B, N) bool to a subset with one of all nodes that have the same neighbours.

    Swapping such twins is an automorphism, so the search trees below them hold the same graphs.
    """
    size = dags.max_nodes
    salt = _mix(torch.arange(1, size + 1, device=dags.device)).expand(len(dags), size)
    into, back = _sums_over_neighbours(dags)(salt, _mix(salt + 1))
    code = _mix(into) + back
    earlier = (code.unsqueeze(1) == code.unsqueeze(2)) & cell.unsqueeze(1) & cell.unsqueeze(2)
    twin = earlier.float().argmax(2)  # the first node of the set with the same code, which is the node itself for most
    # Equal codes only propose twins: they count where the neighbours are the same indeed.
    b, v = (cell & (twin != torch.arange(size, device=dags.device))).nonzero().unbind(1)
    u = twin[b, v]
    same = (dags.adjacency[b, v] == dags.adjacency[b, u]).all(1) & (dags.adjacency[b, :, v] == dags.adjacency[b, :, u]).all(1)
    thinned = cell.clone()
    thinned[b[same], v[same]] = False
    return thinned


def _sort(colour: Tensor, level: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Order of the nodes by level and colour, absent ones last; and which positions begin a tie."""
    level = torch.where(mask, level, level.shape[1] + 1)
    order = colour.argsort(dim=1, stable=True)
    order = order.gather(1, level.gather(1, order).argsort(dim=1, stable=True))
    colours, levels_, present = colour.gather(1, order), level.gather(1, order), mask.gather(1, order)
    tied = torch.zeros_like(mask)
    tied[:, :-1] = (colours[:, 1:] == colours[:, :-1]) & (levels_[:, 1:] == levels_[:, :-1]) & present[:, 1:]
    return order, tied


def _refine(dags: DagBatch, colour: Tensor) -> Tensor:
    """Colour refinement along and against the edges, one round less than a graph has nodes (so padding changes nothing)."""
    sums = _sums_over_neighbours(dags)
    rounds = dags.num_nodes - 1
    for done in range(int(rounds.max()) if len(rounds) else 0):
        ahead, behind = sums(_mix(colour + 0x1B873593), _mix(colour + 0x27D4EB2F))
        fresh = _mix(colour * 3 + _mix(ahead) * 5 + _mix(behind + 1) * 7) * dags.mask
        colour = torch.where((done < rounds)[:, None], fresh, colour)
    return colour


def _sums_over_neighbours(dags: DagBatch) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Gives a function that sums one (B, N) int64 over the nodes that each node reads, another over those that read it."""
    if dags.max_nodes <= _DENSE:
        incoming = dags.adjacency.transpose(1, 2)
        return lambda into, back: ((incoming * into.unsqueeze(1)).sum(2), (dags.adjacency * back.unsqueeze(1)).sum(2))
    # Large graphs are sparse: their edges are listed once.
    b, u, v = dags.adjacency.nonzero().unbind(1)
    times = dags.adjacency[b, u, v]
    source, target = b * dags.max_nodes + u, b * dags.max_nodes + v

    def along(values: Tensor, start: Tensor, end: Tensor) -> Tensor:
        flat = torch.zeros_like(values).flatten()
        return flat.index_add_(0, end, values.flatten()[start] * times).view_as(values)

    return lambda into, back: (along(into, source, target), along(back, target, source))


def _mix(x: Tensor) -> Tensor:
    """Scrambles 64-bit integers (splitmix64, Steele et al. 2014, with arithmetic shifts)."""
    x = (x ^ (x >> 30)) * -4658895280553007687
    x = (x ^ (x >> 27)) * -7723592293110705685
    return x ^ (x >> 31)


def _certificates(dags: DagBatch) -> list[bytes]:
    """The graphs' operations and adjacency as bytes, without padding; nodes must stand first."""
    sizes = dags.num_nodes
    texts: list[bytes] = [b""] * len(dags)
    for size in sizes.unique().tolist():
        rows = (sizes == size).nonzero().squeeze(1)
        flat = torch.cat([dags.ops[rows, :size], dags.adjacency[rows, :size, :size].flatten(1)], 1)
        table = flat.to(torch.int32).cpu().numpy()
        for row, values in zip(rows.tolist(), table, strict=True):
            texts[row] = values.tobytes()
    return texts
