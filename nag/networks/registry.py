"""The default builder of each search space that nag can build networks of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.core.imports import load_callable
from nag.graphs import Architecture
from nag.networks import nas_bench_graph, nasbench101, nasbench201
from nag.networks.builder import Builder
from nag.networks.nas_bench_graph import NASBenchGraphBuilder
from nag.networks.nasbench101 import NASBench101Builder
from nag.networks.nasbench201 import NASBench201Builder
from nag.networks.shape import DataShape
from nag.spaces import SearchSpace
from nag.spaces.constraints import AllNodesOnAPath, Constraint, IdentitiesLeadOrBranch, InDegree, OutputFromLeaves

__all__ = ["builder_of", "check_builder", "has_builder"]


@dataclass(frozen=True)
class _Family:
    """Spaces whose semantics are what the networks of one builder compute.

    Args:
        published: Builder of the published size.
        small: Builder of networks that are trained on two CPU cores.
        operations: Operations that it builds.
        identity: Those that a space may call identities.
        zero: Those that a space may call zero.
        mergeable: Those that a space may call mergeable.
        concatenating: Operations whose inputs are concatenated; all others sum theirs.
        constraints: Constraints that the networks need.
    """

    published: Builder
    small: Builder
    operations: Collection[str]
    identity: frozenset[str] = frozenset()
    zero: frozenset[str] = frozenset()
    mergeable: frozenset[str] = frozenset()
    concatenating: frozenset[str] = frozenset()
    constraints: frozenset[type[Constraint]] = frozenset()

    def holds(self, space: SearchSpace) -> bool:
        """Whether a space is of this family, whatever its name."""
        means = space.semantics
        return (
            set(_inner(space)) <= set(self.operations)
            and means.identity <= self.identity
            and means.zero <= self.zero
            and means.mergeable <= self.mergeable
            and not means.multiplying
            and means.concatenating == self.concatenating
            and all(space.constraint(kind) is not None for kind in self.constraints)
        )


_FAMILIES = (
    _Family(
        NASBenchGraphBuilder(),
        NASBenchGraphBuilder(hidden=64),
        nas_bench_graph.LAYERS,
        identity=frozenset({"skip"}),
        concatenating=frozenset({"output"}),
        # A skip between two layers would be another activation: it is the identity at the beginning or the end alone.
        constraints=frozenset({InDegree, OutputFromLeaves, IdentitiesLeadOrBranch}),
    ),
    _Family(
        NASBench101Builder(),
        NASBench101Builder(stem_channels=16, modules_per_stack=1),
        nasbench101.OPERATIONS,
        concatenating=frozenset({"output"}),
        constraints=frozenset({AllNodesOnAPath}),
    ),
    _Family(
        NASBench201Builder(),
        NASBench201Builder(channels=8, cells_per_stage=1),
        nasbench201.OPERATIONS,
        identity=frozenset({"skip_connect"}),
        zero=frozenset({"none"}),
        mergeable=frozenset({"none", "skip_connect", "avg_pool_3x3"}),
    ),
)


def has_builder(space: SearchSpace) -> bool:
    """Whether networks of a space can be built: it names a builder, or nag knows its operations, their roles and joins.

    Example:
        >>> from nag.networks import has_builder
        >>> from nag.spaces import layered_space, load_space
        >>> has_builder(load_space("nasbench201")), has_builder(layered_space(5, 4))
        (True, False)
    """
    return space.networks is not None or any(family.holds(space) for family in _FAMILIES)


def builder_of(space: SearchSpace, small: bool = False) -> Builder:
    """The builder that a space names; else nag's, by its operations, their roles and how they join inputs.

    Args:
        space: The search space.
        small: Whether its networks are to be trained on two CPU cores: narrower and shallower than the published ones.

    Raises:
        InvalidRequest: The space has none.

    Example:
        >>> from nag.networks import builder_of
        >>> from nag.spaces import load_space
        >>> builder_of(load_space("nasbench201"), small=True)
        NASBench201Builder(channels=8, cells_per_stage=1)
    """
    if space.networks is not None:
        return _named(space.networks)
    for family in _FAMILIES:
        if family.holds(space):
            return family.small if small else family.published
    raise InvalidRequest(
        f"nag cannot build networks of {space.name}, by its operations, their roles and how they join inputs",
        "Name one in the space file (networks: my_package.networks:Builder), or give builder=my_package.networks:Builder.",
    )


@lru_cache(maxsize=16)
def _named(path: str) -> Builder:
    """The builder of an import path, with its default options."""
    found = load_callable(path)()
    if not isinstance(found, Builder):
        raise InvalidRequest(f"'{path}' makes no builder", "It must be a sub-class of nag.networks.Builder.")
    return found


def check_builder(builder: Builder, space: SearchSpace, shape: DataShape) -> None:
    """Raises `InvalidRequest` where a builder of this package cannot build an operation of a space, or read such data.

    Example:
        >>> from nag.networks import DataShape, NASBench201Builder, check_builder
        >>> from nag.spaces import load_space
        >>> check_builder(NASBench201Builder(), load_space("nasbench201"), DataShape("graph", 4, 2))
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidRequest: NASBench201Builder reads images, not graph. Choose another data set or builder.
    """
    if not isinstance(builder, NASBench101Builder | NASBench201Builder | NASBenchGraphBuilder):
        return  # one of a user's own may want whole architectures
    for arch in _chains(space):
        try:
            builder.build(arch, shape, 0)
        except InvalidArchitecture as error:
            what = f"{type(builder).__name__} cannot build networks of {space.name}: {error.what}"
            raise InvalidRequest(what, "Use builder=small, the space's own.") from error


def _inner(space: SearchSpace) -> list[str]:
    return [op for op in space.vocabulary if op not in (space.semantics.input, space.semantics.output)]


def _chains(space: SearchSpace) -> Iterable[Architecture]:
    """The smallest graph of each operation."""
    for op in _inner(space):
        yield Architecture((space.semantics.input, op, space.semantics.output), ((0, 1), (1, 2)))
