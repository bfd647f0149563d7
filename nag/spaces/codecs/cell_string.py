"""Cells of labelled edges, as NAS-Bench-201 writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from nag.core.errors import InvalidSpace
from nag.graphs import Architecture
from nag.spaces.codecs.codec import Codec, Wiring
from nag.spaces.codecs.numbering import Numbering, numbering_of
from nag.spaces.codecs.reading import NAME, REST, refuse

__all__ = ["CellString"]


class CellString(Codec):
    """NAS-Bench-201's `|op~0|+|op~0|op~1|+...`: labelled edges between cell nodes, one graph node for each edge.

    Args:
        cell_nodes: Number of cell nodes (4 in NAS-Bench-201), the first being the input and the last the output.
        numbering: How lists of numbers are read, if they are.

    Example:
        >>> from nag.spaces.codecs import CellString
        >>> CellString(3).decode("|conv~0|+|conv~0|skip~1|").ops
        ('input', 'conv', 'conv', 'skip', 'output')
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
        codec = cls(cell_nodes, numbering_of(numbers, wiring))
        if tuple(sorted(codec.edges)) != tuple(sorted(wiring.edges or ())):
            raise InvalidSpace("codec cell_string does not fit the edges", "List the wiring of the cell's edges.")
        return codec

    def encode(self, arch: Architecture) -> str:
        """The cell string of an architecture with the cell's fixed wiring."""
        return self._write(arch.ops[1:-1])

    def decode(self, text: str) -> Architecture:
        """The architecture of a cell string, with or without blanks, or of the numbers of its operations."""
        if len(text) > REST + NAME * len(self.pairs):
            refuse(text, "cell string", self.example)
        labels = self.numbering.read(text) if self.numbering is not None else None
        if labels is None:
            clean = "".join(text.split()).strip("'\"")
            labels = [item.rpartition("~")[0] for group in clean.split("+") for item in group.strip("|").split("|")]
            if len(labels) != len(self.pairs) or self._write(labels) != clean:
                refuse(text, "cell string", self.example)
        return Architecture(("input", *labels, "output"), self.edges)
