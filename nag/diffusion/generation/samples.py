"""Samples: the architectures that a generator gave, as a list, a table and a picture."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, overload

from torch import Tensor

from nag.diffusion.generation.sampling import Draws
from nag.graphs import Architecture, DagBatch, draw_svg
from nag.spaces import SearchSpace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Samples"]

_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Samples(Sequence[Architecture]):
    """Valid architectures of one space, in the order in which they were generated.

    Args:
        space: The search space.
        draws: All that was drawn, valid or not.
        columns: Name -> (n,) numbers of each architecture, such as the predictions of the guide.
        shortfall: Why there are fewer than wanted, in words; empty where there are enough.

    Example:
        >>> import nag
        >>> found = nag.load("g.safetensors").sample(3, seed=0)
        >>> len(found), type(found[0]).__name__, list(found.to_pandas())[:2]
        (3, 'Architecture', ['arch', 'canonical_hash'])
    """

    space: SearchSpace
    draws: Draws
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    shortfall: str = ""

    @property
    def dags(self) -> DagBatch:
        """The n architectures as integers."""
        return self.draws.kept

    @cached_property
    def architectures(self) -> tuple[Architecture, ...]:
        """The n architectures."""
        return tuple(self.space.to_architectures(self.dags))

    @property
    def validity_raw(self) -> float:
        """Share of all graphs drawn, valid or not, that belong to the space."""
        return float(self.space.is_valid(self.draws.raw).double().mean())

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """Canonical hash of each architecture."""
        return tuple(self.space.canonical_hashes(self.dags))

    def __len__(self) -> int:
        return len(self.draws.kept)

    @overload
    def __getitem__(self, where: int) -> Architecture: ...
    @overload
    def __getitem__(self, where: slice) -> tuple[Architecture, ...]: ...
    def __getitem__(self, where: int | slice) -> Architecture | tuple[Architecture, ...]:
        return self.architectures[where]

    def __iter__(self) -> Iterator[Architecture]:
        return iter(self.architectures)

    def to_pandas(self) -> pd.DataFrame:
        """A data frame: `arch` (native string), `canonical_hash`, the columns, and the space's additive costs."""
        import pandas as pd

        known = {name: values.tolist() for name, values in {**self.columns, **self.space.estimate_costs(self.dags)}.items()}
        encoded = [self.space.encode(arch) for arch in self]
        return pd.DataFrame({"arch": encoded, "canonical_hash": self.hashes, **known})

    def __repr__(self) -> str:
        return f"Samples({len(self)} of {self.space.name}, {self.validity_raw:.1%} of those drawn were valid)"

    def _repr_html_(self) -> str:
        drawings = "".join(f"<div>{draw_svg(arch, operations=self.space.vocabulary)}</div>" for arch in self[:_SHOWN])
        more = f", of which the first {_SHOWN} are shown" if len(self) > _SHOWN else ""
        style = "display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start"
        return f"<p>{html.escape(repr(self))}{more}</p><div style='{style}'>{drawings}</div>"
