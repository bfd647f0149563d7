"""Native strings of architectures: how each benchmark writes a cell down, and further spellings that are read."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from pydantic import Field

from nag.core.documents import Document, check, shortened
from nag.core.errors import InvalidArchitecture, InvalidSpace, did_you_mean
from nag.graphs import Architecture
from nag.spaces.constraints import AllNodesOnAPath, Constraint, InDegree, OutputFromLeaves

__all__ = ["CellString", "Codec", "EdgeList", "LinksOps", "MatrixOps", "Numbering", "OpList", "Wiring"]

_NAME = 220  # the longest name of an operation, with what stands around it
_LEAST = 1000  # characters that every codec reads
_NOTHING = "()"  # a list of no operations


@dataclass(frozen=True)
class Wiring:
    """What a codec is made for.

    Args:
        operations: Names of the operations, without input and output.
        min_nodes: Least number of nodes of an architecture, input and output included.
        max_nodes: Greatest number of nodes.
        edges: The fixed edges; None where edges are free.
        constraints: What the architectures keep.
    """

    operations: tuple[str, ...]
    min_nodes: int
    max_nodes: int
    edges: tuple[tuple[int, int], ...] | None
    constraints: tuple[Constraint, ...]

    def holds(self, *constraints: Constraint) -> bool:
        """Whether all of these constraints are kept."""
        return set(constraints) <= set(self.constraints)


class Codec(ABC):
    """Reads and writes the native string of an architecture; `decode(encode(a)) == a`.

    A space file names one by its class in this module, in lower case (`codec: {name: edge_list}`), or by an import path
    (`codec: {name: my_package.codecs:Morse}`); further keys are arguments of `for_space`.

    Example:
        >>> from nag.graphs import Architecture
        >>> from nag.spaces import Codec
        >>> class Letters(Codec):
        ...     @classmethod
        ...     def for_space(cls, wiring):
        ...         return cls()
        ...     def encode(self, arch):
        ...         return "".join(op[0] for op in arch.ops[1:-1])
        ...     def decode(self, text):
        ...         ops = ("input", *({"c": "conv", "p": "pool"}[letter] for letter in text), "output")
        ...         return Architecture(ops, tuple((i, i + 1) for i in range(len(ops) - 1)))
        >>> Letters().encode(Letters().decode("cpc"))
        'cpc'
    """

    example: str

    @classmethod
    def for_space(cls, wiring: Wiring) -> Codec:
        """The codec of a space; sub-classes whose constructor takes arguments, or that do not fit every space, redefine it.

        Raises:
            InvalidSpace: It does not fit.
        """
        return cls()

    @abstractmethod
    def encode(self, arch: Architecture) -> str:
        """The native string of an architecture of the space."""

    @abstractmethod
    def decode(self, text: str) -> Architecture:
        """The architecture that a native string describes.

        Raises:
            InvalidArchitecture: The string does not have the codec's form.
        """


def _refuse(text: str, what: str, example: str) -> NoReturn:
    form = shortened(example, 120)
    if re.search(r"genotype|normal_concat", text[:10_000], re.IGNORECASE):
        raise InvalidArchitecture(
            f"'{shortened(text, 80)}' is a genotype of two cells", f"This space has one, of the form {form}"
        )
    raise InvalidArchitecture(f"'{shortened(text, 80)}' is no {what}", f"Its form is {form}")


def _names(text: str) -> list[str]:
    """Names between commas, with or without quotes and brackets around them."""
    inner = text.strip().strip("[]()").strip().removesuffix(",")
    return [] if not inner else [part.strip(" \t\r\n'\"") for part in inner.split(",")]


@dataclass(frozen=True)
class Numbering:
    """How architectures of a fixed wiring are written as numbers of operations, such as `(4, 0, 3, 1, 4, 3)`.

    Args:
        operations: Operation of each number, from 0.
        nodes: The inner node that each place of the list is about, from 1.
    """

    operations: tuple[str, ...]
    nodes: tuple[int, ...]

    def read(self, text: str) -> list[str] | None:
        """Operations of the inner nodes in their order; None where the text is no list of numbers.

        Raises:
            InvalidArchitecture: There are too few or too many numbers, or one has no operation.
        """
        parts = text.strip().strip("[]()").replace(",", " ").split()
        if not parts or not all(re.fullmatch(r"\d{1,9}", part, re.ASCII) for part in parts):
            return None
        numbers = [int(part) for part in parts]
        if len(numbers) != len(self.nodes):
            raise InvalidArchitecture(f"'{shortened(text, 80)}' has {len(numbers)} numbers", f"It needs {len(self.nodes)}.")
        if max(numbers) >= len(self.operations):
            meaning = ", ".join(f"{i} {name}" for i, name in enumerate(self.operations))
            raise InvalidArchitecture(f"no operation has the number {max(numbers)}", shortened(f"Numbers: {meaning}."))
        found = dict(zip(self.nodes, (self.operations[number] for number in numbers), strict=True))
        return [found[node] for node in sorted(found)]


class _NumberingDocument(Document):
    """Numbers of a space file."""

    operations: Annotated[list[str], Field(min_length=1)]
    nodes: list[int] | None = None


def _numbering(numbers: Mapping[str, Any] | None, wiring: Wiring) -> Numbering | None:
    """The numbering of a space file.

    Raises:
        InvalidSpace: It does not fit the space.
    """
    if numbers is None:
        return None
    if wiring.edges is None:
        raise InvalidSpace("'codec.numbers' does not fit free edges", "Leave it out.")
    document = check(_NumberingDocument, dict(numbers), "'codec.numbers'", InvalidSpace)
    inner = list(range(1, wiring.max_nodes - 1))
    nodes = document.nodes or inner
    if sorted(nodes) != inner:
        what = f"'codec.numbers.nodes' is {shortened(str(nodes), 80)}"
        raise InvalidSpace(what, f"It must list each of 1 to {inner[-1]} once.")
    unknown = next((op for op in document.operations if op not in wiring.operations), None)
    if unknown is not None:
        hint = did_you_mean(unknown, wiring.operations)
        raise InvalidSpace(f"'codec.numbers.operations' names '{shortened(unknown, 80)}'", hint)
    return Numbering(tuple(document.operations), tuple(nodes))


class CellString(Codec):
    """NAS-Bench-201's `|op~0|+|op~0|op~1|+...`: labelled edges between cell nodes, one graph node for each edge.

    Args:
        cell_nodes: Number of cell nodes (4 in NAS-Bench-201), the first being the input and the last the output.
        numbering: How lists of numbers are read, if they are.
    """

    def __init__(self, cell_nodes: int, numbering: Numbering | None = None) -> None:
        self.pairs = [(u, v) for v in range(1, cell_nodes) for u in range(v)]
        self.numbering = numbering
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

    @classmethod
    def for_space(
        cls, wiring: Wiring, cell_nodes: Annotated[int, Field(ge=2, le=90)] = 4, numbers: Mapping[str, Any] | None = None
    ) -> CellString:
        """The codec of a space whose fixed wiring is that of labelled edges."""
        codec = cls(cell_nodes, _numbering(numbers, wiring))
        if tuple(sorted(codec.edges)) != tuple(sorted(wiring.edges or ())):
            raise InvalidSpace("codec cell_string does not fit the edges", "List the wiring of the cell's edges.")
        return codec

    def encode(self, arch: Architecture) -> str:
        """The cell string of an architecture with the cell's fixed wiring."""
        return self._write(arch.ops[1:-1])

    def decode(self, text: str) -> Architecture:
        """The architecture of a cell string, with or without blanks, or of the numbers of its operations."""
        if len(text) > _LEAST + _NAME * len(self.pairs):
            _refuse(text, "cell string", self.example)
        labels = self.numbering.read(text) if self.numbering is not None else None
        if labels is None:
            clean = "".join(text.split()).strip("'\"")
            labels = [item.rpartition("~")[0] for group in clean.split("+") for item in group.strip("|").split("|")]
            if len(labels) != len(self.pairs) or self._write(labels) != clean:
                _refuse(text, "cell string", self.example)
        return Architecture(("input", *labels, "output"), self.edges)


