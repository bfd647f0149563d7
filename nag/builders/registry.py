"""The default builder of each search space that nag can build networks of."""

from __future__ import annotations

from nag.builders.builder import Builder
from nag.builders.nas_bench_graph import NASBenchGraphBuilder
from nag.builders.nasbench101 import NASBench101Builder
from nag.builders.nasbench201 import NASBench201Builder
from nag.errors import InvalidRequest
from nag.spaces import SearchSpace

__all__ = ["BUILDERS", "builder_of"]

BUILDERS: dict[str, type[Builder]] = {
    "nas_bench_graph": NASBenchGraphBuilder,
    "nasbench101": NASBench101Builder,
    "nasbench201": NASBench201Builder,
}
"""Name of a search space -> its builder, whose defaults are the published skeleton's."""


def builder_of(space: SearchSpace) -> Builder:
    """The default builder of a space.

    Raises:
        InvalidRequest: The space has none.
    """
    if space.name not in BUILDERS:
        raise InvalidRequest(
            f"nag cannot build networks of {space.name}",
            f"Pass a builder of your own (builder._target_=...); spaces with one: {', '.join(sorted(BUILDERS))}.",
        )
    return BUILDERS[space.name]()
