"""The source and operation of each node, as NAS-Bench-Graph writes them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from nag.core.errors import InvalidSpace
from nag.graphs import Architecture
from nag.spaces.codecs.codec import Codec, Wiring
from nag.spaces.codecs.reading import NAME, REST, names_in, refuse
from nag.spaces.constraints import InDegree, OutputFromLeaves

__all__ = ["LinksOps"]


class LinksOps(Codec):
    """NAS-Bench-Graph's link list and operations: the one source of each node, 0 meaning the input.

    `0,0,1,2|gcn,gat,fc,gin`: node 1 and 2 read the input, 3 reads 1, 4 reads 2; what feeds nothing feeds the output.

    Args:
        length: Number of nodes between input and output.

    Example:
        >>> from nag.spaces.codecs import LinksOps
        >>> LinksOps(2).decode("0,1|gcn,gat").edges
        ((0, 1), (1, 2), (2, 3))
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
        sources, ops = names_in(links), names_in(names)
        good = len(text) <= REST + NAME * self.length and bar and len(sources) == len(ops) == self.length
        if not good or not all(re.fullmatch(r"\d{1,9}", part, re.ASCII) for part in sources):
            refuse(text, "link list with operations", self.example)
        edges = [(int(u), v) for v, u in enumerate(sources, start=1)]
        feeding = {u for u, _ in edges}
        edges += [(v, self.length + 1) for v in range(1, self.length + 1) if v not in feeding]
        named: dict[object, str] = dict(enumerate(["input", *ops, "output"]))
        return Architecture.from_unordered(named, edges)
