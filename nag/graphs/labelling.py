"""Canonical labelling: a node order that depends on the isomorphism class alone, and the hash of the graph in that order.

Colour refinement (Weisfeiler and Leman 1968) in both directions, then individualisation-refinement over what stays tied
(McKay and Piperno 2014), so that it is exact; batched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nag.core.errors import InvalidArchitecture
from nag.graphs.batch import DENSE, DagBatch

__all__ = ["CanonicalForms", "canonical_forms", "invariant_codes", "levels"]

_CHUNK = 32768
_CHUNK_ENTRIES = 1 << 21
_MAX_LEAVES = 20000
_MAX_BRANCHES = 24  # of one graph, before those that an automorphism maps onto each other are sought
_INDIVIDUAL = 0x5851F42D


@dataclass(frozen=True)
class CanonicalForms:
    """Canonical node orders of a batch.

    Args:
        order: (B, N) int64, the node that stands at each canonical position (topological; removed nodes last).
        hashes: B hexadecimal digests, equal exactly for isomorphic graphs of one vocabulary.

    Example:
        >>> from nag.graphs import Architecture, DagBatch, canonical_forms
        >>> arch = Architecture(("input", "conv", "pool", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
        >>> twin = Architecture(("input", "pool", "conv", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
        >>> vocabulary = ("input", "output", "conv", "pool")
        >>> forms = canonical_forms(DagBatch.from_architectures([arch, twin], vocabulary), vocabulary)
        >>> forms.hashes[0] == forms.hashes[1], forms.order.shape
        (True, torch.Size([2, 4]))
    """

    order: Tensor
    hashes: list[str]


def levels(dags: DagBatch) -> Tensor:
    """Longest path from any source to each node: (B, N) int64, 0 at sources.

    Example:
        >>> from nag.graphs import Architecture, DagBatch, levels
        >>> arch = Architecture(("input", "conv", "output"), ((0, 1), (0, 2), (1, 2)))
        >>> levels(DagBatch.from_architectures([arch], ("input", "output", "conv"))).tolist()
        [[0, 1, 2]]
    """
    linked = dags.adjacency > 0
    level = torch.zeros_like(dags.ops)
    for v in range(1, dags.max_nodes):
        level[:, v] = ((level[:, :v] + 1) * linked[:, :v, v]).amax(1)
    return level


def invariant_codes(dags: DagBatch) -> Tensor:
    """A 64-bit number of each graph, on its device: equal for isomorphic graphs, and as good as always different else.

    It is the sum of the refined colours, so graphs that colour refinement cannot tell apart share it; where that
    matters, use `canonical_forms`.

    Returns:
        (B,) int64.

    Example:
        >>> from nag.graphs import Architecture, DagBatch, invariant_codes
        >>> arch = Architecture(("input", "conv", "pool", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
        >>> twin = Architecture(("input", "pool", "conv", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
        >>> codes = invariant_codes(DagBatch.from_architectures([arch, twin], ("input", "output", "conv", "pool")))
        >>> bool(codes[0] == codes[1])
        True
    """
    return _mix(_refine(dags, _mix(dags.ops + 1) * dags.mask)).mul(dags.mask).sum(1)


def canonical_forms(dags: DagBatch, vocabulary: Sequence[str]) -> CanonicalForms:
    """Canonical order and hash of each graph as it stands, without reduction.

    Args:
        dags: B multigraphs in topological order; the mask may have gaps.
        vocabulary: Names of the operations; enters the hash.

    Example:
        >>> from nag.graphs import Architecture, DagBatch, canonical_forms
        >>> vocabulary = ("input", "output", "conv")
        >>> chain = Architecture(("input", "conv", "output"), ((0, 1), (1, 2)))
        >>> forms = canonical_forms(DagBatch.from_architectures([chain], vocabulary), vocabulary)
        >>> forms.order.tolist(), len(forms.hashes[0])
        ([[0, 1, 2]], 32)
    """
    key = hashlib.blake2b("\0".join(vocabulary).encode(), digest_size=16).digest()
    order = torch.arange(dags.max_nodes, device=dags.device).repeat(len(dags), 1)
    hashes = [""] * len(dags)
    used = ((order + 1) * dags.mask).amax(1) if dags.max_nodes else dags.num_nodes
    # Large graphs of like size go together, without their common padding.
    by_size = used.argsort(stable=True) if dags.max_nodes > DENSE else torch.arange(len(dags), device=dags.device)
    for rows in by_size.split(max(1, min(_CHUNK, _CHUNK_ENTRIES // max(dags.max_nodes, 1) ** 2))):
        size = int(used[rows].max()) if dags.max_nodes > DENSE and len(rows) else dags.max_nodes
        chunk = DagBatch(dags.ops[rows, :size], dags.adjacency[rows, :size, :size], dags.mask[rows, :size])
        order[rows, :size], certificates = _label(chunk)
        for row, text in zip(rows.tolist(), certificates, strict=True):
            hashes[row] = hashlib.blake2b(text, digest_size=16, key=key).hexdigest()
    return CanonicalForms(order, hashes)


def _label(dags: DagBatch) -> tuple[Tensor, list[bytes]]:
    """Canonical order and certificate of each graph, by breadth-first individualisation-refinement."""
    leaves = _Leaves(dags)
    symmetric = torch.zeros(len(dags), dtype=torch.bool, device=dags.device)
    branches = _Branches(
        dags, levels(dags), _refine(dags, _mix(dags.ops + 1) * dags.mask), torch.arange(len(dags), device=dags.device)
    )
    while len(branches.root):
        order, tied = _sort(branches.colour, branches.level, branches.dags.mask)
        discrete = ~tied.any(1)
        leaves.add(branches.dags[discrete].take_nodes(order[discrete]), order[discrete], branches.root[discrete])
        if bool(discrete.all()):
            break
        branches = branches[~discrete].individualised(order[~discrete], tied[~discrete])
        symmetric |= torch.bincount(branches.root, minlength=len(symmetric)) > _MAX_BRANCHES
        many = symmetric[branches.root].nonzero().squeeze(1)
        branches = branches[_one_of_each_orbit(branches.dags, branches.colour, branches.level, branches.root, many)]
    return leaves.order, [text if text is not None else b"" for text in leaves.certificates]


class _Leaves:
    """The least certificate that was found of each graph of a batch, and its node order."""

    def __init__(self, dags: DagBatch) -> None:
        self.order = torch.zeros_like(dags.ops)
        self.certificates: list[bytes | None] = [None] * len(dags)
        self._counts = torch.zeros(len(dags), dtype=torch.int64, device=dags.device)

    def add(self, dags: DagBatch, order: Tensor, root: Tensor) -> None:
        """Adds leaves of the search: graphs in a discrete order, of the graphs `root` of the batch.

        Raises:
            InvalidArchitecture: A graph has too many leaves.
        """
        if not len(root):
            return
        better: dict[int, int] = {}
        for leaf, (graph, text) in enumerate(zip(root.tolist(), _certificates(dags), strict=True)):
            best = self.certificates[graph]
            if best is None or text < best:
                self.certificates[graph], better[graph] = text, leaf
        if better:
            self.order[list(better)] = order[list(better.values())]
        self._counts.index_add_(0, root, torch.ones_like(root))
        if int(self._counts.max()) > _MAX_LEAVES:
            raise InvalidArchitecture("a graph is too symmetric for an exact canonical form", "Use smaller graphs.")


@dataclass(frozen=True)
class _Branches:
    """Open branches of the search: coloured graphs, their levels, and which graph of the batch each belongs to."""

    dags: DagBatch
    level: Tensor
    colour: Tensor
    root: Tensor

    def __getitem__(self, rows: Tensor) -> _Branches:
        return _Branches(self.dags[rows], self.level[rows], self.colour[rows], self.root[rows])

    def individualised(self, order: Tensor, tied: Tensor) -> _Branches:
        """One branch for each node of the first tied cell, which gets a colour of its own."""
        parent, node = _first_tied_cell(self.dags, self.colour, order, tied)
        children = self[parent]
        rows = torch.arange(len(parent), device=parent.device)
        children.colour[rows, node] = _mix(children.colour[rows, node] + _INDIVIDUAL)
        return replace(children, colour=_refine(children.dags, children.colour))


def _first_tied_cell(dags: DagBatch, colour: Tensor, order: Tensor, tied: Tensor) -> tuple[Tensor, Tensor]:
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
    if dags.max_nodes <= DENSE:
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
