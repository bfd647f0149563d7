"""Stage: generate architectures, guided or not, and look up their true values in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from nag.core.errors import InvalidRequest
from nag.core.files import write_json_lines
from nag.diffusion import FrontGuidance
from nag.diffusion.generation import TrainedGenerator, check_request, draw_valid
from nag.diffusion.guidance.target import GuidanceTarget
from nag.evaluation import Evaluation, Ledger, Stopwatch, TableEvaluator, front, sample_metrics
from nag.graphs import Architecture
from nag.predictors import Prediction
from nag.spaces import SearchSpace, can_sample_uniform, sample_uniform
from nag.tasks import Task
from nag.workflows.run_folder.run import RunFolder, stage
from nag.workflows.run_folder.saved_draws import SavedDraws, read_draws, write_draws
from nag.workflows.sampling.sample_truth import benchmark_metrics
from nag.workflows.sampling.sampled_rows import architecture_rows, evaluation_row, track_best
from nag.workflows.sampling.steering import UNGUIDED, Steering

__all__ = ["sample"]


@stage
def sample(
    run: RunFolder,
    trained: TrainedGenerator,
    num_samples: int,
    steering: Steering = UNGUIDED,
    task: Task | None = None,
    steps: int | None = None,
    resume: bool = False,
) -> Path:
    """Generates architectures.

    What is invalid, breaks a limit, or repeats a function where distinct ones are asked for is counted and drawn again, at
    most ten rounds. Where these find too few, the metrics say so under `shortfall`.

    Samples are drawn together, as one batch of random numbers, and guidance selects among them. Those that `resume` adds are
    therefore not the ones that a single run of the greater number would have drawn; they are the same each time.

    Args:
        run: Run folder; gets `architectures.jsonl`, `draws.safetensors` and, with a task, `evaluations.jsonl` and
            `uniform.jsonl`.
        trained: The generator.
        num_samples: Number of valid architectures wanted, in all.
        steering: What to steer toward.
        task: Looks the samples up.
        steps: Network evaluations of the sampler; None for its default.
        resume: Keep the samples in the folder, if there are some, and add what is missing of `num_samples`.

    Returns:
        Path of `architectures.jsonl`.

    Raises:
        InvalidRequest: Generator, predictor and task are not of one space, `num_samples` is below 1 or more than there are
            distinct functions, no sample is valid and keeps all limits, or the samples in the folder cannot be added to.
        DamagedFile: The samples in the folder cannot be read.
    """
    space = trained.space
    _check_task(space, task)
    check_request(trained.generator, trained.reference, num_samples, None)
    target = steering.target(space, num_samples)
    check_request(trained.generator, trained.reference, num_samples, target)
    begun = _begun(run, space, num_samples, steering) if resume else None
    run.start()
    run.record_identity()
    drawn = _draw(run, trained, num_samples, target, steps, begun)
    write_draws(run.output("draws.safetensors"), run.identity, drawn)
    samples, archs = drawn.draws, space.to_architectures(drawn.draws.kept)
    prediction = steering.predictor.predictor.predict(samples.kept) if steering.predictor else None
    marks = _on_front(target, drawn)
    write_json_lines(run.output("architectures.jsonl"), architecture_rows(space, archs, samples.kept, prediction, marks))
    evaluations, uniform = _look_up(run, task, archs, num_samples)
    metrics = {**_best(steering, task, archs, prediction, evaluations), **_metrics(trained, steering, target, drawn, run.seed)}
    if task is not None:
        metrics |= benchmark_metrics(task, evaluations, uniform, steering.limits)
    metric = steering.predictor.metric if steering.predictor else None
    track_best(run.tracker, space, archs, prediction, metric, evaluations)
    ledger = _consumed(trained, steering, drawn)
    run.finish({**metrics, **ledger.as_metrics()}, outdated=("evaluations.jsonl", "uniform.jsonl"))
    return run.path / "architectures.jsonl"


def _check_task(space: SearchSpace, task: Task | None) -> None:
    if task is not None and task.table.space.fingerprint != space.fingerprint:
        raise InvalidRequest(
            f"the generator belongs to {space.name}, task {task.name} to {task.table.space.name}",
            "Use a generator of the task's space.",
        )


def _begun(run: RunFolder, space: SearchSpace, num_samples: int, steering: Steering) -> SavedDraws | None:
    """The samples in the run folder; None where there are none."""
    path = run.path / "draws.safetensors"
    if not path.is_file():
        return None
    if steering.reward is not None:
        raise InvalidRequest("samples that queried labels cannot be added to", "Sample anew in another out_dir.")
    begun = read_draws(path, run.identity, space, run.differences)
    count = len(begun.draws.kept)
    if count > num_samples:
        what = f"'{run.path}' holds {count} samples, num_samples is {num_samples}"
        raise InvalidRequest(what, f"Use num_samples={count} or more.")
    if count < num_samples and isinstance(steering.guidance, FrontGuidance):
        raise InvalidRequest("a front is drawn as a whole and cannot be added to", "Sample anew in another out_dir.")
    return begun


def _draw(
    run: RunFolder,
    trained: TrainedGenerator,
    count: int,
    target: GuidanceTarget | None,
    steps: int | None,
    begun: SavedDraws | None,
) -> SavedDraws:
    """Draws what is missing; what is added gets random numbers of its own, which follow from the seed and the number there."""
    watch = Stopwatch()
    seed = run.seed if begun is None else (run.seed * 1_000_003 + len(begun.draws.kept)) * 64 + 1
    rng = torch.Generator(device=trained.device).manual_seed(seed % 2**63)
    draws = draw_valid(trained.generator, count, rng, target, steps, run.tracker, begun=None if begun is None else begun.draws)
    before = SavedDraws(draws) if begun is None else begun
    return SavedDraws(draws, before.cpu_seconds + watch.cpu, before.wall_seconds + watch.wall)


def _on_front(target: GuidanceTarget | None, drawn: SavedDraws) -> list[bool] | None:
    """Which samples no other is predicted to dominate; None where no front was wanted."""
    if target is None or not isinstance(target.guidance, FrontGuidance):
        return None
    marks: list[bool] = front(target.objective.values(drawn.draws.kept)).tolist()
    return marks


def _look_up(
    run: RunFolder, task: Task | None, archs: Sequence[Architecture], count: int
) -> tuple[list[Evaluation], list[Evaluation]]:
    """What the task's table holds of the samples, and of as many uniform ones; writes both down."""
    if task is None:
        return [], []
    space, evaluator = task.table.space, TableEvaluator(task)
    evaluations, uniform = evaluator.evaluate(archs), []
    write_json_lines(run.output("evaluations.jsonl"), (evaluation_row(space, e) for e in evaluations))
    if can_sample_uniform(space):
        uniform = evaluator.evaluate(space.to_architectures(sample_uniform(space, count, run.seed)))
        write_json_lines(run.output("uniform.jsonl"), (evaluation_row(space, e) for e in uniform))
    return evaluations, uniform


