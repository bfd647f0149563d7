"""Stage: measure architectures that a file lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nag.core.documents import read_json_lines
from nag.core.errors import InvalidRequest, MissingData, NagError
from nag.core.files import write_json_lines
from nag.core.packages import require
from nag.core.secrets import masked
from nag.evaluation import Evaluation, Evaluator, TrainingTrial
from nag.execution.stored_evaluator import StoredEvaluator
from nag.graphs import Architecture
from nag.networks import export
from nag.tasks import Task
from nag.workflows.export import best_network, example_inputs, with_raw_inputs
from nag.workflows.run_folder.run import RunFolder, stage
from nag.workflows.sampling.sampled_rows import evaluation_row

__all__ = ["check_export", "evaluate", "export_best"]


@stage
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
        NagError: Nothing could be measured.
    """
    if not archs:
        raise InvalidRequest("there is no architecture to evaluate", "Give a file that lists some.")
    run.start()
    with run.tracker.progress(100, f"measuring {len(archs)} architectures", "percent") as progress:

        def show(done: float, total: int) -> None:
            progress.update(round(100 * done / max(total, 1)))
            progress.note(f"{int(done)} of {total} finished")

        evaluations = evaluator.evaluate(archs, show)
    write_json_lines(run.output("evaluations.jsonl"), (evaluation_row(task.space, e) for e in evaluations))
    failed = [e for e in evaluations if e.error]
    if len(failed) == len(evaluations):
        if not (run.path / "metrics.json").is_file():  # else the results of an earlier run stay
            run.commit()
        raise NagError(f"no architecture could be measured: {masked(failed[0].error).rstrip('.')}", "Try one by itself.")
    winner = _winner(evaluations, task)
    trained = best_network(run.path, evaluator, None if winner is None else winner.architecture)
    run.finish({**_summary(evaluations, task), "best_network": trained}, files=() if trained is None else (trained,))
    return run.path / "evaluations.jsonl"


def _summary(evaluations: Sequence[Evaluation], task: Task) -> dict[str, Any]:
    """Counts, the best, and what it cost."""
    values = np.array([e.report_value for e in evaluations if e.report_value is not None], dtype=np.float64)
    best, winner = _best_of([e.report_value for e in evaluations], task), _winner(evaluations, task)
    fresh = {e.canonical_hash: e for e in evaluations if not e.reused}.values()
    return {
        "task": task.name,
        "report_metric": task.report_metric,
        "search_metric": task.search_metric,
        "protocol": task.protocol,
        "maximise": task.maximise,
        "count": len(evaluations),
        "measured": len(values),
        "missing": len(evaluations) - len(values),
        "failed": sum(bool(e.error) for e in evaluations),
        "reused": sum(e.reused for e in evaluations),
        "mean": float(values.mean()) if len(values) else None,
        "best": best,
        "best_arch": None if winner is None else task.space.encode(winner.architecture),
        "best_search_metric": _best_of([e.search_value for e in evaluations], task),
        "best_report_metric": None if winner is None else winner.report_value,
        "best_percentile": float(task.percentile(best)) if best is not None and task.has_table else None,
        "true_optimum": task.best if task.has_table else None,
        "queries": len({e.canonical_hash for e in evaluations}),
        "epochs": sum(e.epochs for e in fresh),
        "evaluation_cpu_seconds": round(sum(e.cpu_seconds for e in fresh), 3),
        "evaluation_gpu_seconds": round(sum(e.gpu_seconds for e in fresh), 3),
    }


def _winner(evaluations: Sequence[Evaluation], task: Task) -> Evaluation | None:
    """The best by the search metric, the first of equals: what is chosen without a look at the report metric."""
    best = _best_of([e.search_value for e in evaluations], task)
    return next((e for e in evaluations if best is not None and e.search_value == best), None)


def _best_of(values: Sequence[float | None], task: Task) -> float | None:
    known = [value for value in values if value is not None]
    return task.metrics[0].best(known) if known else None


def check_export(evaluator: Evaluator) -> None:
    """Checks, before any work, that `export_best` has the packages that it needs.

    Raises:
        MissingData: The evaluator trains networks, and ONNX is not installed.
    """
    if isinstance(evaluator, StoredEvaluator) and isinstance(evaluator.trial, TrainingTrial):
        for package in ("onnx", "onnxscript"):
            require(package, extra="onnx", otherwise="use export=false")


@stage
def export_best(run: RunFolder, evaluator: Evaluator, task: Task) -> Path | None:
    """Exports the network that a run of `evaluate` trained best, by the search metric; None where it trained none.

    Args:
        run: The run folder; gets `best.safetensors`, `best.pt2` and `best.onnx`.
        evaluator: The evaluator of the run.
        task: Its task.
    """
    if not isinstance(evaluator, StoredEvaluator) or not isinstance(evaluator.trial, TrainingTrial):
        return None
    trial = evaluator.trial
    rows = [row for row in read_json_lines(run.path / "evaluations.jsonl") if row.get("search_value") is not None]
    for row in sorted(rows, key=lambda row: -task.utility(float(row["search_value"]))):
        try:
            arch = task.space.decode(str(row["arch"]))
            network = trial.trained_network(arch, evaluator.seed)
        except (MissingData, InvalidRequest):  # of an earlier run, or of a twin
            continue
        data = trial.load_data()
        run.lock()
        program = export(with_raw_inputs(network, data), example_inputs(data), run.output("best").parent, "best").program
        run.commit()
        return run.path / program.name
    return None
