"""Random split of a table for the suite `calibration`: labels for fitting, for calibration and for testing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from nag.predictors import CrossConformalIntervals, Prediction, Predictor
from nag.suites import CellContext
from nag.tasks import Task

__all__ = ["CalibrationDraw"]


@dataclass(frozen=True)
class CalibrationDraw:
    """Random rows of a table for one fit, one row of each canonical class.

    Args:
        task: The task.
        make: (space=..., seed=...) -> the untrained predictor.
        seed: Seed of rows, predictors and splits.
        device: Device of the predictors.
        fitted: (labels,) int64, rows that a predictor is fitted to.
        others: (calibration + test,) int64, rows for calibration and test.
        calibration: Number of calibration rows.
    """

    task: Task
    make: Callable[..., Predictor]
    seed: int
    device: torch.device
    fitted: Tensor
    others: Tensor
    calibration: int

    @classmethod
    def of(
        cls, task: Task, make: Callable[..., Predictor], sizes: tuple[int, int, int], seed: int, context: CellContext
    ) -> CalibrationDraw:
        """Draws one row of each canonical class, up to the given sizes.

        Args:
            task: The task.
            make: (space=..., seed=...) -> the untrained predictor.
            sizes: Numbers of rows for fitting and calibration, and the maximum for testing.
            seed: Seed of rows, predictors and splits.
            context: Has the device of the predictors.
        """
        rng = np.random.default_rng(seed)
        shuffled = rng.permutation(task.rows)
        alone = shuffled[np.unique(task.table.canonical[shuffled], return_index=True)[1]]
        rows = torch.from_numpy(rng.permutation(alone)[: sum(sizes)])
        return cls(task, make, seed, context.device, rows[: sizes[0]], rows[sizes[0] :], sizes[1])

    @cached_property
    def targets(self) -> Tensor:
        """The search metric of each row of the table, sign-adjusted so that greater is better."""
        return torch.tensor(self.task.utility(self.task.search_values))

    @property
    def labelled(self) -> Tensor:
        """All labelled rows, for methods that also fit to calibration labels, on a single split."""
        return torch.cat([self.fitted, self.others[: self.calibration]])

    @property
    def unlabelled(self) -> Tensor:
        """The test rows of that split."""
        return self.others[self.calibration :]

    def splits(self, number: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Random splits of the positions of the others, into calibration and test."""
        for _ in range(number):
            order = torch.randperm(len(self.others), generator=rng)
            yield order[: self.calibration], order[self.calibration :]

    def predict(self, fitted: Tensor, rows: Tensor) -> Prediction:
        """Fits a predictor to some rows and predicts others."""
        dags = self.task.table.dags
        predictor = self.make(space=self.task.table.space, seed=self.seed).to(self.device)
        predictor.fit(dags[fitted].to(self.device), self.targets[fitted])
        return predictor.predict(dags[rows].to(self.device)).to("cpu")

    def cross(self, folds: int) -> tuple[CrossConformalIntervals, list[Prediction]]:
        """Cross-conformal intervals from all labels, and the predictions of each fold's predictor for the test rows."""
        labelled, rows = self.labelled, torch.cat([self.labelled, self.unlabelled])
        own = torch.arange(len(labelled))
        fold = own % folds
        predictions = [self.predict(labelled[fold != number], rows) for number in range(folds)]
        held_out = Prediction.cat(predictions)[fold * len(rows) + own]
        conformal = CrossConformalIntervals.calibrate(held_out, self.targets[labelled], fold)
        return conformal, [p[len(labelled) :] for p in predictions]
