"""Native strings of architectures: how each benchmark writes a cell down."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from nag.errors import InvalidArchitecture
from nag.graphs import Architecture

__all__ = ["CODECS", "CellString", "Codec", "EdgeList", "LinksOps", "MatrixOps", "OpList"]


class Codec(Protocol):
    """Reads and writes the native string of an architecture; `decode(encode(a)) == a`."""

    example: str

    def encode(self, arch: Architecture) -> str:
        """The native string of an architecture of the space."""
        ...

    def decode(self, text: str) -> Architecture:
        """The architecture that a native string describes.

        Raises:
            InvalidArchitecture: The string does not have the codec's form.
        """
        ...


class CellString:
    """NAS-Bench-201's `|op~0|+|op~0|op~1|+...`: labelled edges between cell nodes, one graph node for each edge.

    Args:
        cell_nodes: Number of cell nodes (4 in NAS-Bench-201), the first being the input and the last the output.
    """

    def __init__(self, cell_nodes: int) -> None:
        self.pairs = [(u, v) for v in range(1, cell_nodes) for u in range(v)]
        last = cell_nodes - 1
        self.edges = tuple(
            [(0, 1 + i) for i, (u, _) in enumerate(self.pairs) if u == 0]
            + [(1 + i, 1 + j) for i, (_, v) in enumerate(self.pairs) for j, (u, _) in enumerate(self.pairs) if v == u]
            + [(1 + i, 1 + len(self.pairs)) for i, (_, v) in enumerate(self.pairs) if v == last]
        )
        self.example = self._write(["op"] * len(self.pairs))

    def _write(self, labels: Sequence[str]) -> str:
        groups: dict[int, list[str]] = {}
        for label, (u, v) in zip(labels, self.pairs, strict=True):
            groups.setdefault(v, []).append(f"{label}~{u}|")
        return "+".join("|" + "".join(items) for items in groups.values())

    def encode(self, arch: Architecture) -> str:
        """The cell string of an architecture with the cell's fixed wiring."""
        return self._write(arch.ops[1:-1])

    def decode(self, text: str) -> Architecture:
        """The architecture of a cell string."""
        found = re.findall(r"([^|+~]+)~(\d+)", text)
        labels = [op for op, _ in found]
        if len(labels) != len(self.pairs) or self._write(labels) != text.strip():
            raise InvalidArchitecture(f"'{text}' is no cell string", f"Its form is {self.example}")
        return Architecture(("input", *labels, "output"), self.edges)


class MatrixOps:
    """NAS-Bench-101's matrix and operations: rows of the adjacency matrix, then the operations.

    `0110/0001/0001/0000:input,conv3x3-bn-relu,maxpool3x3,output`
    """

    example = "011/001/000:input,OPERATION,output"

    def encode(self, arch: Architecture) -> str:
        """Matrix and operations of any architecture."""
        linked = set(arch.edges)
        size = range(arch.num_nodes)
        rows = "/".join("".join("1" if (u, v) in linked else "0" for v in size) for u in size)
        return f"{rows}:{','.join(arch.ops)}"

    def decode(self, text: str) -> Architecture:
        """The architecture of a matrix and its operations, whose nodes may stand in any order that has no cycle."""
        matrix, colon, names = text.strip().partition(":")
        rows = matrix.split("/")
        ops = [name.strip() for name in names.split(",")]
        if not colon or any(len(row) != len(rows) or set(row) - {"0", "1"} for row in rows) or len(ops) != len(rows):
            raise InvalidArchitecture(f"'{text}' is no matrix with operations", f"Its form is {self.example}")
        edges = [(u, v) for u, row in enumerate(rows) for v, entry in enumerate(row) if entry == "1"]
        return Architecture.from_unordered(dict(enumerate(ops)), edges)


class EdgeList:
    """Operations between input and output, then the edges: readable for free wiring of any size.

    `conv,pool;0>1,0>2,1>2,2>3`: node 0 is the input, 1 a convolution, 2 a pooling, 3 the output.
    """

    example = "OPERATION,OPERATION;0>1,1>2,2>3"

    def encode(self, arch: Architecture) -> str:
        """Inner operations and edges of any architecture."""
        return f"{','.join(arch.ops[1:-1])};{','.join(f'{u}>{v}' for u, v in arch.edges)}"

    def decode(self, text: str) -> Architecture:
        """The architecture of operations and edges, whose inner nodes may stand in any order that has no cycle."""
        names, semicolon, links = text.strip().partition(";")
        ops = [part.strip() for part in names.split(",")] if names.strip() else []
        pairs = [part.strip() for part in links.split(",")] if links.strip() else []
        if not semicolon or not all(ops) or not all(re.fullmatch(r"\d+>\d+", pair, re.ASCII) for pair in pairs):
            raise InvalidArchitecture(f"'{text}' is no list of operations and edges", f"Its form is {self.example}")
        edges = [(int(u), int(v)) for u, v in (pair.split(">") for pair in pairs)]
        named: dict[object, str] = dict(enumerate(["input", *ops, "output"]))
        return Architecture.from_unordered(named, edges)


class LinksOps:
    """NAS-Bench-Graph's link list and operations: the one source of each node, 0 meaning the input.

    `0,0,1,2|gcn,gat,fc,gin`: node 1 and 2 read the input, 3 reads 1, 4 reads 2; what feeds nothing feeds the output.

    Args:
        length: Number of nodes between input and output.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.example = ",".join("0" * length) + "|" + ",".join(["OPERATION"] * length)

    def encode(self, arch: Architecture) -> str:
        """Link list and operations of an architecture whose inner nodes have one source each."""
        source = {v: u for u, v in arch.edges if v <= self.length}
        links = ",".join(str(source[v]) for v in range(1, self.length + 1))
        return f"{links}|{','.join(arch.ops[1:-1])}"

    def decode(self, text: str) -> Architecture:
        """The architecture of a link list and its operations."""
        links, bar, names = text.strip().partition("|")
        sources = [part.strip() for part in links.split(",")]
        ops = [part.strip() for part in names.split(",")]
        if not bar or not len(sources) == len(ops) == self.length or not all(part.isdecimal() for part in sources):
            raise InvalidArchitecture(f"'{text}' is no link list with operations", f"Its form is {self.example}")
        edges = [(int(u), v) for v, u in enumerate(sources, start=1)]
        feeding = {u for u, _ in edges}
        edges += [(v, self.length + 1) for v in range(1, self.length + 1) if v not in feeding]
        named: dict[object, str] = dict(enumerate(["input", *ops, "output"]))
        return Architecture.from_unordered(named, edges)


class OpList:
    """The operations of a fixed wiring: `conv3,pool,skip`, without input and output.

    Args:
        edges: The wiring, over all nodes.
        length: Number of nodes between input and output.
    """

    def __init__(self, edges: Sequence[tuple[int, int]], length: int) -> None:
        self.edges = tuple(edges)
        self.length = length
        self.example = ",".join(["OPERATION"] * length)

    def encode(self, arch: Architecture) -> str:
        """The inner operations, in node order."""
        return ",".join(arch.ops[1:-1])

    def decode(self, text: str) -> Architecture:
        """The architecture of a list of operations."""
        ops = [part.strip() for part in text.split(",")]
        if len(ops) != self.length:
            raise InvalidArchitecture(f"'{text}' is no list of {self.length} operations", f"Its form is {self.example}")
        return Architecture(("input", *ops, "output"), self.edges)


CODECS = ("cell_string", "matrix_ops", "edge_list", "links_ops", "op_list")
"""Every codec that a space file may name."""
