"""The interface of codecs, which read and write architectures as the strings of a benchmark."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from nag.graphs import Architecture
from nag.spaces.constraints import Constraint

__all__ = ["Codec", "Wiring"]


@dataclass(frozen=True)
class Wiring:
    """What a codec is made for.

    Args:
        operations: Names of the operations, without input and output.
        min_nodes: Least number of nodes of an architecture, input and output included.
        max_nodes: Greatest number of nodes.
        edges: The fixed edges; None where edges are free.
        constraints: What the architectures keep.

    Example:
        >>> from nag.spaces.codecs import MatrixOps, Wiring
        >>> MatrixOps.for_space(Wiring(("conv", "pool"), 2, 5, None, ())).example
        '011/001/000:input,OPERATION,output'
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

    A space file names one by its class in `nag.spaces.codecs`, in lower case (`codec: {name: edge_list}`), or by an import path
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
