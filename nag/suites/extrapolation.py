"""The suite `extrapolation`: from a narrow part of a table to far beyond it, every label counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from nag.diffusion import FineTuning
from nag.evaluation import Stopwatch
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.tasks import load_task
from nag.tracking import NullTracker
from nag.training import FitOptions, make_fabric
from nag.workflows.extrapolation import extrapolate, inverted, pretrain, slice_of

__all__ = ["ExtrapolationJob", "ExtrapolationPreset", "ExtrapolationSuite", "measure_extrapolation"]

_RUNS = {
    "worst 7 %, maximise": ("worst", False),
    "random 7 %, maximise": ("random", False),
    "best 7 %, minimise": ("best", True),
}


@dataclass(frozen=True)
class ExtrapolationPreset:
    """How much the suite computes.

    Args:
        tasks: Task -> number of seeds.
        training: Length and speed of the pretraining.
        finetuning: The fine-tuning.
        budget: Labels of each fine-tuning.
        share: Share of the table to pretrain on.
        samples: Fresh samples before and after.
    """

    tasks: Mapping[str, int]
    training: FitOptions
    finetuning: FineTuning
    budget: int = 500
    share: float = 0.07
    samples: int = 1000


@dataclass(frozen=True)
class ExtrapolationJob:
    """One run.

    Args:
        task: Name of the task.
        run: Which part of the table, and the direction.
        make: (space=..., data=...) -> the untrained generator.
        preset: How much to compute.
        seed: Seed of slice, training, fine-tuning and samples.
        device: Kind of accelerator.
    """

    task: str
    run: str
    make: Callable[..., Any]
    preset: ExtrapolationPreset
    seed: int
    device: str


class ExtrapolationSuite(Suite):
    """Pretrains on a slice of a table without its labels, then fine-tunes by the table with a budget of labels.

    Args:
        generator: (space=..., data=...) -> an untrained discrete generator.
        presets: Name -> how much is computed.
    """

    def __init__(self, generator: Callable[..., Any], presets: Mapping[str, ExtrapolationPreset]) -> None:
        self.generator, self.presets = generator, presets

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "extrapolation"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Beyond the training set by reward fine-tuning"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Before and after."""
        columns = (
            Column("ceiling", "ceiling of the training set", ".2f"),
            Column("train_mean", "its mean", ".2f"),
            Column("before_mean", "mean before", ".2f"),
            Column("after_mean", "mean after", ".2f"),
            Column("before_beyond", "beyond the ceiling before", ".2f"),
            Column("after_beyond", "after", ".2f"),
            Column("after_best", "best sample after", ".2f"),
            Column("best_found", "best labelled", ".2f"),
            Column("random_best", "best of as many random labels", ".2f"),
            Column("beyond_ceiling", "best labelled beyond the ceiling by", ".2f"),
            Column("after_distinct", "functions in 1,000 samples", ".0f"),
        )
        return (Table("before and after fine-tuning", columns),)

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        return (
            f"A generator is pretrained without labels on {100 * preset.share:g} % of the table (whole functional "
            "classes, so a little less or more), those of worst, of random or of best search metric; then fine-tuned by "
            f"policy gradient with at most {preset.budget} labels of the table's search metric, twins counted once. "
            f"Values are of the report metric; {preset.samples} fresh samples before and after are looked up for this "
            "table only. Beyond: share of them better than the best of the training set. The labels that chose the slice "
            "are not counted. As many uniformly random labels stand beside."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each task, run and seed.

        Raises:
            InvalidRequest: An unknown preset.
            MissingData: A task's table is not there.
        """
        preset = chosen(self.presets, options)
        cells = []
        for task, seeds in preset.tasks.items():
            load_task(task)
            for run in _RUNS:
                for seed in options.seeds_from(seeds):
                    job = ExtrapolationJob(task, run, self.generator, preset, seed, options.device)
                    cells.append(Cell(cell_key(task, run, f"seed{seed}"), seed, partial(measure_extrapolation, job)))
        return cells


def measure_extrapolation(job: ExtrapolationJob, workshop: ArtifactCache) -> list[Measurement]:
    """Pretrains, fine-tunes and looks up."""
    which, turned = _RUNS[job.run]
    task, preset, fabric = load_task(job.task), job.preset, make_fabric(job.device)
    rows = slice_of(task, which, preset.share, job.seed)  # type: ignore[arg-type]
    watch = Stopwatch()
    generator = pretrain(task, rows, job.make, preset.training, fabric, NullTracker(), job.seed)
    pretraining = watch.cpu
    goal = inverted(task) if turned else task
    found = extrapolate(goal, generator, rows, preset.finetuning, preset.budget, job.seed, samples=preset.samples)
    draws = torch.randperm(len(task.rows), generator=torch.Generator().manual_seed(job.seed))[: preset.budget]
    values = task.report_values[task.rows[draws.numpy()]]
    random_best = goal.metrics[0].best(values)
    measured = {**found.as_metrics(), "pretraining_cpu_seconds": pretraining, "random_best": random_best}
    return [
        Measurement(task.table.space.name, task.name, job.run, "", metric, value, labels=measured["labels_used"])
        for metric, value in measured.items()
    ]
