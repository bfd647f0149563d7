"""Samples as rows: of `architectures.jsonl`, of `evaluations.jsonl`, and of the tracker's table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nag.core.secrets import masked
from nag.evaluation import Evaluation
from nag.graphs import Architecture, DagBatch, draw_png
from nag.predictors import Prediction
from nag.spaces import SearchSpace
from nag.tasks import Metric
from nag.tracking import Image, RunTracker

__all__ = ["architecture_rows", "evaluation_row", "track_best"]

_DRAWN = 16


def architecture_rows(
    space: SearchSpace,
    archs: Sequence[Architecture],
    dags: DagBatch,
    prediction: Prediction | None,
    on_front: Sequence[bool] | None,
) -> list[dict[str, Any]]:
    """Lines of `architectures.jsonl`.

    Args:
        space: The search space.
        archs: n architectures.
        dags: The same as integers.
        prediction: Their predicted values; None without a predictor.
        on_front: Which of them no other is predicted to dominate; None where no front was wanted.
    """
    hashes = space.canonical_hashes(dags)
    costs = {name: values.tolist() for name, values in space.estimate_costs(dags).items()}
    means = prediction.mean.tolist() if prediction else [None] * len(archs)
    stds = prediction.measurement_std.tolist() if prediction else [None] * len(archs)
    return [
        {
            "arch": space.encode(arch),
            "ops": list(arch.ops),
            "edges": [list(edge) for edge in arch.edges],
            "canonical_hash": hashes[i],
            "predicted_mean": means[i],
            "predicted_std": stds[i],
            "estimated_cost": {name: values[i] for name, values in costs.items()},
            **({} if on_front is None else {"on_front": on_front[i]}),
        }
        for i, arch in enumerate(archs)
    ]


def evaluation_row(space: SearchSpace, evaluation: Evaluation) -> dict[str, Any]:
    """One line of `evaluations.jsonl`."""
    cost = {"epochs": evaluation.epochs, "cpu_seconds": evaluation.cpu_seconds, "gpu_seconds": evaluation.gpu_seconds}
    trained = {**cost, "curve": list(evaluation.curve), "reused": evaluation.reused} if evaluation.cpu_seconds else {}
    return {
        "arch": space.encode(evaluation.architecture),
        "canonical_hash": evaluation.canonical_hash,
        "search_value": evaluation.search_value,
        "report_value": evaluation.report_value,
        "percentile": evaluation.percentile,
        "side": evaluation.side,
        **trained,
        **({"error": masked(evaluation.error)} if evaluation.error else {}),
    }


def track_best(
    tracker: RunTracker,
    space: SearchSpace,
    archs: Sequence[Architecture],
    prediction: Prediction | None,
    metric: Metric | None,
    evaluations: Sequence[Evaluation],
) -> None:
    """Sends the samples that look best, with drawings, to the tracker."""
    means = prediction.mean.tolist() if prediction else [0.0] * len(archs)
    utilities = means if metric is None else [metric.utility(mean) for mean in means]
    order = sorted(range(len(archs)), key=lambda i: -utilities[i])[:_DRAWN]
    rows = [
        [
            space.encode(archs[i]),
            means[i] if prediction else None,
            evaluations[i].report_value if evaluations else None,
            Image(draw_png(archs[i], dpi=80)),
        ]
        for i in order
    ]
    tracker.table("architectures", ["arch", "predicted_mean", "true", "drawing"], rows)
