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
from nag.evaluation.margins import BOUNDARY
from nag.evaluation.predicted import TrainedPredictor
from nag.evaluation.predicted.objectives import complete_objective, make_guidance_target
from nag.predictors import Predictor
from nag.suites.parts.fronts import FrontValues, points_of
from nag.suites.parts.products import trained_generator, trained_predictor
from nag.suites.running.cells import Cell, Measurement, measurements
from nag.suites.running.context import CellContext
from nag.suites.suite import Column, Suite, SuiteOptions, Table
from nag.tasks import Limit, Metric, Objective, Task, load_task
from nag.training import FitOptions

__all__ = ["LimitsSuite"]

_Values = dict[str, float]


@dataclass(frozen=True)
class LimitsSuite(Suite):
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
    title = "Hard limits and fronts"
    tables = (
        Table(
            "under a limit",
            (
                Column("kept", "share within the true limit"),
                Column("best", "best true value", ".2f"),
                Column("optimum", "optimum of the table within the limit", ".2f"),
                Column("gap", "gap", ".2f"),
                Column("mean", "mean true value", ".2f"),
                Column("returned", "returned", ".0f"),
                Column("functional_uniqueness", "distinct functions", ".2f"),
                Column("predictor_evaluations", "predictor evaluations", ".0f"),
                Column("sampling_cpu_seconds", "CPU s", ".1f"),
            ),
            ("*<=*", "all limits"),
        ),
        Table(
            "fronts",
            (
                Column("hypervolume_ratio", "hypervolume relative to the true front"),
                Column("hypervolume_ratio_nadir", "the same with the nadir of the true front as reference"),
                Column("returned", "returned", ".0f"),
                Column("front_size", "returned and on the true front", ".0f"),
                Column("sampling_cpu_seconds", "CPU s", ".1f"),
            ),
            ("front of*",),
        ),
    )

    @property
    def protocol(self) -> str:
        """Measurement protocol."""
        return (
            f"Two predictors are trained on {self.labels} labels of the search metric and {self.labels} of the secondary "
            "metric, of the same architectures; the margin of the limit is calibrated on those labels. Limits are percentiles "
            f"{', '.join(map(str, self.percentiles))} of the secondary metric in the table; {self.samples} architectures are "
            "generated and those not predicted to be within limit and margin are dropped (`returned` counts the rest); "
            f"{BOUNDARY:.0%} of them are drawn with a risk of one half at the limit. *Best of N* does the same with as "
            "many unguided samples as the default makes predictor evaluations. `all limits` is the mean over the limits of the "
            "secondary metric. Fronts: the report metric is maximised and the secondary metric minimised; hypervolume of the "
            "true values of the returned architectures divided by that of the whole table's front, with the worst values of "
            "the table as reference point and, stricter, the nadir point of the true front."
        )

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
