"""Reading generators of every family back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nag.core.errors import DamagedFile
from nag.diffusion.discrete import DiscreteGenerator
from nag.diffusion.generator import Generator
from nag.diffusion.sde.generator import ScoreGenerator
from nag.diffusion.uniform import UniformGenerator
from nag.spaces import SearchSpace

__all__ = ["restore_generator"]

_FAMILIES: dict[str, type[Generator]] = {c.__name__: c for c in (DiscreteGenerator, ScoreGenerator, UniformGenerator)}


def restore_generator(space: SearchSpace, description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Generator:
    """Rebuilds a generator of any family from its description and tensors; nothing but known classes is made.

    Raises:
        DamagedFile: The family is unknown, or the description or the tensors do not fit.
    """
    family = _FAMILIES.get(str(description.get("family"))) if isinstance(description, Mapping) else None
    if family is None:
        raise DamagedFile("the generator's family is unknown", "Train it again.")
    return family.restore(space, description, tensors)
