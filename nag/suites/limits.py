"""The suite `limits`: architectures under a hard limit on a measured latency, and fronts of accuracy and latency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from nag.core.errors import InvalidRequest, did_you_mean
from nag.diffusion import FrontGuidance, GuidanceMethod, Unguided
from nag.diffusion.generation import load_generator
from nag.diffusion.guidance.target import GuidanceTarget
from nag.evaluation import Stopwatch, front, hypervolume
from nag.evaluation.margins import BOUNDARY
from nag.evaluation.predicted import TrainedPredictor, load_predictor
from nag.evaluation.predicted.objectives import complete_objective, make_guidance_target
from nag.graphs import DagBatch
from nag.predictors import Predictor
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.generators import trained_generator
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.tasks import Limit, Metric, Objective, Task, load_task
from nag.training import FitOptions, make_fabric
from nag.workflows.run import RunFolder
from nag.workflows.train_predictor import train_predictor

__all__ = ["LimitsJob", "LimitsPreset", "LimitsSuite", "measure_limits"]


@dataclass(frozen=True)
class LimitsPreset:
    """How much the suite computes.

    Args:
        metrics: Side metrics that are limited.
        percentiles: Percentiles of the side metric, in the whole table, that are the limits.
        training: Length and speed of the generator's training.
        seeds: Number of seeds.
        labels: Labels of the search metric, and as many of each side metric.
        samples: Architectures to generate.
    """

    metrics: Sequence[str]
    training: FitOptions
    percentiles: Sequence[int] = (20, 40, 60)
    seeds: int = 5
    labels: int = 200
    samples: int = 200


@dataclass(frozen=True)
class LimitsJob:
    """One side metric and seed.

    Args:
        task: Name of the task.
        metric: The side metric.
        make_generator: (space=..., data=...) -> the untrained generator.
        make_predictor: (space=..., seed=...) -> the untrained predictor of the search metric.
        make_side_predictor: (space=..., seed=...) -> the untrained predictor of the side metric.
        guidance: How to steer under a limit.
        front: How to steer toward a front.
        preset: How much to compute.
        seed: Seed of labels, predictors and samples; the generator's is 0.
        device: Kind of accelerator.
    """

    task: str
    metric: str
    make_generator: Callable[..., Any]
    make_predictor: Callable[..., Predictor]
    make_side_predictor: Callable[..., Predictor]
    guidance: GuidanceMethod
    front: FrontGuidance
    preset: LimitsPreset
    seed: int
    device: str


class LimitsSuite(Suite):
    """Guides under limits on each side metric of a task.

    Args:
        task: Name of the task.
        generator: (space=..., data=...) -> an untrained generator.
        predictor: (space=..., seed=...) -> an untrained predictor of the search metric.
        side_predictor: (space=..., seed=...) -> an untrained predictor of a side metric.
        guidance: How to steer under a limit.
        front: How to steer toward a front.
        presets: Name -> how much is computed.
    """

    def __init__(
        self,
        task: str,
        generator: Callable[..., Any],
        predictor: Callable[..., Predictor],
        side_predictor: Callable[..., Predictor],
        guidance: GuidanceMethod,
        front: FrontGuidance,
        presets: Mapping[str, LimitsPreset],
    ) -> None:
        self.task, self.presets = task, presets
        self.parts = (generator, predictor, side_predictor, guidance, front)

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "limits"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Hard limits and fronts"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Each limit, and each front."""
        limited = (
            Column("kept", "share that keeps the true limit"),
            Column("best", "best true value", ".2f"),
            Column("optimum", "table's optimum under the limit", ".2f"),
            Column("gap", "gap", ".2f"),
            Column("mean", "mean true value", ".2f"),
            Column("returned", "returned", ".0f"),
            Column("functional_uniqueness", "functions", ".2f"),
            Column("predictor_evaluations", "predictor evaluations", ".0f"),
            Column("sampling_cpu_seconds", "CPU s", ".1f"),
        )
        fronts = (
            Column("hypervolume_ratio", "hypervolume over the true front's"),
            Column("hypervolume_ratio_nadir", "the same above the front's worst corner"),
            Column("returned", "returned", ".0f"),
            Column("front_size", "on the true front of those returned", ".0f"),
            Column("sampling_cpu_seconds", "CPU s", ".1f"),
        )
        return (Table("under a limit", limited, ("*<=*", "all limits")), Table("fronts", fronts, ("front of*",)))

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        return (
            f"{preset.labels} labels of the search metric and {preset.labels} of the side metric, of the same "
            "architectures, train two predictors; the margin of the limit is calibrated on those labels alone. Limits "
            f"are percentiles {', '.join(map(str, preset.percentiles))} of the side metric in the table; {preset.samples} "
            "architectures are generated and those not predicted to keep the limit with the margin are dropped "
            f"(`returned` counts the rest); a share of {BOUNDARY:g} of them is drawn with the limit at even odds. *Best of "
            "N* does the same with as many unguided samples as the default makes predictor evaluations. `all limits` is "
            "the mean over the side metric's limits. Fronts: report metric up, side metric down; hypervolume of the true "
            "values of what is returned over that of the whole table's front, above the table's worst values and, "
            "stricter, above the worst corner of the true front."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each side metric and seed.

        Raises:
            InvalidRequest: An unknown preset, or a metric that the task lacks.
            MissingData: The task's table is not there.
        """
        preset = chosen(self.presets, options)
        task = load_task(self.task)
        cells = []
        for metric in preset.metrics:
            if metric not in task.secondary_metrics:
                hint = did_you_mean(metric, task.secondary_metrics)
                raise InvalidRequest(f"task {task.name} has no side metric '{metric}'", hint)
            for seed in options.seeds_from(preset.seeds):
                job = LimitsJob(self.task, metric, *self.parts, preset, seed, options.device)
                cells.append(Cell(cell_key(metric, f"seed{seed}"), seed, partial(measure_limits, job)))
        return cells


def measure_limits(job: LimitsJob, workshop: ArtifactCache) -> list[Measurement]:
    """All limits of one side metric, and its front."""
    task = load_task(job.task)
    accuracy, side = (_predictor(job, task, metric, workshop) for metric in (None, job.metric))
    path = trained_generator(workshop, task.space, job.make_generator, job.preset.training, job.device)
    generator = load_generator(path, make_fabric(job.device).device).generator
    found: dict[tuple[str, str], dict[str, float]] = {}
    for percentile in job.preset.percentiles:
        bound = float(np.nanpercentile(task.table.metric(job.metric), percentile))
        setting = f"{job.metric}<=p{percentile}"
        objective = complete_objective(Objective(limits={job.metric: Limit(max=bound)}), accuracy)

        def target(guidance: GuidanceMethod, objective: Objective = objective) -> GuidanceTarget:
            return make_guidance_target(task.table.space, objective, [accuracy, side], guidance)

        guided = _limited(job, task, generator, target(job.guidance), bound)
        found["default", setting] = guided
        pool = max(1, round(guided["predictor_evaluations"] / job.preset.samples))
        best_of = GuidanceMethod(1e6, Unguided(), pool, None)
        found["best of N, as many predictor evaluations", setting] = _limited(job, task, generator, target(best_of), bound)
    for method in sorted({method for method, _ in found}):
        parts = [values for (name, _), values in found.items() if name == method]
        shown = {key: float(np.mean([part[key] for part in parts])) for key in ("kept", "gap", "returned")}
        found[method, "all limits"] = shown
    found["default", f"front of {job.metric}"] = _front(job, task, generator, accuracy, side)
    labels = 2 * job.preset.labels
    return [
        Measurement(task.table.space.name, task.name, method, setting, metric, value, labels=labels)
        for (method, setting), values in found.items()
        for metric, value in values.items()
    ]


def _predictor(job: LimitsJob, task: Task, metric: str | None, workshop: ArtifactCache) -> TrainedPredictor:
    make = job.make_predictor if metric is None else job.make_side_predictor

    def build(run: RunFolder) -> None:
        train_predictor(run, task, make, job.preset.labels, make_fabric(job.device).device, metric, held_out=2000)

    name = cell_key("predictor", job.task, metric or task.search_metric, f"seed{job.seed}")
    config = {"task": job.task, "metric": metric, "make": make, "labels": job.preset.labels}
    folder = workshop.product(name, "train-predictor", job.seed, job.device, config, build)
    return load_predictor(folder / "predictor.safetensors", make_fabric(job.device).device)


def _limited(job: LimitsJob, task: Task, generator: Any, target: GuidanceTarget, bound: float) -> dict[str, float]:
    table, watch = task.table, Stopwatch()
    rng = torch.Generator(device=make_fabric(job.device).device).manual_seed(job.seed)
    dags = target.sample(generator, job.preset.samples, rng).kept.to("cpu")
    cpu = watch.cpu
    values, side = table.values(task.report_metric, dags), table.values(job.metric, dags)
    under = task.report_values[(table.metric(job.metric) <= bound) & np.isfinite(task.report_values)]
    optimum = task.metrics[0].best(under)
    kept = side <= bound
    true = values[kept & np.isfinite(values)]
    best = float("nan") if not len(true) else task.metrics[0].best(true)
    return {
        "kept": float(kept.mean()) if len(kept) else float("nan"),
        "best": best,
        "optimum": optimum,
        "gap": abs(optimum - best),
        "mean": float(np.nanmean(values)) if len(values) else float("nan"),
        "returned": float(len(dags)),
        "functional_uniqueness": len(set(table.space.canonical_hashes(dags))) / max(len(dags), 1),
        "predictor_evaluations": float(target.cost(generator, job.preset.samples).scored),
        "sampling_cpu_seconds": cpu,
    }


def _front(job: LimitsJob, task: Task, generator: Any, accuracy: TrainedPredictor, side: TrainedPredictor) -> dict[str, float]:
    table, watch = task.table, Stopwatch()
    objective = Objective((accuracy.metric, Metric(job.metric, maximise=False)), pareto=True)
    target = make_guidance_target(table.space, objective, [accuracy, side], job.front, job.preset.samples)
    rng = torch.Generator(device=make_fabric(job.device).device).manual_seed(job.seed)
    dags = target.sample(generator, job.preset.samples, rng).kept.to("cpu")
    cpu = watch.cpu
    found, every = _points(task, job.metric, dags), _points(task, job.metric, table.dags)
    true_front = every[front(every)]
    worst, corner = every.amin(0), true_front.amin(0)
    on_front = (found[:, None] == true_front[None]).all(2).any(1)
    return {
        "hypervolume_ratio": hypervolume(found, worst) / hypervolume(true_front, worst),
        "hypervolume_ratio_nadir": hypervolume(found, corner) / max(hypervolume(true_front, corner), 1e-12),
        "returned": float(len(dags)),
        "front_size": float(on_front.sum()),
        "sampling_cpu_seconds": cpu,
    }


def _points(task: Task, metric: str, dags: DagBatch) -> torch.Tensor:
    """True report and side metric, higher being better: (B, 2) float64."""
    values = np.stack([task.utility(task.table.values(task.report_metric, dags)), -task.table.values(metric, dags)], 1)
    return torch.from_numpy(values[np.isfinite(values).all(1)])
