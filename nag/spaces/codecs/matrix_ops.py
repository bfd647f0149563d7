"""Adjacency matrix and operations, as NAS-Bench-101 writes them."""

from __future__ import annotations

import re

from nag.graphs import Architecture
from nag.spaces.codecs.codec import Codec, Wiring
from nag.spaces.codecs.reading import NAME, REST, names_in, refuse
from nag.spaces.constraints import AllNodesOnAPath

__all__ = ["MatrixOps"]


class MatrixOps(Codec):
    """NAS-Bench-101's matrix and operations: rows of the adjacency matrix, then the operations.

    `0110/0001/0001/0000:input,conv3x3-bn-relu,maxpool3x3,output`. Nested lists are read too, as JSON or Python write them:
    `[[0, 1], [0, 0]], ["input", "output"]`.

    Args:
        max_nodes: Greatest number of nodes of the space.
        prune: Whether nodes on no path from input to output are left out, as the published benchmark does.

    Example:
        >>> from nag.spaces.codecs import MatrixOps
        >>> MatrixOps(5).decode("010/001/000:input,conv,output").edges
        ((0, 1), (1, 2))
    """

    example = "011/001/000:input,OPERATION,output"

    def __init__(self, max_nodes: int, prune: bool = False) -> None:
        most = max(max_nodes, 32)  # before pruning
        self.limit = REST + NAME * most + 8 * most**2
        self.prune = prune

    @classmethod
    def for_space(cls, wiring: Wiring) -> MatrixOps:
        """The codec of any space; nodes on no path are left out where the space has none."""
        return cls(wiring.max_nodes, prune=wiring.holds(AllNodesOnAPath()))

    def encode(self, arch: Architecture) -> str:
        """Matrix and operations of any architecture."""
        linked = set(arch.edges)
        size = range(arch.num_nodes)
        rows = "/".join("".join("1" if (u, v) in linked else "0" for v in size) for u in size)
        return f"{rows}:{','.join(arch.ops)}"

    def decode(self, text: str) -> Architecture:
        """The architecture of a matrix and its operations, whose nodes may stand in any order that has no cycle."""
        if len(text) > self.limit:
            refuse(text, "matrix with operations", self.example)
        rows, ops = self._lists(text) if "[" in text else self._native(text)
        if not rows or any(len(row) != len(rows) or set(row) - {"0", "1"} for row in rows) or len(ops) != len(rows):
            refuse(text, "matrix with operations", self.example)
        edges = [(u, v) for u, row in enumerate(rows) for v, entry in enumerate(row) if entry == "1"]
        arch = Architecture.from_unordered(dict(enumerate(ops)), edges)
        return _on_paths(arch) if self.prune else arch

    @staticmethod
    def _native(text: str) -> tuple[list[str], list[str]]:
        matrix, colon, names = text.strip().partition(":")
        return matrix.split("/") if colon else [], [name.strip() for name in names.split(",")]

    @staticmethod
    def _lists(text: str) -> tuple[list[str], list[str]]:
        """Rows between innermost brackets, and names between others, or beside the matrix."""
        found = list(re.finditer(r"\[([01,\s]+)\]", text))
        if not found:
            return [], []
        rows = [re.sub(r"[,\s]", "", match[1]) for match in found]
        rest = f"{text[: found[0].start()]} {text[found[-1].end() :]}"
        lists = [inner for inner in re.findall(r"[\[(]([^\[\]()]*)[\])]", rest) if re.search(r"\w", inner)]
        return rows, names_in(lists[0] if lists else text[found[-1].end() :].strip(" \t\r\n[]():;,"))


def _on_paths(arch: Architecture) -> Architecture:
    """Without the nodes on no path from the first node, if that is the input, to the output; unchanged if there is no path."""
    if arch.ops[0] != "input" or arch.ops.count("output") != 1:
        return arch
    forward, backward = {0}, {arch.ops.index("output")}
    for u, v in arch.edges:  # in the order of their sources, which is topological
        if u in forward:
            forward.add(v)
    for u, v in reversed(arch.edges):
        if v in backward:
            backward.add(u)
    kept = sorted(forward & backward)
    if 0 not in kept:
        return arch
    place = {node: position for position, node in enumerate(kept)}
    edges = tuple((place[u], place[v]) for u, v in arch.edges if u in place and v in place)
    return Architecture(tuple(arch.ops[node] for node in kept), edges)
