"""The suite `calibration`: coverage of conformal intervals and false discovery rate of conformal selection."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist, fmean, stdev
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import Count, NonNegative
from nag.core.signatures import checked
from nag.predictors import (
    ConformalIntervals,
    Prediction,
    Predictor,
    candidate_scores,
    conformal_p_values,
    select,
    select_optimised,
)
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.page import PagedSuite
from nag.suites.parts.calibration_draw import CalibrationDraw
from nag.tasks import Task, load_task

__all__ = ["CalibrationSuite"]

_ANY_LEVEL = "any q"
_FEW_LABELS = {"normal", "P > 1 - q", "mean above"}  # methods without calibration
_Found = defaultdict[tuple[str, str], list[dict[str, float]]]  # (method, setting) -> metrics on each split


@checked
@dataclass(frozen=True)
class CalibrationSuite(PagedSuite):
    """Compares conformal intervals and selections with the predictor's own normal distribution.

    Args:
        predictor: (space=..., seed=...) -> the untrained predictor.
        interval_tasks: Tasks on which intervals are measured.
        selection_tasks: Tasks on which selections are measured.
        labels: Labels that the predictor is fitted to.
        calibration: Further labels for calibration.
        test: Maximum number of further architectures to test on.
        splits: Random splits of the others into calibration and test, for each fit.
        seeds: Fits for each task of intervals; each is a cell.
        fits: Fits for each task of selections; all are one cell.
        folds: Folds of the intervals that are calibrated on held-out labels (CV+).
        coverages: Nominal coverages of intervals.
        levels: Nominal false discovery rates of selections.
        percentile: Percentile of the search metric in the table that defines the architectures to select.

    Raises:
        InvalidRequest: A number is out of range.
    """

    predictor: Callable[..., Predictor]
    interval_tasks: Sequence[str]
    selection_tasks: Sequence[str]
    labels: Annotated[int, Field(ge=2)] = 100
    calibration: Count = 200
    test: Count = 5000
    splits: Count = 20
    seeds: Count = 5
    fits: Annotated[int, Field(ge=2)] = 10
    folds: Annotated[int, Field(ge=2)] = 3
    coverages: Sequence[float] = (0.8, 0.9, 0.95)
    levels: Sequence[float] = (0.1, 0.2, 0.3)
    percentile: NonNegative = 90.0

    name = "calibration"

    def __post_init__(self) -> None:
        for share in (*self.coverages, *self.levels, self.percentile / 100):
            if not 0 < share < 1:
                raise InvalidRequest(f"the suite has a share of {share:g}", "It lies between 0 and 1.")

    def words(self) -> dict[str, Any]:
        """The settings, and sums of them."""
        return {**super().words(), "every": self.labels + self.calibration, "others": self.calibration + self.test}

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each task of intervals and seed, and one for each task of selections."""
        kinds = (
            ("intervals", self.interval_tasks, self.seeds, self.measure_intervals),
            ("selection", self.selection_tasks, 1, self.measure_selection),
        )
        cells = list[Cell]()
        for kind, tasks, seeds, measure in kinds:
            for task in tasks:
                self._check_size(task, len(load_task(task).rows))
                cells += options.cells(seeds, partial(measure, task), kind, task)
        return cells

    def measure_intervals(self, task_name: str, context: CellContext) -> list[Measurement]:
        """Coverage and width of intervals."""
        draw, found = self._draw(task_name, context.seed, context), _Found(list)
        predicted, true = draw.predict(draw.fitted, draw.others), draw.targets[draw.others]
        for calibration, test in draw.splits(self.splits, torch.Generator().manual_seed(context.seed)):
            here, conformal = predicted[test], ConformalIntervals.calibrate(predicted[calibration], true[calibration])
            for coverage in self.coverages:
                bounds = {"split conformal": conformal.interval(here, coverage), "normal": _normal(here, coverage)}
                _add_covered(found, coverage, bounds, true[test], here.mean)
        cross, folds = draw.cross(self.folds)
        whole, true = draw.predict(draw.labelled, draw.unlabelled), draw.targets[draw.unlabelled]
        for coverage in self.coverages:
            bounds = {"CV+": cross.interval(folds, coverage), "normal, all labels fitted": _normal(whole, coverage)}
            _add_covered(found, coverage, bounds, true, whole.mean)
        means = {key: _means(numbers) for key, numbers in sorted(found.items(), key=lambda item: item[0][1])}
        for key, numbers in found.items():
            means[key]["coverage_spread"] = stdev(n["coverage"] for n in numbers) if len(numbers) > 1 else math.nan
        return self._measurements(draw.task, means)

    def measure_selection(self, task_name: str, context: CellContext) -> list[Measurement]:
        """False discovery proportion and power of selections."""
        seeds = range(context.seed * self.fits, (context.seed + 1) * self.fits)
        draws = [self._draw(task_name, seed, context) for seed in seeds]
        by_fit = [{key: _means(numbers) for key, numbers in self._selections(draw).items()} for draw in draws]
        means = {key: _means([found[key] for found in by_fit]) for key in sorted(by_fit[0], key=lambda key: key[1])}
        for key in means:
            means[key]["fdp_error"] = stdev(found[key]["fdp"] for found in by_fit) / math.sqrt(self.fits)
        return self._measurements(draws[0].task, means)

    def _draw(self, task: str, seed: int, context: CellContext) -> CalibrationDraw:
        sizes = (self.labels, self.calibration, self.test)
        draw = CalibrationDraw.of(load_task(task), self.predictor, sizes, seed, context)
        self._check_size(task, len(draw.fitted) + len(draw.others))
        return draw

    def _check_size(self, task: str, count: int) -> None:
        """Raises `InvalidRequest` if no architecture is left for testing."""
        needed = self.labels + self.calibration
        if count <= needed:
            raise InvalidRequest(f"task {task} has {count} different architectures", f"The suite needs more than {needed}.")

    def _selections(self, draw: CalibrationDraw) -> _Found:
        """Metrics of each rule's selection on each split."""
        found = _Found(list)
        threshold = float(draw.targets[torch.from_numpy(draw.task.rows)].quantile(self.percentile / 100))
        scores = candidate_scores(draw.predict(draw.fitted, draw.others), threshold)
        exceeds, rng = draw.targets[draw.others] > threshold, torch.Generator().manual_seed(draw.seed)
        for calibration, test in draw.splits(self.splits, rng):
            known, seen, new, true = scores[:, calibration], exceeds[calibration], scores[:, test], exceeds[test]
            for level in self.levels:
                single = select(conformal_p_values(known[0], seen, new[0]), level)
                found["split conformal", f"q={level:g}"].append(_selection_metrics(single, true))
                several = select_optimised(known, seen, new, level, rng).selected
                found["OptCS", f"q={level:g}"].append(_selection_metrics(several, true))
            _add_naive(found, "", new, true, self.levels)
        whole = candidate_scores(draw.predict(draw.labelled, draw.unlabelled), threshold)
        _add_naive(found, ", all labels fitted", whole, draw.targets[draw.unlabelled] > threshold, self.levels)
        return found

    def _measurements(self, task: Task, means: Mapping[tuple[str, str], Mapping[str, float]]) -> list[Measurement]:
        every = self.labels + self.calibration
        return [
            measurement
            for (method, setting), found in means.items()
            for measurement in measurements(
                task.space.name, task.name, method, setting, found, self.labels if method in _FEW_LABELS else every
            )
        ]


