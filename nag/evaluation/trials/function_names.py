"""Names of functions: what makes two architectures one evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nag.graphs import Architecture
from nag.spaces import SearchSpace

__all__ = ["FunctionNames", "Functions", "canonical_functions"]

Functions = Callable[[SearchSpace, Sequence[Architecture]], list[str]]
"""(space, architectures) -> a name each; architectures of one name share an evaluation."""


def canonical_functions(space: SearchSpace, archs: Sequence[Architecture]) -> list[str]:
    """Canonical hashes of architectures."""
    return space.canonical_hashes(space.to_dags(archs))


@dataclass(frozen=True)
class FunctionNames:
    """The name of one architecture's function, by which a worker checks what it claimed; it is pickled to reach the worker.

    Args:
        space: The search space.
        functions: Names the functions.
    """

    space: SearchSpace
    functions: Functions = canonical_functions

    def __call__(self, arch: Architecture) -> str:
        """The name; raises `InvalidArchitecture` where the space does not hold the architecture."""
        self.space.validate(arch)
        return self.functions(self.space, [arch])[0]
