"""Random architectures of a space of any size."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import compress

import torch

from nag.core.errors import InvalidRequest
from nag.core.randomness import python_random
from nag.graphs import Architecture
from nag.search.decision_tree import decision_tree
from nag.spaces import SearchSpace, sample_uniform

__all__ = ["random_architectures"]

_FEW = 1 << 26
_ROUNDS = 50


def random_architectures(space: SearchSpace, count: int, rng: torch.Generator) -> list[Architecture]:
    """Independent random architectures: uniform where the space is small, else by random decisions (`DecisionTree.random`).

    Raises:
        InvalidRequest: Random decisions lead to no valid architecture.
    """
    if _is_small(space):
        return space.to_architectures(sample_uniform(space, count, int(torch.randint(1 << 62, (1,), generator=rng))))
    tree, source = decision_tree(space), python_random(rng)
    found: list[Architecture] = []
    for _ in range(_ROUNDS):
        drawn = [tree.random(source).architecture for _ in range(2 * (count - len(found)) if found else count)]
        found += compress(drawn, space.is_valid(space.to_dags(drawn)).tolist())
        if len(found) >= count:
            return found[:count]
    if not found:
        raise InvalidRequest(
            f"random decisions led to no valid architecture of {space.name}", "Loosen its constraints, or seed the search."
        )
    return found


@lru_cache(maxsize=8)
def _is_small(space: SearchSpace) -> bool:
    """Whether enumerating the space takes seconds at most."""
    wirings = int(space.masks.edges.all(-1).sum()) * math.log(2)
    return wirings + float(space.masks.nodes[space.max_nodes].sum(-1).double().log().sum()) <= math.log(_FEW)
