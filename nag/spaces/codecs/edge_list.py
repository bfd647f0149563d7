"""Operations and edges, for free wiring of any size."""

from __future__ import annotations

import re

from nag.graphs import Architecture
from nag.spaces.codecs.codec import Codec, Wiring
from nag.spaces.codecs.reading import NAME, REST, refuse

__all__ = ["EdgeList"]


class EdgeList(Codec):
    """Operations between input and output, then the edges: readable for free wiring of any size.

    `conv,pool;0>1,0>2,1>2,2>3`: node 0 is the input, 1 a convolution, 2 a pooling, 3 the output.

    Args:
        max_nodes: Greatest number of nodes of the space.

    Example:
        >>> from nag.spaces.codecs import EdgeList
        >>> EdgeList(5).decode("conv,pool;0>1,1>2,2>3").ops
        ('input', 'conv', 'pool', 'output')
    """

    example = "OPERATION,OPERATION;0>1,1>2,2>3"

    def __init__(self, max_nodes: int) -> None:
        self.limit = REST + NAME * max_nodes + 8 * max_nodes**2

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
            refuse(text, "list of operations and edges", self.example)
        edges = [(int(u), int(v)) for u, v in (pair.split(">") for pair in pairs)]
        named: dict[object, str] = dict(enumerate(["input", *ops, "output"]))
        return Architecture.from_unordered(named, edges)
