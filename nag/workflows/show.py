"""Properties of one architecture."""

from __future__ import annotations

from typing import Any

from nag.evaluation import TableEvaluator
from nag.graphs import Architecture, levels, reduce
from nag.spaces import SearchSpace
from nag.spaces.neighbourhood import num_edits
from nag.tasks import Task

__all__ = ["properties_of"]

_MOST_EDITS = 20_000  # above, counting neighbours would take longer than everything else


def properties_of(arch: Architecture, space: SearchSpace, task: Task | None = None) -> dict[str, Any]:
    """What can be said of an architecture: its form, its canonical form, its costs, and what a table knows.

    The number of neighbours is left out where an architecture has very many.

    Args:
        arch: A valid architecture of the space.
        space: The search space.
        task: Looks it up, if given.
    """
    dags = space.to_dags([arch])
    reduced = reduce(dags, space.semantics)
    properties: dict[str, Any] = {
        "architecture": space.encode(arch),
        "search_space": space.name,
        "nodes": arch.num_nodes,
        "edges": len(arch.edges),
        "depth": int(levels(dags).max()),
        "canonical_hash": space.canonical_hashes(dags)[0],
        "canonical_nodes": int(reduced.num_nodes[0]),
        "canonical_edges": int(reduced.adjacency.sum()),
    }
    if num_edits(space, arch) <= _MOST_EDITS:
        properties["neighbours"] = len(space.neighbours(arch))
    properties |= {f"estimated_{name}": round(float(value[0]), 4) for name, value in space.estimate_costs(dags).items()}
    if task is not None:
        found = TableEvaluator(task).evaluate([arch])[0]
        properties |= {task.search_metric: found.search_value, task.report_metric: found.report_value}
        properties |= {"percentile": found.percentile, **found.side}
        if found.error:
            properties["not_measured"] = found.error
    return properties
