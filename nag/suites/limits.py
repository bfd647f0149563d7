"""The suite `limits`: architectures under a hard limit on a measured latency, and fronts of accuracy and latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nag.core.errors import InvalidRequest, did_you_mean
from nag.diffusion import FrontGuidance, GuidanceMethod, Unguided
from nag.diffusion.generation import load_generator
from nag.diffusion.guidance.target import GuidanceTarget
from nag.evaluation import Stopwatch
from nag.evaluation.predicted import TrainedPredictor
from nag.evaluation.predicted.objectives import complete_objective, make_guidance_target
from nag.evaluation.scores.margins import BOUNDARY
from nag.predictors import Predictor
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.page import PagedSuite
from nag.suites.parts.fronts import FrontValues, points_of
from nag.suites.parts.products import trained_generator, trained_predictor
from nag.tasks import Limit, Metric, Objective, Task, load_task
from nag.training import FitOptions

__all__ = ["LimitsSuite"]

_Values = dict[str, float]


@dataclass(frozen=True)
class LimitsSuite(PagedSuite):
    """Guided generation under limits on secondary metrics of a task, and toward Pareto fronts.

    Args:
        task: Name of the task.
        generator: (space=..., data=...) -> an untrained generator; it is trained once, with seed 0.
        predictor: (space=..., seed=...) -> an untrained predictor of the search metric.
        side_predictor: (space=..., seed=...) -> an untrained predictor of a secondary metric.
        guidance: Guidance under a limit.
        front: Guidance toward a front.
        training: Options of the generator's training.
        metrics: Secondary metrics that are limited.
        percentiles: Limits, as percentiles of the secondary metric in the whole table.
        seeds: Number of seeds of labels, predictors and samples.
        labels: Number of labels of the search metric, and of each secondary metric.
        samples: Architectures to generate.
    """

    task: str
    generator: Callable[..., Any]
    predictor: Callable[..., Predictor]
    side_predictor: Callable[..., Predictor]
    guidance: GuidanceMethod
    front: FrontGuidance
    training: FitOptions
    metrics: Sequence[str]
    percentiles: Sequence[int] = (20, 40, 60)
    seeds: int = 5
    labels: int = 200
    samples: int = 200

    name = "limits"

    def words(self) -> dict[str, Any]:
        """The settings, and the share of samples near the limit."""
        return {**super().words(), "boundary": BOUNDARY}

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each secondary metric and seed."""
        task, cells = load_task(self.task), list[Cell]()
        for metric in self.metrics:
            if metric not in task.secondary_metrics:
                hint = did_you_mean(metric, task.secondary_metrics)
                raise InvalidRequest(f"task {task.name} has no secondary metric '{metric}'", hint)
            cells += options.cells(self.seeds, partial(self.measure, metric), metric)
        return cells

    def measure(self, metric: str, context: CellContext) -> list[Measurement]:
        """Measures all limits of one secondary metric, and its front."""
        task = load_task(self.task)
        accuracy = trained_predictor(context, task, self.predictor, self.labels)
        side = trained_predictor(context, task, self.side_predictor, self.labels, metric)
        path = trained_generator(context, task.space, self.generator, self.training)
        generator = load_generator(path, context.device).generator
        found: dict[tuple[str, str], _Values] = {}
        for percentile in self.percentiles:
            bound = float(np.nanpercentile(task.table.metric(metric), percentile))
            objective = complete_objective(Objective(limits={metric: Limit(max=bound)}), accuracy)
            target = partial(make_guidance_target, task.space, objective, [accuracy, side])
            drawn = partial(self._limited, task, metric, bound, generator, context)
            guided = drawn(target(self.guidance))
            pool = max(1, round(guided["predictor_evaluations"] / self.samples))
            best_of = drawn(target(GuidanceMethod(1e6, Unguided(), pool, None)))
            setting = f"{metric}<=p{percentile}"
            found["default", setting], found["best of N, as many predictor evaluations", setting] = guided, best_of
        for method in sorted({method for method, _ in found}):
            parts = [values for (name, _), values in found.items() if name == method]
            found[method, "all limits"] = {key: float(np.mean([part[key] for part in parts])) for key in _AVERAGED}
        found["default", f"front of {metric}"] = self._front(task, metric, generator, context, accuracy, side)
        where = task.space.name, task.name
        return [m for key, values in found.items() for m in measurements(*where, *key, values, 2 * self.labels)]

    def _limited(
        self, task: Task, metric: str, bound: float, generator: Any, context: CellContext, target: GuidanceTarget
    ) -> _Values:
        """True values and cost of samples under a limit."""
        table, watch = task.table, Stopwatch()
        dags = target.sample(generator, self.samples, context.rng()).kept.to("cpu")
        cpu = watch.cpu
        values, side = table.values(task.report_metric, dags), table.values(metric, dags)
        under = task.report_values[(table.metric(metric) <= bound) & np.isfinite(task.report_values)]
        optimum = task.metrics[0].best(under)
        kept = side <= bound
        true = values[kept & np.isfinite(values)]
        best = task.metrics[0].best(true) if len(true) else float("nan")
        return {
            "kept": float(kept.mean()) if len(kept) else float("nan"),
            "best": best,
            "optimum": optimum,
            "gap": abs(optimum - best),
            "mean": float(np.nanmean(values)) if len(values) else float("nan"),
            "returned": float(len(dags)),
            "functional_uniqueness": len(set(task.space.canonical_hashes(dags))) / max(len(dags), 1),
            "predictor_evaluations": float(target.cost(generator, self.samples).scored),
            "sampling_cpu_seconds": cpu,
        }

    def _front(
        self, task: Task, metric: str, generator: Any, context: CellContext, accuracy: TrainedPredictor, side: TrainedPredictor
    ) -> _Values:
        """Quality and cost of samples toward a front."""
        table, watch = task.table, Stopwatch()
        objective = Objective((accuracy.metric, Metric(metric, maximise=False)), pareto=True)
        target = make_guidance_target(task.space, objective, [accuracy, side], self.front, self.samples)
        dags = target.sample(generator, self.samples, context.rng()).kept.to("cpu")
        cpu = watch.cpu
        points = (
            points_of(task.utility(table.values(task.report_metric, some)), table.values(metric, some))
            for some in (dags, table.dags)
        )
        values = FrontValues.of(*points)
        return {
            "hypervolume_ratio": values.hypervolume_ratio,
            "hypervolume_ratio_nadir": values.hypervolume_ratio_nadir,
            "returned": float(len(dags)),
            "front_size": values.on_front,
            "sampling_cpu_seconds": cpu,
        }


_AVERAGED = ("kept", "gap", "returned")