def _add_covered(
    found: _Found, coverage: float, bounds: Mapping[str, tuple[Tensor, Tensor]], true: Tensor, mean: Tensor
) -> None:
    """Adds coverage and width of each method's intervals."""
    best = mean.topk(max(1, len(mean) // 10)).indices
    for method, (lower, upper) in bounds.items():
        inside, width = ((lower <= true) & (true <= upper)).double(), upper - lower
        values = {"coverage": inside, "coverage_best": inside[best], "width": width}
        means = {name: float(value.mean()) for name, value in values.items()}
        found[method, f"coverage={coverage:g}"].append({**means, "width_median": float(width.median())})


def _add_naive(found: _Found, suffix: str, scores: Tensor, true: Tensor, levels: Sequence[float]) -> None:
    """Adds the rules that trust the predictor's distribution."""
    for level in levels:
        sure = scores[-1] > NormalDist().inv_cdf(1 - level)
        found[f"P > 1 - q{suffix}", f"q={level:g}"].append(_selection_metrics(sure, true))
    found[f"mean above{suffix}", _ANY_LEVEL].append(_selection_metrics(scores[-1] > 0, true))


def _selection_metrics(selected: Tensor, true: Tensor) -> dict[str, float]:
    count, right = int(selected.sum()), int((selected & true).sum())
    fdp, power = (count - right) / max(count, 1), right / max(int(true.sum()), 1)
    return {"fdp": fdp, "power": power, "selected": float(count), "empty": float(count == 0)}


def _normal(predicted: Prediction, coverage: float) -> tuple[Tensor, Tensor]:
    half = NormalDist().inv_cdf((1 + coverage) / 2) * predicted.measurement_std
    return predicted.mean - half, predicted.mean + half


def _means(numbers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {metric: fmean(each[metric] for each in numbers) for metric in numbers[0]}
