"""A space with a constraint, a codec and networks of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nag.core.errors import InvalidArchitecture
from nag.graphs import Architecture
from nag.spaces import Codec, Constraint

DESCRIPTION = {
    "name": "pixels",
    "operations": {"blur": "parametric", "bend": "parametric", "keep": "identity"},
    "nodes": [3, 5],
    "edges": "free",
    "constraints": {"all_nodes_on_a_path": True, "outside_nag.spaces:EdgesOfARemainder": {"divisor": 3, "but": 1}},
    "codec": {"name": "outside_nag.spaces:Arrows"},
    "networks": "outside_nag.networks:PixelBuilder",
}


def pixels():
    """The space."""
    return DESCRIPTION


@dataclass(frozen=True)
class EdgesOfARemainder(Constraint):
    """The number of edges leaves no such remainder."""

    divisor: int
    but: int = 0

    def satisfied(self, dags, semantics):
        return dags.adjacency.sum((1, 2)) % self.divisor != self.but

    @property
    def reason(self):
        return f"the number of edges leaves the remainder {self.but} by {self.divisor}"


class Arrows(Codec):
    """`blur bend: 0-1 1-2 2-3`."""

    example = "OPERATION OPERATION: 0-1 1-2 2-3"

    def encode(self, arch):
        return f"{' '.join(arch.ops[1:-1])}: {' '.join(f'{u}-{v}' for u, v in arch.edges)}"

    def decode(self, text):
        if not re.fullmatch(r"[a-z ]{1,200}:( \d-\d){1,40}", text):
            raise InvalidArchitecture("no arrows", f"Write {self.example}")
        names, _, arrows = text.partition(":")
        edges = [(int(arrow[0]), int(arrow[2])) for arrow in arrows.split()]
        return Architecture.from_unordered(dict(enumerate(["input", *names.split(), "output"])), edges)
