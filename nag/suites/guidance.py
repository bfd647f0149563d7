"""The suite `guidance`: guided generation with few labels, against baselines at equal budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from nag.core.errors import InvalidRequest
from nag.diffusion import ClassifierFree, FineTuning, GuidanceMethod, Unguided
from nag.diffusion.generation import load_generator
from nag.predictors import Predictor
from nag.suites.parts.guided_samples import Sampling
from nag.suites.parts.products import trained_generator, trained_predictor
from nag.suites.running.cells import Cell, Measurement, measurements
from nag.suites.running.context import CellContext
from nag.suites.suite import Column, Suite, SuiteOptions, Table
from nag.tasks import load_task
from nag.training import FitOptions

__all__ = ["GuidanceSuite"]

_FINETUNED = "reward fine-tuning"


@dataclass(frozen=True)
class GuidanceSuite(Suite):
    """Compares guidance methods on one generator per space, with a predictor of few labels.

    Args:
        generators: Family -> (space=..., data=...) -> an untrained generator; one is called `default`. Trained with seed 0.
        predictor: (space=..., seed=...) -> an untrained predictor.
        methods: Name -> guidance; the budget of `default` is that of the baselines.
        tasks: Task -> number of seeds of labels, predictor and samples.
        training: Options of the generators' training.
        families: Method -> family of its generator, if not `default`.
        finetuning: Reward fine-tuning; None for none.
        labels: Labels of each task.
        samples: Architectures to generate.
        compared: Names of the methods to run; all if empty.
        only: Method -> the tasks that it runs on, if not all.
        conditional_steps: Training steps of the conditional generator, for classifier-free guidance.
        name: Name of the suite.
    """

    generators: Mapping[str, Callable[..., Any]]
    predictor: Callable[..., Predictor]
    methods: Mapping[str, GuidanceMethod]
    tasks: Mapping[str, int]
    training: FitOptions
    families: Mapping[str, str] = field(default_factory=dict)
    finetuning: FineTuning | None = None
    labels: int = 200
    samples: int = 100
    compared: Sequence[str] = ()
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    conditional_steps: int = 300
    name: str = "guidance"

    title = "Guided generation"
    tables = (
        Table(
            "true values of the samples",
            (
                Column("percentile_mean", "mean percentile", ".1f"),
                Column("percentile_best", "best", ".2f"),
                Column("percentile_worst", "worst", ".1f"),
                Column("search_percentile_mean", "mean percentile of the search metric", ".1f"),
                Column("true_mean", "mean value", ".4g"),
                Column("true_best", "best value", ".4g"),
                Column("regret", "regret", ".3g"),
                Column("functional_uniqueness", "distinct functions", ".2f"),
                Column("predictor_evaluations", "predictor evaluations", ".0f"),
                Column("sampling_cpu_seconds", "sampling CPU s", ".1f"),
            ),
        ),
    )

    @property
    def protocol(self) -> str:
        """Measurement protocol."""
        return (
            f"One predictor per seed is trained on {self.labels} labels of the task's search metric; each method returns "
            f"{self.samples} architectures, which are looked up. Percentiles are those of the report metric in the whole "
            "table (50 is chance); the percentile of the search metric, which the labels come from, is reported as well. "
            "Generators are trained once on uniform draws of the space, without labels (seed 0). *Best of N* keeps the best "
            "distinct functions of as many unguided samples as the default guidance makes predictor evaluations; *whole "
            "space* ranks every architecture by the predictor, which the other methods cannot do; *mutation* draws one-edit "
            "neighbours of the ten best labelled. *Distinct functions*: share of functionally distinct samples. All methods "
            "use expected percentiles under the predictor as scores. Guidance was developed with seeds 100 to 102."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each task, method and seed."""
        names = [*self.methods, *([_FINETUNED] if self.finetuning is not None else [])]
        names = [name for name in names if not self.compared or name in self.compared]
        if "default" not in names:
            raise InvalidRequest("the suite has no method 'default'", "Add it: the baselines have its budget.")
        cells = []
        for task, seeds in self.tasks.items():
            load_task(task)
            for name in names:
                if task in self.only.get(name, [task]):
                    own = {name: self.methods[name]} if name in self.methods else {}
                    alone = replace(self, methods=own, tasks={}, only={}, compared=())
                    cells += options.cells(seeds, partial(alone.measure, task, name), task, name)
        return cells

    def measure(self, task_name: str, method: str, context: CellContext) -> list[Measurement]:
        """Runs one method on one task; `default` also runs the baselines."""
        task = load_task(task_name)
        predictor = trained_predictor(context, task, self.predictor, self.labels)
        family = self.families.get(method, "default")
        path = trained_generator(context, task.space, self.generators[family], self.training, family)
        generator = load_generator(path, context.device).generator
        draw = Sampling(task, generator, predictor, self.labels, self.samples, context)
        guidance = self.methods.get(method)
        if guidance is None:
            assert self.finetuning is not None
            found = {method: draw.finetuned(self.finetuning)}
        elif isinstance(guidance.proposal, ClassifierFree):
            found = {method: draw.conditioned(guidance, guidance.proposal, self.generators["default"], self.conditional_steps)}
        else:
            found = {method: draw.guided(guidance)}
        if method == "default":
            pool = max(1, found["default"].scored // self.samples)
            found["unguided"] = draw.guided(GuidanceMethod(0.0))
            found["best of N"] = draw.guided(GuidanceMethod(1e6, Unguided(), pool, None))
            found["whole space"] = draw.whole_space()
            found["mutation"] = draw.mutated()
        where = task.space.name, task.name
        return [m for name, each in found.items() for m in measurements(*where, name, "", each.values(task), self.labels)]