def _metrics(
    trained: TrainedGenerator, steering: Steering, target: GuidanceTarget | None, drawn: SavedDraws, seed: int
) -> dict[str, Any]:
    """Entries of `metrics.json` that describe the samples."""
    space, samples = trained.space, drawn.draws
    guided = steering.steers(target)
    shortfall = samples.shortfall(space, target is not None)
    return {
        "search_space": space.name,
        "num_requested": samples.requested,
        "num_samples": len(samples.kept),
        **({"shortfall": shortfall} if shortfall else {}),
        "guided": guided,
        "guidance_scale": steering.scale if guided else 0.0,
        **sample_metrics(space, samples.raw, trained.reference, seed).values,
        "sampling_cpu_seconds": round(drawn.cpu_seconds, 3),
        "sampling_wall_seconds": round(drawn.wall_seconds, 3),
        **(_distinct(space, drawn) if guided else {}),
    }


def _best(
    steering: Steering,
    task: Task | None,
    archs: Sequence[Architecture],
    prediction: Prediction | None,
    evaluations: Sequence[Evaluation],
) -> dict[str, Any]:
    """The sample that is predicted best; without a predictor the one that the task measured best, by its search metric."""
    if steering.predictor is not None and prediction is not None:
        chosen = int(steering.predictor.metric.utility(prediction.mean).argmax())
        space = steering.predictor.space
        return {"best_arch": space.encode(archs[chosen]), "best_predicted": float(prediction.mean[chosen])}
    known = [each for each in evaluations if each.search_value is not None]
    if task is None or not known:
        return {}
    best = max(known, key=lambda each: task.utility(float(each.search_value or 0.0)))
    return {"best_arch": task.space.encode(best.architecture), "best_search_metric": best.search_value}


def _distinct(space: SearchSpace, drawn: SavedDraws) -> Mapping[str, float]:
    kept = drawn.draws.kept
    return {
        "num_distinct": float(len(set(space.hashes(kept)))),
        "num_functionally_distinct": float(len(set(space.canonical_hashes(kept)))),
    }


def _consumed(trained: TrainedGenerator, steering: Steering, drawn: SavedDraws) -> Ledger:
    """All that the samples took, pre-training included."""
    cost = drawn.draws.cost
    generator = Ledger(
        labels_used=int(trained.metadata.get("labels_used", 0)),
        train_cpu_seconds=float(trained.metadata.get("train_cpu_seconds", 0.0)),
    )
    drawing = Ledger(network_evaluations=cost.network_evaluations, predictor_evaluations=cost.scored)
    return steering.consumed() + generator + drawing
