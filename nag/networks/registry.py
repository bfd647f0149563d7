"""The default builder of each search space that nag can build networks of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.graphs import Architecture
from nag.networks import nas_bench_graph, nasbench101, nasbench201
from nag.networks.builder import Builder
from nag.networks.nas_bench_graph import NASBenchGraphBuilder
from nag.networks.nasbench101 import NASBench101Builder
from nag.networks.nasbench201 import NASBench201Builder
from nag.networks.shape import DataShape
from nag.spaces import SearchSpace

__all__ = ["BUILDERS", "builder_of", "check_builder", "has_builder"]

BUILDERS: dict[str, type[Builder]] = {
    "nas_bench_graph": NASBenchGraphBuilder,
    "nasbench101": NASBench101Builder,
    "nasbench201": NASBench201Builder,
}
"""Published search space -> its builder, whose defaults are the published skeleton's."""


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
        constraints: Names of constraints that the networks need.
    """

    published: Builder
    small: Builder
    operations: Collection[str]
    identity: frozenset[str] = frozenset()
    zero: frozenset[str] = frozenset()
    mergeable: frozenset[str] = frozenset()
    concatenating: frozenset[str] = frozenset()
    constraints: frozenset[str] = frozenset()

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
            and self.constraints <= {constraint.name for constraint in space.constraints}
        )


_FAMILIES = (
    _Family(
        NASBenchGraphBuilder(),
        NASBenchGraphBuilder(hidden=64),
        nas_bench_graph.LAYERS,
        identity=frozenset({"skip"}),
        concatenating=frozenset({"output"}),
        # A skip between two layers would be another activation: it is the identity at the beginning or the end alone.
        constraints=frozenset({"in_degree", "output_from_leaves", "identities_lead_or_branch"}),
    ),
    _Family(
        NASBench101Builder(),
        NASBench101Builder(stem_channels=16, modules_per_stack=1),
        nasbench101.OPERATIONS,
        concatenating=frozenset({"output"}),
        constraints=frozenset({"all_nodes_on_a_path"}),
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
    """Whether nag can build networks of a space: by its operations, their roles and how they join inputs, not by its name."""
    return any(family.holds(space) for family in _FAMILIES)


def builder_of(space: SearchSpace, small: bool = False) -> Builder:
    """The default builder of a space.

    Args:
        space: The search space.
        small: Whether its networks shall be trained on two CPU cores: narrower and shallower than the published ones.

    Raises:
        InvalidRequest: The space has none.
    """
    for family in _FAMILIES:
        if family.holds(space):
            return family.small if small else family.published
    raise InvalidRequest(
        f"nag cannot build networks of {space.name}, by its operations, their roles and how they join inputs",
        f"Pass a builder of your own (builder._target_=...); spaces with one: {', '.join(sorted(BUILDERS))}.",
    )


def check_builder(builder: Builder, space: SearchSpace, shape: DataShape) -> None:
    """Raises `InvalidRequest` where a builder of this package cannot build an operation of a space, or read such data."""
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