class MatrixOps(Codec):
    """NAS-Bench-101's matrix and operations: rows of the adjacency matrix, then the operations.

    `0110/0001/0001/0000:input,conv3x3-bn-relu,maxpool3x3,output`. Nested lists are read too, as JSON or Python write them:
    `[[0, 1], [0, 0]], ["input", "output"]`.

    Args:
        max_nodes: Greatest number of nodes of the space.
        prune: Whether nodes on no path from input to output are left out, as the published benchmark does.
    """

    example = "011/001/000:input,OPERATION,output"

    def __init__(self, max_nodes: int, prune: bool = False) -> None:
        most = max(max_nodes, 32)  # before pruning
        self.limit = _LEAST + _NAME * most + 8 * most**2
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
            _refuse(text, "matrix with operations", self.example)
        rows, ops = self._lists(text) if "[" in text else self._native(text)
        if not rows or any(len(row) != len(rows) or set(row) - {"0", "1"} for row in rows) or len(ops) != len(rows):
            _refuse(text, "matrix with operations", self.example)
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
        return rows, _names(lists[0] if lists else text[found[-1].end() :].strip(" \t\r\n[]():;,"))


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


class EdgeList(Codec):
    """Operations between input and output, then the edges: readable for free wiring of any size.

    `conv,pool;0>1,0>2,1>2,2>3`: node 0 is the input, 1 a convolution, 2 a pooling, 3 the output.

    Args:
        max_nodes: Greatest number of nodes of the space.
    """

    example = "OPERATION,OPERATION;0>1,1>2,2>3"

    def __init__(self, max_nodes: int) -> None:
        self.limit = _LEAST + _NAME * max_nodes + 8 * max_nodes**2

    @classmethod
    def for_space(cls, wiring: Wiring) -> EdgeList:
        """The codec of any space."""
        return cls(wiring.max_nodes)

    def encode(self, arch: Architecture) -> str:
        """Inner operations and edges of any architecture."""
        return f"{','.join(arch.ops[1:-1])};{','.join(f'{u}>{v}' for u, v in arch.edges)}"

    def decode(self, text: str) -> Architecture:
        """The architecture of operations and edges, whose inner nodes may stand in any order that has no cycle."""
        names, semicolon, links = text.strip().partition(";")
        ops = [part.strip() for part in names.split(",")] if names.strip() else []
        pairs = [part.strip() for part in links.split(",")] if links.strip() else []
        good = len(text) <= self.limit and semicolon and all(ops)
        if not good or not all(re.fullmatch(r"\d{1,9}>\d{1,9}", pair, re.ASCII) for pair in pairs):
            _refuse(text, "list of operations and edges", self.example)
        edges = [(int(u), int(v)) for u, v in (pair.split(">") for pair in pairs)]
        named: dict[object, str] = dict(enumerate(["input", *ops, "output"]))
        return Architecture.from_unordered(named, edges)


