"""Stage: measure architectures that a file lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nag.benchmarks import Task
from nag.errors import InvalidArchitecture, InvalidRequest, MissingData, NagError
from nag.evaluation import Evaluator
from nag.files import read_json_lines, write_json_lines
from nag.graphs import Architecture
from nag.spaces import SearchSpace
from nag.workflows.run import RunFolder
from nag.workflows.sample import evaluation_row

__all__ = ["evaluate", "read_architectures"]


def read_architectures(path: Path, space: SearchSpace) -> list[Architecture]:
    """Reads architectures from a `.jsonl` file (`arch`, or `ops` and `edges`) or from lines of native strings.

    Raises:
        MissingData: No such file, or it is empty.
        InvalidArchitecture: With the number of the line.
    """
    if path.suffix == ".jsonl":
        rows = read_json_lines(path)
    elif path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
        rows = [{"arch": line} for line in text.splitlines() if line.strip()]
    else:
        raise MissingData(f"file '{path}' does not exist", "Check the path.")
    if not rows:
        raise MissingData(f"'{path}' lists no architecture", "Write one native string a line.")
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(_read(row, space))
        except NagError as error:
            raise InvalidArchitecture(f"architecture {number} of '{path}': {error.what}", error.hint) from error
    return found


def _read(row: dict[str, object], space: SearchSpace) -> Architecture:
    if isinstance(row.get("arch"), str):
        return space.decode(str(row["arch"]))
    ops, edges = row.get("ops"), row.get("edges")
    if not isinstance(ops, list) or not isinstance(edges, list) or not all(isinstance(e, list) and len(e) == 2 for e in edges):
        raise InvalidArchitecture("it has neither 'arch' nor 'ops' and 'edges'", "See `nag evaluate --help`.")
    arch = Architecture.from_unordered({i: str(op) for i, op in enumerate(ops)}, [(e[0], e[1]) for e in edges])
    space.validate(arch)
    return arch


def evaluate(run: RunFolder, archs: Sequence[Architecture], evaluator: Evaluator, task: Task) -> Path:
    """Measures architectures.

    Args:
        run: Run folder; gets `evaluations.jsonl`.
        archs: What to measure.
        evaluator: Measures.
        task: The task that is measured.

    Returns:
        Path of `evaluations.jsonl`.

    Raises:
        InvalidRequest: There is nothing to measure.
    """
    if not archs:
        raise InvalidRequest("there is no architecture to evaluate", "Give a file that lists some.")
    run.start()
    evaluations = evaluator.evaluate(archs)
    path = run.path / "evaluations.jsonl"
    write_json_lines(path, (evaluation_row(task.table.space, e) for e in evaluations))
    values = np.array([e.report_value for e in evaluations if e.report_value is not None], dtype=np.float64)
    best = None if not len(values) else float(values.max() if task.maximise else values.min())
    run.finish(
        {
            "task": task.name,
            "report_metric": task.report_metric,
            "protocol": task.protocol,
            "maximise": task.maximise,
            "count": len(evaluations),
            "measured": len(values),
            "missing": len(evaluations) - len(values),
            "mean": float(values.mean()) if len(values) else None,
            "best": best,
            "best_percentile": float(task.percentile(best)) if best is not None else None,
            "true_optimum": task.best,
            "queries": len({e.canonical_hash for e in evaluations}),
        }
    )
    return path
