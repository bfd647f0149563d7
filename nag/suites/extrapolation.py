"""The suite `extrapolation`: samples beyond the training set by reward fine-tuning, with every label counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch

from nag.diffusion import FineTuning
from nag.evaluation import Stopwatch
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.page import PagedSuite
from nag.tasks import load_task
from nag.tracking import NullTracker
from nag.training import FitOptions, make_fabric
from nag.workflows.extrapolation import extrapolate, inverted, pretrain, slice_of

__all__ = ["ExtrapolationSuite"]

_RUNS: dict[str, tuple[Literal["worst", "random", "best"], bool]] = {
    "worst 7 %, maximise": ("worst", False),
    "random 7 %, maximise": ("random", False),
    "best 7 %, minimise": ("best", True),
}


@dataclass(frozen=True)
class ExtrapolationSuite(PagedSuite):
    """Pretrains on a slice of a table without labels, then fine-tunes with a budget of the table's labels.

    Args:
        generator: (space=..., data=...) -> an untrained discrete generator.
        tasks: Task -> number of seeds of slice, training, fine-tuning and samples.
        training: Options of the pretraining.
        finetuning: Options of the fine-tuning.
        budget: Labels of each fine-tuning.
        share: Share of the table to pretrain on.
        samples: Fresh samples before and after.
    """

    generator: Callable[..., Any]
    tasks: Mapping[str, int]
    training: FitOptions
    finetuning: FineTuning
    budget: int = 500
    share: float = 0.07
    samples: int = 1000

    name = "extrapolation"

    def words(self) -> dict[str, Any]:
        """The settings, with the share in percent."""
        return {**super().words(), "percent": 100 * self.share}

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each task, run and seed."""
        cells, alone = list[Cell](), replace(self, tasks={})
        for task, seeds in self.tasks.items():
            load_task(task)
            for run in _RUNS:
                cells += options.cells(seeds, partial(alone.measure, task, run), task, run)
        return cells

    def measure(self, task_name: str, run: str, context: CellContext) -> list[Measurement]:
        """Pretrains, fine-tunes and looks up the samples."""
        (which, minimise), seed = _RUNS[run], context.seed
        task, fabric = load_task(task_name), make_fabric(context.accelerator)
        rows = slice_of(task, which, self.share, seed)
        watch = Stopwatch()
        generator = pretrain(task, rows, self.generator, self.training, fabric, NullTracker(), seed)
        pretraining = watch.cpu
        target = inverted(task) if minimise else task
        found = extrapolate(target, generator, rows, self.finetuning, self.budget, seed, samples=self.samples)
        draws = torch.randperm(len(task.rows), generator=torch.Generator().manual_seed(seed))[: self.budget]
        random_best = target.metrics[0].best(task.report_values[task.rows[draws.numpy()]])
        values = {**found.as_metrics(), "pretraining_cpu_seconds": pretraining, "random_best": random_best}
        return measurements(task.space.name, task.name, run, "", values, values["labels_used"])