class LinksOps(Codec):
    """NAS-Bench-Graph's link list and operations: the one source of each node, 0 meaning the input.

    `0,0,1,2|gcn,gat,fc,gin`: node 1 and 2 read the input, 3 reads 1, 4 reads 2; what feeds nothing feeds the output.

    Args:
        length: Number of nodes between input and output.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.example = ",".join("0" * length) + "|" + ",".join(["OPERATION"] * length)

    @classmethod
    def for_space(cls, wiring: Wiring, length: Annotated[int, Field(ge=1)] | None = None) -> LinksOps:
        """The codec of a space of one number of nodes, each of which has one source."""
        length = wiring.max_nodes - 2 if length is None else length
        trees = wiring.holds(InDegree(1), OutputFromLeaves())
        if not trees or not wiring.min_nodes == wiring.max_nodes == length + 2 or length < 1:
            raise InvalidSpace(
                "codec links_ops does not fit the nodes and constraints",
                "It needs 'nodes' two more than its length, in_degree: 1 and output_from_leaves: true.",
            )
        return cls(length)

    def encode(self, arch: Architecture) -> str:
        """Link list and operations of an architecture whose inner nodes have one source each."""
        source = {v: u for u, v in arch.edges if v <= self.length}
        links = ",".join(str(source[v]) for v in range(1, self.length + 1))
        return f"{links}|{','.join(arch.ops[1:-1])}"

    def decode(self, text: str) -> Architecture:
        """The architecture of a link list and its operations."""
        links, bar, names = text.strip().partition("|")
        sources, ops = _names(links), _names(names)
        good = len(text) <= _LEAST + _NAME * self.length and bar and len(sources) == len(ops) == self.length
        if not good or not all(re.fullmatch(r"\d{1,9}", part, re.ASCII) for part in sources):
            _refuse(text, "link list with operations", self.example)
        edges = [(int(u), v) for v, u in enumerate(sources, start=1)]
        feeding = {u for u, _ in edges}
        edges += [(v, self.length + 1) for v in range(1, self.length + 1) if v not in feeding]
        named: dict[object, str] = dict(enumerate(["input", *ops, "output"]))
        return Architecture.from_unordered(named, edges)


class OpList(Codec):
    """The operations of a fixed wiring: `conv3,pool,skip`, without input and output; `()` where there are none.

    Args:
        edges: The wiring, over all nodes.
        length: Number of nodes between input and output.
        numbering: How lists of numbers are read, if they are.
    """

    def __init__(self, edges: Sequence[tuple[int, int]], length: int, numbering: Numbering | None = None) -> None:
        self.edges = tuple(edges)
        self.length = length
        self.numbering = numbering
        self.example = ",".join(["OPERATION"] * length) or _NOTHING

    @classmethod
    def for_space(cls, wiring: Wiring, numbers: Mapping[str, Any] | None = None) -> OpList:
        """The codec of a space of fixed wiring."""
        if wiring.edges is None:
            raise InvalidSpace("codec op_list does not fit free edges", "Use matrix_ops or edge_list.")
        return cls(wiring.edges, wiring.max_nodes - 2, _numbering(numbers, wiring))

    def encode(self, arch: Architecture) -> str:
        """The inner operations, in node order."""
        return ",".join(arch.ops[1:-1]) or _NOTHING

    def decode(self, text: str) -> Architecture:
        """The architecture of a list of operations, or of their numbers."""
        ops = _names(text) if len(text) <= _LEAST + _NAME * self.length else []
        if self.numbering is not None and not set(ops) <= set(self.numbering.operations):
            ops = self.numbering.read(text) or ops
        if len(ops) != self.length or len(text) > _LEAST + _NAME * self.length:
            _refuse(text, f"list of {self.length} operations", self.example)
        return Architecture(("input", *ops, "output"), self.edges)
