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


_SMALL: dict[str, Builder] = {
    "nas_bench_graph": NASBenchGraphBuilder(hidden=64),
    "nasbench101": NASBench101Builder(stem_channels=16, modules_per_stack=1),
    "nasbench201": NASBench201Builder(channels=8, cells_per_stage=1),
}


def builder_of(space: SearchSpace, small: bool = False) -> Builder:
    """The default builder of a space.

    Args:
        space: The search space.
        small: Whether its networks shall be trained on two CPU cores: narrower and shallower than the published ones.

    Raises:
        InvalidRequest: The space has none.
    """
    if space.name not in BUILDERS:
        raise InvalidRequest(
            f"nag cannot build networks of {space.name}",
            f"Pass a builder of your own (builder._target_=...); spaces with one: {', '.join(sorted(BUILDERS))}.",
        )
    return _SMALL[space.name] if small else BUILDERS[space.name]()
