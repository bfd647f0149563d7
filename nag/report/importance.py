"""Which choices mattered in a search: the search metric by the operation at each position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nag.report.histories import SearchQuery

__all__ = ["Choice", "choices_of", "shares_of"]

_FEWEST = 12  # queries from which choices are compared
_MOST_POSITIONS = 40
_MOST_OPERATIONS = 24
_ENDS = {"input", "output"}


@dataclass(frozen=True)
class Choice:
    """One operation at one position.

    Args:
        position: Number of the node.
        operation: Its operation.
        count: Queries that have it there.
        effect: Mean of the search metric of these, less that of all queries which have the position.
    """

    position: int
    operation: str
    count: int
    effect: float


def choices_of(queries: Sequence[SearchQuery]) -> list[Choice]:
    """All choices that differ among measured queries; none where these are fewer than 12 or the positions too many.

    The queries of a strategy are no random sample: an effect is what went along with a choice, not what it causes.
    """
    if len(queries) < _FEWEST:
        return []
    values = np.array([query.value for query in queries])
    ops = [query.row.ops for query in queries]
    found: list[Choice] = []
    for position in range(min(max(map(len, ops)), _MOST_POSITIONS)):
        here = np.array([len(row) > position for row in ops])
        names = np.array([row[position] if len(row) > position else "" for row in ops], dtype=object)
        kinds = sorted({str(name) for name in names[here]} - _ENDS)
        if len(kinds) < 2:
            continue
        chosen = np.array([kept and str(name) not in _ENDS for kept, name in zip(here, names, strict=True)])
        mean = float(values[chosen].mean())
        for kind in kinds:
            with_it = chosen & np.array([str(name) == kind for name in names])
            found.append(Choice(position, kind, int(with_it.sum()), float(values[with_it].mean()) - mean))
    return found if len({choice.operation for choice in found}) <= _MOST_OPERATIONS else []


def shares_of(choices: Sequence[Choice], queries: Sequence[SearchQuery]) -> list[tuple[int, float]]:
    """Position -> share of the search metric's variance that its operation accounts for, the greatest first."""
    total = float(np.var([query.value for query in queries])) * len(queries)
    if total <= 0:
        return []
    positions = sorted({choice.position for choice in choices})
    sums = {p: sum(choice.count * choice.effect**2 for choice in choices if choice.position == p) for p in positions}
    return sorted(((p, min(value / total, 1.0)) for p, value in sums.items()), key=lambda pair: -pair[1])
