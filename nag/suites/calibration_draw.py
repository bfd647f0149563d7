"""What the suite `calibration` draws from a table for one fit: labels to fit, labels to calibrate, and test labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import Count, NonNegative
from nag.core.signatures import checked
from nag.predictors import CrossConformalIntervals, Prediction, Predictor
from nag.tasks import Task

__all__ = ["CalibrationDraw", "CalibrationPreset"]


@checked
@dataclass(frozen=True)
class CalibrationPreset:
    """How much the suite computes.

    Args:
        predictor: (space=..., seed=...) -> the untrained predictor.
        interval_tasks: Tasks on which intervals are measured.
        selection_tasks: Tasks on which selections are measured.
        labels: Labels that the predictor is fitted to.
        calibration: Further labels, which calibrate.
        test: Other architectures at most, on which both are measured.
        splits: Random splits of the others, for each fit, into those that calibrate and those that test.
        seeds: Fits for each task of intervals; each is a cell.
        fits: Fits for each task of selections; all are one cell.
        folds: Predictors of the intervals that calibrate by held-out labels (CV+).
        coverages: Stated coverages of intervals.
        levels: Greatest false discovery rates of selections.
        percentile: Percentile of the search metric, in the table, that the selected shall exceed.

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

    def __post_init__(self) -> None:
        for share in (*self.coverages, *self.levels, self.percentile / 100):
            if not 0 < share < 1:
                raise InvalidRequest(f"the suite has a share of {share:g}", "It lies between 0 and 1.")

    def check_size(self, task: str, count: int) -> None:
        """Raises `InvalidRequest` if `count` architectures leave none to test on."""
        needed = self.labels + self.calibration
        if count <= needed:
            raise InvalidRequest(f"task {task} has {count} different architectures", f"The suite needs more than {needed}.")


@dataclass(frozen=True)
class CalibrationDraw:
    """Rows of a table in random order, each of a canonical class of its own: those that one fit uses.

    Args:
        task: The task.
        preset: How much to compute.
        seed: Seed of rows, predictors and splits.
        device: Where predictors live.
        fitted: (labels,) int64, rows that a predictor is fitted to.
        others: (calibration + test,) int64, rows that calibrate and test.
    """

    task: Task
    preset: CalibrationPreset
    seed: int
    device: torch.device
    fitted: Tensor
    others: Tensor

    @classmethod
    def of(cls, task: Task, preset: CalibrationPreset, seed: int, device: torch.device) -> CalibrationDraw:
        """Draws one row of each canonical class, and of these what is needed.

        Raises:
            InvalidRequest: There are not enough classes.
        """
        rng = np.random.default_rng(seed)
        shuffled = rng.permutation(task.rows)
        alone = shuffled[np.unique(task.table.canonical[shuffled], return_index=True)[1]]
        preset.check_size(task.name, len(alone))
        rows = torch.from_numpy(rng.permutation(alone)[: preset.labels + preset.calibration + preset.test])
        return cls(task, preset, seed, device, rows[: preset.labels], rows[preset.labels :])

    @cached_property
    def goals(self) -> Tensor:
        """The search metric of each row of the table, more being better."""
        return torch.tensor(self.task.utility(self.task.search_values))

    @property
    def bought(self) -> Tensor:
        """Rows of all labels on the one split of those methods that fit to calibration labels too."""
        return torch.cat([self.fitted, self.others[: self.preset.calibration]])

    @property
    def spare(self) -> Tensor:
        """The test rows on that split."""
        return self.others[self.preset.calibration :]

    def splits(self, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Positions among the others: those that calibrate and those that test, at random."""
        for _ in range(self.preset.splits):
            order = torch.randperm(len(self.others), generator=rng)
            yield order[: self.preset.calibration], order[self.preset.calibration :]

    def predict(self, fitted: Tensor, rows: Tensor) -> Prediction:
        """What a predictor that is fitted to some rows says of others."""
        dags = self.task.table.dags
        predictor = self.preset.predictor(space=self.task.table.space, seed=self.seed).to(self.device)
        predictor.fit(dags[fitted].to(self.device), self.goals[fitted])
        return predictor.predict(dags[rows].to(self.device)).to("cpu")

    def cross(self) -> tuple[CrossConformalIntervals, list[Prediction]]:
        """Intervals that all labels fit and calibrate, and what the predictor of each fold says of the test rows."""
        bought, rows = self.bought, torch.cat([self.bought, self.spare])
        own = torch.arange(len(bought))
        fold = own % self.preset.folds
        said = [self.predict(bought[fold != number], rows) for number in range(self.preset.folds)]
        held_out = Prediction.cat(said)[fold * len(rows) + own]
        conformal = CrossConformalIntervals.calibrate(held_out, self.goals[bought], fold)
        return conformal, [p[len(bought) :] for p in said]
