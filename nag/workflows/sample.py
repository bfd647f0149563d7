"""Stage: generate architectures, guided or not, and look up what they are worth where a table knows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nag.core.errors import InvalidRequest
from nag.core.files import write_json_lines
from nag.core.secrets import masked
from nag.diffusion import ClassifierFree, FrontGuidance, GuidanceMethod, Unguided
from nag.diffusion.generation import TrainedGenerator, check_request, draw_valid
from nag.diffusion.guidance.target import GuidanceTarget
from nag.evaluation import Evaluation, Ledger, LimitRisk, Stopwatch, TableEvaluator, front, sample_metrics
from nag.evaluation.labelled_reward import LabelledReward
from nag.evaluation.margins import USUAL_RISK
from nag.evaluation.predicted import TrainedPredictor
from nag.evaluation.predicted.objectives import AnyValid, Measured, complete_objective, make_guidance_target
from nag.graphs import Architecture, DagBatch, draw_png
from nag.predictors import Prediction
from nag.spaces import SearchSpace, can_sample_uniform, sample_uniform
from nag.tasks import Limit, Metric, Objective, Task
from nag.tracking import Image
from nag.workflows.run import RunFolder, stage

__all__ = ["evaluation_row", "sample"]

_DRAWN = 16


@stage
def sample(
    run: RunFolder,
    trained: TrainedGenerator,
    num_samples: int,
    predictor: TrainedPredictor | None = None,
    task: Task | None = None,
    guidance: GuidanceMethod | FrontGuidance | None = None,
    steps: int | None = None,
    objective: Objective | None = None,
    others: Sequence[TrainedPredictor] = (),
    reward: LabelledReward | None = None,
    risk: LimitRisk = USUAL_RISK,
) -> Path:
    """Generates architectures.

    What is invalid, breaks a limit, or repeats a function where distinct ones are asked for is counted and drawn again, at
    most ten rounds. Where these find too few, the metrics say so under `shortfall`.

    Args:
        run: Run folder; gets `architectures.jsonl` and, with a task, `evaluations.jsonl` and `uniform.jsonl`.
        trained: The generator.
        num_samples: Number of valid architectures wanted.
        predictor: Steers the samples and predicts what they are worth.
        task: Looks the samples up.
        guidance: How to steer; none without a predictor.
        steps: Network evaluations of the sampler; None for its default.
        objective: What the samples shall be good at; the predictor's metric if None. With limits, only samples that are
            predicted to keep them are returned; where a front is wanted, the best for each of its directions, with a mark
            (`on_front`) for those that no other is predicted to dominate.
        others: Predictors of further metrics that the objective names.
        reward: Buys labels while sampling; what is measured is then made high, in place of what is predicted.
        risk: How far samples may go toward limits on predicted metrics.

    Returns:
        Path of `architectures.jsonl`.

    Raises:
        InvalidRequest: Generator, predictor and task are not of one space, `num_samples` is below 1 or more than there are
            distinct functions, or no sample is valid and keeps all limits.
    """
    space = trained.space
    _check_spaces(space, [p for p in (predictor, *others) if p is not None], task)
    check_request(trained.generator, trained.reference, num_samples, None)
    target = _guidance_target(space, num_samples, predictor, guidance, objective, risk, others, reward)
    check_request(trained.generator, trained.reference, num_samples, target)
    guided = target is not None and getattr(guidance, "scale", 1) != 0
    run.start()
    teachers = [trained_predictor for trained_predictor in (predictor, *others) if trained_predictor is not None]
    ledger = Ledger(
        labels_used=sum(p.labels_used for p in teachers) + int(trained.facts.get("labels_used", 0)),
        labels_of_other_tasks=sum(int(p.facts.get("labels_of_other_tasks", 0)) for p in teachers),
        train_cpu_seconds=float(trained.facts.get("train_cpu_seconds", 0.0))
        + sum(float(p.facts["train_cpu_seconds"]) for p in teachers),
    )
    watch = Stopwatch()
    rng = torch.Generator(device=trained.device).manual_seed(run.seed)
    samples = draw_valid(trained.generator, num_samples, rng, target, steps, run.tracker)
    ledger += Ledger(network_evaluations=samples.cost.network_evaluations, predictor_evaluations=samples.cost.scored)
    ledger += Ledger() if reward is None else reward.as_ledger()
    shortfall = samples.shortfall(space, target is not None)
    sampling = {"sampling_cpu_seconds": round(watch.cpu, 3), "sampling_wall_seconds": round(watch.wall, 3)}

    archs = space.to_architectures(samples.kept)
    prediction = predictor.predictor.predict(samples.kept) if predictor else None
    marks = None
    if target is not None and isinstance(target.guidance, FrontGuidance):
        marks = front(target.objective.values(samples.kept)).tolist()
    write_json_lines(run.output("architectures.jsonl"), _rows(space, archs, samples.kept, prediction, marks))
    metrics: dict[str, Any] = {
        "search_space": space.name,
        "num_requested": num_samples,
        "num_samples": len(archs),
        **({"shortfall": shortfall} if shortfall else {}),
        "guided": guided,
        "guidance_scale": float(getattr(guidance, "scale", 0.0)) if guided else 0.0,
        **sample_metrics(space, samples.raw, trained.reference, run.seed).values,
        **sampling,
    }
    if guided:
        metrics |= _kept_distinct(space, samples.kept)
    evaluations: list[Evaluation] = []
    if task is not None:
        evaluator = TableEvaluator(task)
        evaluations = evaluator.evaluate(archs)
        write_json_lines(run.output("evaluations.jsonl"), (evaluation_row(space, e) for e in evaluations))
        uniform: list[Evaluation] = []
        if can_sample_uniform(space):
            uniform = evaluator.evaluate(space.to_architectures(sample_uniform(space, num_samples, run.seed)))
            write_json_lines(run.output("uniform.jsonl"), (evaluation_row(space, e) for e in uniform))
        metrics |= _truth(task, evaluations, uniform, {} if objective is None else objective.limits)
    _track_table(run, space, archs, prediction, predictor.metric if predictor else None, evaluations)
    run.finish({**metrics, **ledger.as_metrics()}, outdated=("evaluations.jsonl", "uniform.jsonl"))
    return run.path / "architectures.jsonl"


def _check_spaces(space: SearchSpace, predictors: Sequence[TrainedPredictor], task: Task | None) -> None:
    for predictor in predictors:
        if predictor.space.fingerprint != space.fingerprint:
            raise InvalidRequest(
                f"the predictor belongs to {predictor.space.name}, the generator to {space.name}", "Train both on one space."
            )
    if task is not None and task.table.space.fingerprint != space.fingerprint:
        raise InvalidRequest(
            f"the generator belongs to {space.name}, task {task.name} to {task.table.space.name}",
            "Use a generator of the task's space.",
        )


def _guidance_target(
    space: SearchSpace,
    count: int,
    predictor: TrainedPredictor | None,
    guidance: GuidanceMethod | FrontGuidance | None,
    objective: Objective | None,
    risk: LimitRisk,
    others: Sequence[TrainedPredictor],
    reward: LabelledReward | None,
) -> GuidanceTarget | None:
    """The target; None for unguided samples."""
    if reward is not None:
        if objective is not None or predictor is not None or not isinstance(guidance, GuidanceMethod):
            raise InvalidRequest(
                "a budget of labels takes no predictor and no objective", "Give task=T budget=N guidance=evolution alone."
            )
        if guidance.scale == 0:
            raise InvalidRequest("a budget of labels is given, but no guidance to spend it", "Use guidance=evolution.")
        return GuidanceTarget(guidance, Measured(space, reward))
    if guidance is None or (objective is None and isinstance(guidance, GuidanceMethod) and guidance.scale == 0):
        return None
    if predictor is None and objective is None:
        if isinstance(guidance, FrontGuidance):
            raise InvalidRequest(
                "a front needs metrics", "Give objective.pareto=true, objective.maximise and objective.minimise."
            )
        told = isinstance(guidance.proposal, ClassifierFree)
        if not told and not isinstance(guidance.proposal, Unguided):
            steered = type(guidance.proposal).__name__
            raise InvalidRequest(f"guidance by {steered} is given no score", "Give predictor=PATH, or use guidance=none.")
        return GuidanceTarget(guidance, AnyValid(space)) if told else None
    if objective is None or (not objective.metrics and predictor is not None):
        assert predictor is not None
        objective = complete_objective(objective, predictor)
    if objective.pareto != isinstance(guidance, FrontGuidance):
        raise InvalidRequest("a front takes its own guidance", "Set objective.pareto=true together with guidance=front.")
    teachers = [trained for trained in (predictor, *others) if trained is not None]
    return make_guidance_target(space, objective, teachers, guidance, count, risk)


def _rows(
    space: SearchSpace,
    archs: Sequence[Architecture],
    dags: DagBatch,
    prediction: Prediction | None,
    on_front: Sequence[bool] | None,
) -> list[dict[str, Any]]:
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


def _kept_distinct(space: SearchSpace, kept: DagBatch) -> dict[str, float]:
    return {
        "num_distinct": float(len(set(space.hashes(kept)))),
        "num_functionally_distinct": float(len(set(space.canonical_hashes(kept)))),
    }


@dataclass(frozen=True)
class _Truth:
    """What a table holds of one architecture: metric -> value."""

    values: Mapping[str, float]

    @classmethod
    def of(cls, task: Task, evaluation: Evaluation) -> _Truth:
        known = {task.search_metric: evaluation.search_value, task.report_metric: evaluation.report_value, **evaluation.side}
        return cls({name: math.nan if value is None else value for name, value in known.items()})


def _truth(
    task: Task, found: Sequence[Evaluation], uniform: Sequence[Evaluation], limits: Mapping[str, Limit]
) -> dict[str, Any]:
    """Benchmark metrics of the samples and of an equally large uniform sample; `true_known` samples are in the table.

    The best of either truly keeps those limits whose metrics the table holds; null where none does.
    """
    held = {name: limit for name, limit in limits.items() if name in (task.search_metric, *task.secondary_metrics)}
    objective = Objective.single(task.report_metric, task.maximise, held)

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
        "true_known": len(values),
    }
    for prefix, numbers, evaluations in (("", values, found), ("uniform_", draws, uniform)):
        if not len(numbers):
            continue
        truths = [_Truth.of(task, evaluation) for evaluation in evaluations]
        chosen = objective.best(truths)
        best = None if chosen is None else chosen.values[task.report_metric]
        result |= {
            f"{prefix}true_mean": float(numbers.mean()),
            f"{prefix}true_best": best,
            f"{prefix}true_percentile_mean": float(task.percentile(numbers).mean()),
            f"{prefix}true_percentile_best": None if best is None else float(task.percentile(best)),
        }
        if held:
            result[f"{prefix}true_feasible"] = int(objective.feasible(truths).sum())
    if len(searched):
        result["search_percentile_mean"] = float(task.percentile(searched, task.search_metric).mean())
    return result


def _track_table(
    run: RunFolder,
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
    run.tracker.table("architectures", ["arch", "predicted_mean", "true", "drawing"], rows)
