"""Stage: generate architectures, guided or not, and look up what they are worth where a table knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nag.benchmarks import Task
from nag.diffusion import Guidance, Score
from nag.errors import InvalidRequest
from nag.evaluation import Evaluation, Ledger, Stopwatch, TableEvaluator, sample_metrics
from nag.files import write_json_lines
from nag.graphs import Architecture, DagBatch, draw_png
from nag.predictors import Prediction
from nag.spaces import SearchSpace, sample_uniform
from nag.tracking import Image
from nag.workflows.run import RunFolder
from nag.workflows.train_generator import TrainedGenerator
from nag.workflows.train_predictor import TrainedPredictor

__all__ = ["evaluation_row", "predictor_score", "sample"]

_ROUNDS = 10
_INVALID = -3.0
_DRAWN = 16


@dataclass(frozen=True)
class _Samples:
    """Raw samples and the valid ones that are kept."""

    raw: DagBatch
    kept: DagBatch


def sample(
    run: RunFolder,
    trained: TrainedGenerator,
    num_samples: int,
    predictor: TrainedPredictor | None = None,
    task: Task | None = None,
    guidance: Guidance | None = None,
    steps: int | None = None,
) -> Path:
    """Generates architectures.

    Invalid samples are counted and drawn again, at most ten rounds.

    Args:
        run: Run folder; gets `architectures.jsonl` and, with a task, `evaluations.jsonl` and `uniform.jsonl`.
        trained: The generator.
        num_samples: Number of valid architectures wanted.
        predictor: Steers the samples and predicts what they are worth.
        task: Looks the samples up.
        guidance: How to steer; none without a predictor.
        steps: Network evaluations of the sampler; None for its default.

    Returns:
        Path of `architectures.jsonl`.

    Raises:
        InvalidRequest: Generator, predictor and task are not of one space, or `num_samples` is below 1.
    """
    space = trained.space
    _check(space, num_samples, predictor, task)
    run.start()
    guided = predictor is not None and guidance is not None and guidance.scale != 0
    ledger = Ledger(
        labels_used=predictor.labels_used if predictor else 0,
        train_cpu_seconds=float(trained.facts.get("train_cpu_seconds", 0.0))
        + (float(predictor.facts["train_cpu_seconds"]) if predictor else 0.0),
    )
    watch = Stopwatch()
    device = next(trained.generator.parameters()).device
    rng = torch.Generator(device=device).manual_seed(run.seed)
    score = None
    if guided:
        assert predictor is not None
        score = predictor_score(space, predictor)
    samples, more = _draw(run, trained, num_samples, rng, score, guidance, steps)
    ledger += more
    sampling = {"sampling_cpu_seconds": round(watch.cpu, 3), "sampling_wall_seconds": round(watch.wall, 3)}

    archs = space.to_architectures(samples.kept)
    prediction = predictor.predictor.predict(samples.kept) if predictor else None
    path = run.path / "architectures.jsonl"
    write_json_lines(path, _rows(space, archs, samples.kept, prediction))
    metrics: dict[str, Any] = {
        "search_space": space.name,
        "num_requested": num_samples,
        "num_samples": len(archs),
        "guided": guided,
        "guidance_scale": guidance.scale if guided and guidance else 0.0,
        **sample_metrics(space, samples.raw, trained.reference, run.seed).values,
        **sampling,
    }
    if guided:
        metrics |= _kept_distinct(space, samples.kept)
    evaluations: list[Evaluation] = []
    if task is not None:
        evaluator = TableEvaluator(task)
        evaluations = evaluator.evaluate(archs)
        uniform = evaluator.evaluate(space.to_architectures(sample_uniform(space, num_samples, run.seed)))
        write_json_lines(run.path / "evaluations.jsonl", (evaluation_row(space, e) for e in evaluations))
        write_json_lines(run.path / "uniform.jsonl", (evaluation_row(space, e) for e in uniform))
        metrics |= _truth(task, evaluations, uniform)
    _track_table(run, space, archs, prediction, predictor.sign if predictor else 1.0, evaluations)
    run.finish({**metrics, **ledger.as_metrics()})
    return path


def _check(space: SearchSpace, num_samples: int, predictor: TrainedPredictor | None, task: Task | None) -> None:
    if num_samples < 1:
        raise InvalidRequest(f"num_samples is {num_samples}", "Ask for at least 1.")
    if predictor is not None and predictor.space.fingerprint != space.fingerprint:
        raise InvalidRequest(
            f"the predictor belongs to {predictor.space.name}, the generator to {space.name}", "Train both on one space."
        )
    if task is not None and task.table.space.fingerprint != space.fingerprint:
        raise InvalidRequest(
            f"the generator belongs to {space.name}, task {task.name} to {task.table.space.name}",
            "Use a generator of the task's space.",
        )


def predictor_score(space: SearchSpace, predictor: TrainedPredictor) -> Score:
    """The expected percentile that the predictor gives, on the normal scale and with the good end up.

    A normal score z ~ N(mean, std ** 2) has the expected percentile Phi(mean / sqrt(1 + std ** 2)), so that an uncertain
    guess counts less than a sure one. What is invalid scores at most as a very bad architecture.
    """

    def score(dags: DagBatch) -> Tensor:
        found = predictor.predictor.predict_scores(dags)
        value = predictor.sign * found.mean / (1 + found.std.square()).sqrt()
        return torch.where(space.is_valid(dags), value, value.clamp(max=_INVALID))

    return score


def _draw(
    run: RunFolder,
    trained: TrainedGenerator,
    num_samples: int,
    rng: torch.Generator,
    score: Score | None,
    guidance: Guidance | None,
    steps: int | None,
) -> tuple[_Samples, Ledger]:
    """Draws until enough are valid, at most ten rounds; the ledger holds what that took."""
    space, generator = trained.space, trained.generator
    raw: list[DagBatch] = []
    kept: list[DagBatch] = []
    ledger = Ledger()
    for _ in range(_ROUNDS):
        missing = num_samples - sum(len(part) for part in kept)
        if missing == 0:
            break
        if score is None or guidance is None:
            cost = generator.cost(missing, steps)
        else:
            cost = guidance.cost(generator, missing, steps)
        with run.tracker.progress(cost.network_evaluations, f"sampling {missing}", "steps") as progress:
            if score is None or guidance is None:
                dags = generator.sample(missing, rng, steps, on_step=progress.advance).to("cpu")
            else:
                dags = guidance.sample(generator, missing, rng, score, steps, progress.advance).to("cpu")
        ledger += Ledger(network_evaluations=cost.network_evaluations, predictor_evaluations=cost.scored)
        raw.append(dags)
        kept.append(dags[space.is_valid(dags)])
    return _Samples(DagBatch.cat(raw), DagBatch.cat(kept)), ledger


def _rows(
    space: SearchSpace, archs: Sequence[Architecture], dags: DagBatch, prediction: Prediction | None
) -> list[dict[str, Any]]:
    hashes = space.canonical_hashes(dags)
    costs = {name: values.tolist() for name, values in space.estimate_costs(dags).items()}
    means = prediction.mean.tolist() if prediction else [None] * len(archs)
    stds = prediction.std.tolist() if prediction else [None] * len(archs)
    return [
        {
            "arch": space.encode(arch),
            "ops": list(arch.ops),
            "edges": [list(edge) for edge in arch.edges],
            "canonical_hash": hashes[i],
            "predicted_mean": means[i],
            "predicted_std": stds[i],
            "estimated_cost": {name: values[i] for name, values in costs.items()},
        }
        for i, arch in enumerate(archs)
    ]


def evaluation_row(space: SearchSpace, evaluation: Evaluation) -> dict[str, Any]:
    """One line of `evaluations.jsonl`."""
    return {
        "arch": space.encode(evaluation.architecture),
        "canonical_hash": evaluation.canonical_hash,
        "search_value": evaluation.search_value,
        "report_value": evaluation.report_value,
        "percentile": evaluation.percentile,
        "side": evaluation.side,
    }


def _kept_distinct(space: SearchSpace, kept: DagBatch) -> dict[str, float]:
    return {
        "num_distinct": float(len(set(space.hashes(kept)))),
        "num_functionally_distinct": float(len(set(space.canonical_hashes(kept)))),
    }


def _truth(task: Task, found: Sequence[Evaluation], uniform: Sequence[Evaluation]) -> dict[str, Any]:
    """What the table says of the samples and of as many uniform draws."""

    def known(evaluations: Sequence[Evaluation]) -> np.ndarray:
        return np.array([e.report_value for e in evaluations if e.report_value is not None], dtype=np.float64)

    values, draws = known(found), known(uniform)
    searched = np.array([e.search_value for e in found if e.search_value is not None], dtype=np.float64)
    result: dict[str, Any] = {
        "task": task.name,
        "report_metric": task.report_metric,
        "protocol": task.protocol,
        "maximise": task.maximise,
        "true_optimum": task.best,
        "num_looked_up": len(values),
    }
    for prefix, numbers in (("", values), ("uniform_", draws)):
        if not len(numbers):
            continue
        best = numbers.max() if task.maximise else numbers.min()
        percentiles = task.percentile(numbers)
        result |= {
            f"{prefix}true_mean": float(numbers.mean()),
            f"{prefix}true_best": float(best),
            f"{prefix}true_percentile_mean": float(percentiles.mean()),
            f"{prefix}true_percentile_best": float(percentiles.max()),
        }
    if len(searched):
        result["search_percentile_mean"] = float(task.percentile(searched, task.search_metric).mean())
    return result


def _track_table(
    run: RunFolder,
    space: SearchSpace,
    archs: Sequence[Architecture],
    prediction: Prediction | None,
    sign: float,
    evaluations: Sequence[Evaluation],
) -> None:
    """Sends the samples that look best, with drawings, to the tracker."""
    means = prediction.mean.tolist() if prediction else [0.0] * len(archs)
    order = sorted(range(len(archs)), key=lambda i: -sign * means[i])[:_DRAWN]
    rows = [
        [
            space.encode(archs[i]),
            means[i] if prediction else None,
            evaluations[i].report_value if evaluations else None,
            Image(draw_png(archs[i], dpi=80)),
        ]
        for i in order
    ]
    run.tracker.table("architectures", ["arch", "predicted_mean", "true", "drawing"], rows)
