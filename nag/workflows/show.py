"""Stage: draw an architecture and list its properties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nag.evaluation import TableEvaluator
from nag.graphs import Architecture, levels, reduce, save_drawing
from nag.spaces import SearchSpace
from nag.spaces.neighbourhood import num_edits
from nag.tasks import Task
from nag.workflows.run_folder.run import RunFolder, stage

__all__ = ["properties_of", "show"]

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


@stage
def show(
    run: RunFolder, arch: Architecture, space: SearchSpace, task: Task | None = None, file: Path | None = None
) -> tuple[Path, dict[str, Any]]:
    """Draws an architecture and lists its properties.

    Args:
        run: Run folder; its `metrics.json` holds the properties.
        arch: A valid architecture of the space.
        space: The search space.
        task: Looks it up, if given.
        file: The drawing, `.svg` or `.png`; `<canonical hash>.svg` in the run folder if None.

    Returns:
        Path of the drawing, and the properties.
    """
    properties = properties_of(arch, space, task)
    name = f"{properties['canonical_hash'][:12]}.svg"
    run.start()
    path = run.output(name) if file is None else file
    path.parent.mkdir(parents=True, exist_ok=True)
    save_drawing(arch, path, title=space.name, operations=space.vocabulary)
    run.finish({"task": None if task is None else task.name, **properties})
    return run.path / name if file is None else file, properties
