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
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.page import PagedSuite
from nag.suites.parts.guided_samples import Sampling
from nag.suites.parts.products import trained_generator, trained_predictor
from nag.tasks import load_task
from nag.training import FitOptions

__all__ = ["GuidanceSuite"]

_FINETUNED = "reward fine-tuning"


@dataclass(frozen=True)
class GuidanceSuite(PagedSuite):
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
    page = "guidance"

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
