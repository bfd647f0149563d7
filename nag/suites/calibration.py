"""The suite `calibration`: whether intervals cover as often as they say, and selections err as seldom as they say."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist, fmean, stdev

import torch
from torch import Tensor

from nag.predictors import ConformalIntervals, Prediction, candidate_scores, conformal_p_values, select, select_optimised
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.calibration_draw import CalibrationDraw, CalibrationPreset
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.tasks import Task, load_task
from nag.training import make_fabric

__all__ = ["CalibrationJob", "CalibrationSuite", "measure_intervals", "measure_selection"]

_ANY_LEVEL = "any q"
_FEW_LABELS = {"normal", "P > 1 - q", "mean above"}  # methods that calibrate nothing
_Found = defaultdict[tuple[str, str], list[dict[str, float]]]  # (method, setting) -> its numbers on each split


@dataclass(frozen=True)
class CalibrationJob:
    """The intervals of one fit, or the selections of several.

    Args:
        task: Name of the task.
        preset: How much to compute.
        seed: Seed of labels, predictors and splits; selections take seeds from `seed * fits` on.
        device: Kind of accelerator.
    """

    task: str
    preset: CalibrationPreset
    seed: int
    device: str


class CalibrationSuite(Suite):
    """Compares conformal intervals and selections with what the predictor's own normal law says.

    Args:
        presets: Name -> how much is computed.
    """

    def __init__(self, presets: Mapping[str, CalibrationPreset]) -> None:
        self.presets = presets

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "calibration"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Intervals and selections that keep their word"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Intervals, and selections."""
        intervals = (
            Column("coverage", "labels inside"),
            Column("coverage_spread", "its spread over splits of one fit"),
            Column("coverage_best", "inside, of the predicted best tenth"),
            Column("width", "mean width", ".4g"),
            Column("width_median", "median width", ".4g"),
        )
        selection = (
            Column("fdp", "share of false ones"),
            Column("fdp_error", "its Monte-Carlo error"),
            Column("power", "power"),
            Column("selected", "selected", ".0f"),
            Column("empty", "empty selections"),
        )
        return (
            Table("intervals that should cover", intervals, ("coverage=*",)),
            Table("selections with a false discovery rate of at most q", selection, ("q=*", _ANY_LEVEL)),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        every = preset.labels + preset.calibration
        return (
            "One random architecture of each canonical class, so that nothing has a functional twin, and labels of the "
            f"search metric. A predictor is fitted to {preset.labels} of them; of at most {preset.calibration + preset.test} "
            f"random others {preset.calibration} calibrate and the rest tests, in {preset.splits} random splits for each fit. "
            f"*Split conformal*: residuals in standard deviations; its {every} labels are those of fit and calibration. "
            "*Normal*: mean ± z standard deviations as the predictor says, without calibration. The same labels spent "
            f"otherwise, on one split for each fit: *CV+* with {preset.folds} folds, and the normal law of a predictor fitted "
            f"to all {every}. Widths are in the unit of the metric. Coverage is promised for random architectures, not for "
            "the *predicted best tenth*.\n\n"
            f"Selections look for what exceeds percentile {preset.percentile:g} of the table, in {preset.fits} fits a seed "
            "times as many splits as above: by conformal p-values of the predicted mean (Jin and Candes 2023), by the best "
            "of four scores with homogeneous pruning (OptCS; Bai and Jin 2024), and by two naive rules, which bound nothing. "
            "An empty selection has a share of false ones of 0. *Power*: share selected of those that do exceed. The "
            "Monte-Carlo error is the standard error over fits, as splits of one fit depend on each other."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each task of intervals and seed, and one for each task of selections.

        Raises:
            InvalidRequest: An unknown preset, or a table too small for the labels.
            MissingData: A task's table is not there.
        """
        preset = chosen(self.presets, options)
        kinds = (
            ("intervals", preset.interval_tasks, preset.seeds, measure_intervals),
            ("selection", preset.selection_tasks, 1, measure_selection),
        )
        cells = []
        for kind, tasks, seeds, measure in kinds:
            for task in tasks:
                preset.check_size(task, len(load_task(task).rows))
                for seed in options.seeds_from(seeds):
                    job = CalibrationJob(task, preset, seed, options.device)
                    cells.append(Cell(cell_key(kind, task, f"seed{seed}"), seed, partial(measure, job)))
        return cells


def measure_intervals(job: CalibrationJob, workshop: ArtifactCache) -> list[Measurement]:
    """How often intervals hold the label, and how wide they are."""
    draw, preset, found = _draw(job, job.seed), job.preset, _Found(list)
    said, true = draw.predict(draw.fitted, draw.others), draw.goals[draw.others]
    for calibration, test in draw.splits(torch.Generator().manual_seed(job.seed)):
        here, conformal = said[test], ConformalIntervals.calibrate(said[calibration], true[calibration])
        for coverage in preset.coverages:
            bounds = {"split conformal": conformal.interval(here, coverage), "normal": _normal(here, coverage)}
            for method, (lower, upper) in bounds.items():
                found[method, f"coverage={coverage:g}"].append(_covered(lower, upper, true[test], here.mean))
    bought, test, (cross, folds) = draw.bought, draw.spare, draw.cross()
    whole = draw.predict(bought, test)
    for coverage in preset.coverages:
        bounds = {"CV+": cross.interval(folds, coverage), "normal, all labels fitted": _normal(whole, coverage)}
        for method, (lower, upper) in bounds.items():
            found[method, f"coverage={coverage:g}"].append(_covered(lower, upper, draw.goals[test], whole.mean))
    means = {key: _means(numbers) for key, numbers in sorted(found.items(), key=lambda item: item[0][1])}
    for key, numbers in found.items():
        means[key]["coverage_spread"] = stdev(n["coverage"] for n in numbers) if len(numbers) > 1 else math.nan
    return _measurements(job, draw.task, means)


def measure_selection(job: CalibrationJob, workshop: ArtifactCache) -> list[Measurement]:
    """Which share of what is selected is false, and which share of what should be is selected."""
    fits = job.preset.fits
    draws = [_draw(job, seed) for seed in range(job.seed * fits, (job.seed + 1) * fits)]
    by_fit = [{key: _means(numbers) for key, numbers in _selections(draw).items()} for draw in draws]
    means = {key: _means([found[key] for found in by_fit]) for key in sorted(by_fit[0], key=lambda key: key[1])}
    for key in means:
        means[key]["fdp_error"] = stdev(found[key]["fdp"] for found in by_fit) / math.sqrt(fits)
    return _measurements(job, draws[0].task, means)


def _draw(job: CalibrationJob, seed: int) -> CalibrationDraw:
    return CalibrationDraw.of(load_task(job.task), job.preset, seed, make_fabric(job.device).device)


def _selections(draw: CalibrationDraw) -> _Found:
    """What each rule selects, on each split."""
    preset, found = draw.preset, _Found(list)
    threshold = float(draw.goals[torch.from_numpy(draw.task.rows)].quantile(preset.percentile / 100))
    scores = candidate_scores(draw.predict(draw.fitted, draw.others), threshold)
    exceeds, rng = draw.goals[draw.others] > threshold, torch.Generator().manual_seed(draw.seed)
    for calibration, test in draw.splits(rng):
        known, seen, new, true = scores[:, calibration], exceeds[calibration], scores[:, test], exceeds[test]
        for level in preset.levels:
            single = select(conformal_p_values(known[0], seen, new[0]), level)
            found["split conformal", f"q={level:g}"].append(_judged(single, true))
            several = select_optimised(known, seen, new, level, rng).selected
            found["OptCS", f"q={level:g}"].append(_judged(several, true))
        _naive(found, "", new, true, preset.levels)
    whole = candidate_scores(draw.predict(draw.bought, draw.spare), threshold)
    _naive(found, ", all labels fitted", whole, draw.goals[draw.spare] > threshold, preset.levels)
    return found


def _naive(found: _Found, suffix: str, scores: Tensor, true: Tensor, levels: Sequence[float]) -> None:
    """Adds the rules that take the predictor at its word."""
    for level in levels:
        sure = scores[-1] > NormalDist().inv_cdf(1 - level)
        found[f"P > 1 - q{suffix}", f"q={level:g}"].append(_judged(sure, true))
    found[f"mean above{suffix}", _ANY_LEVEL].append(_judged(scores[-1] > 0, true))


def _judged(selected: Tensor, true: Tensor) -> dict[str, float]:
    count, right = int(selected.sum()), int((selected & true).sum())
    fdp, power = (count - right) / max(count, 1), right / max(int(true.sum()), 1)
    return {"fdp": fdp, "power": power, "selected": float(count), "empty": float(count == 0)}


def _normal(said: Prediction, coverage: float) -> tuple[Tensor, Tensor]:
    reach = NormalDist().inv_cdf((1 + coverage) / 2) * said.measurement_std
    return said.mean - reach, said.mean + reach


def _covered(lower: Tensor, upper: Tensor, true: Tensor, mean: Tensor) -> dict[str, float]:
    inside, width = ((lower <= true) & (true <= upper)).double(), upper - lower
    best = inside[mean.topk(max(1, len(mean) // 10)).indices]
    measured = {"coverage": inside.mean(), "coverage_best": best.mean(), "width": width.mean(), "width_median": width.median()}
    return {metric: float(value) for metric, value in measured.items()}


def _means(numbers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {metric: fmean(each[metric] for each in numbers) for metric in numbers[0]}


def _measurements(job: CalibrationJob, task: Task, means: Mapping[tuple[str, str], Mapping[str, float]]) -> list[Measurement]:
    few, every = job.preset.labels, job.preset.labels + job.preset.calibration
    return [
        Measurement(task.table.space.name, task.name, method, setting, metric, value, few if method in _FEW_LABELS else every)
        for (method, setting), found in means.items()
        for metric, value in found.items()
    ]
