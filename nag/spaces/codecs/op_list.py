"""The operations of a fixed wiring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nag.core.errors import InvalidSpace
from nag.graphs import Architecture
from nag.spaces.codecs.codec import Codec, Wiring
from nag.spaces.codecs.numbering import Numbering, numbering_of
from nag.spaces.codecs.reading import NAME, REST, names_in, refuse

__all__ = ["OpList"]

_NOTHING = "()"  # a list of no operations


class OpList(Codec):
    """The operations of a fixed wiring: `conv3,pool,skip`, without input and output; `()` where there are none.

    Args:
        edges: The wiring, over all nodes.
        length: Number of nodes between input and output.
        numbering: How lists of numbers are read, if they are.

    Example:
        >>> from nag.spaces.codecs import OpList
        >>> OpList(((0, 1), (1, 2)), 1).decode("conv").ops
        ('input', 'conv', 'output')
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
        return cls(wiring.edges, wiring.max_nodes - 2, numbering_of(numbers, wiring))

    def encode(self, arch: Architecture) -> str:
        """The inner operations, in node order."""
        return ",".join(arch.ops[1:-1]) or _NOTHING

    def decode(self, text: str) -> Architecture:
        """The architecture of a list of operations, or of their numbers."""
        ops = names_in(text) if len(text) <= REST + NAME * self.length else []
        if self.numbering is not None and not set(ops) <= set(self.numbering.operations):
            ops = self.numbering.read(text) or ops
        if len(ops) != self.length or len(text) > REST + NAME * self.length:
            refuse(text, f"list of {self.length} operations", self.example)
        return Architecture(("input", *ops, "output"), self.edges)
