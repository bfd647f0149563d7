"""What the generators with a denoiser share: its options, and the network of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

from pydantic import Field

from nag.core.numbers import SmallCount, Width
from nag.core.signatures import checked
from nag.diffusion.generator import Generator
from nag.nn import DagTransformer
from nag.spaces import SearchSpace

__all__ = ["ConditionNames", "DenoiserOptions", "DenoisingGenerator"]

ConditionNames = Annotated[Sequence[str], Field(max_length=1000)]


class DenoiserOptions(TypedDict, total=False):
    """Options of every `DenoisingGenerator`, for a sub-class that passes them on; see there."""

    width: Width
    layers: SmallCount
    heads: SmallCount
    conditions: ConditionNames


@checked
class DenoisingGenerator(Generator):
    """A generator whose denoiser is a transformer over the nodes (`DagTransformer`).

    Args:
        space: The search space.
        width: Width of the denoiser.
        layers: Layers of the denoiser.
        heads: Attention heads of the denoiser.
        conditions: Names of the conditions that it can be given.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.diffusion import DiscreteGenerator
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> generator = DiscreteGenerator(space, sample_uniform(space, 20, seed=0), width=8, layers=1, heads=2)
        >>> generator.config()["width"], generator.make_denoiser() is generator.denoiser
        (8, False)
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        width: Width = 64,
        layers: SmallCount = 4,
        heads: SmallCount = 4,
        conditions: ConditionNames = (),
    ) -> None:
        super().__init__(space)
        self.width, self.layers, self.heads, self.conditions = width, layers, heads, tuple(conditions)

    def make_denoiser(self, extra: int = 0) -> DagTransformer:
        """A network with initial weights.

        Args:
            extra: Categories that the noise adds to those of the space.
        """
        num_ops, num_edge_types = self.space.masks.nodes.shape[-1], self.space.masks.edges.shape[-1]
        options = (self.width, self.layers, self.heads, len(self.conditions))
        return DagTransformer(num_ops, num_edge_types, self.space.max_nodes, extra, *options)

    @classmethod
    def least_elements(cls, config: Mapping[str, Any]) -> int:
        """Numbers of a denoiser of that many layers and states."""
        return int(8 * config["layers"] * config["width"] ** 2)
