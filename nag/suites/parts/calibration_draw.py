"""What the suite `calibration` draws from a table for one fit: labels to fit, labels to calibrate, and test labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from nag.predictors import CrossConformalIntervals, Prediction, Predictor
from nag.suites.running.context import CellContext
from nag.tasks import Task

__all__ = ["CalibrationDraw"]


@dataclass(frozen=True)
class CalibrationDraw:
    """Rows of a table in random order, each of a canonical class of its own: those that one fit uses.

    Args:
        task: The task.
        make: (space=..., seed=...) -> the untrained predictor.
        seed: Seed of rows, predictors and splits.
        device: Where predictors live.
        fitted: (labels,) int64, rows that a predictor is fitted to.
        others: (calibration + test,) int64, rows that calibrate and test.
        calibration: How many of the others calibrate.
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
        """Draws one row of each canonical class, and of these what is needed.

        Args:
            task: The task.
            make: (space=..., seed=...) -> the untrained predictor.
            sizes: How many rows are fitted, how many calibrate and how many test at most.
            seed: Seed of rows, predictors and splits.
            context: Where predictors live.
        """
        rng = np.random.default_rng(seed)
        shuffled = rng.permutation(task.rows)
        alone = shuffled[np.unique(task.table.canonical[shuffled], return_index=True)[1]]
        rows = torch.from_numpy(rng.permutation(alone)[: sum(sizes)])
        return cls(task, make, seed, context.device, rows[: sizes[0]], rows[sizes[0] :], sizes[1])

    @cached_property
    def goals(self) -> Tensor:
        """The search metric of each row of the table, more being better."""
        return torch.tensor(self.task.utility(self.task.search_values))

    @property
    def bought(self) -> Tensor:
        """Rows of all labels on the one split of those methods that fit to calibration labels too."""
        return torch.cat([self.fitted, self.others[: self.calibration]])

    @property
    def spare(self) -> Tensor:
        """The test rows on that split."""
        return self.others[self.calibration :]

    def splits(self, number: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Positions among the others: those that calibrate and those that test, at random."""
        for _ in range(number):
            order = torch.randperm(len(self.others), generator=rng)
            yield order[: self.calibration], order[self.calibration :]

    def predict(self, fitted: Tensor, rows: Tensor) -> Prediction:
        """What a predictor that is fitted to some rows says of others."""
        dags = self.task.table.dags
        predictor = self.make(space=self.task.table.space, seed=self.seed).to(self.device)
        predictor.fit(dags[fitted].to(self.device), self.goals[fitted])
        return predictor.predict(dags[rows].to(self.device)).to("cpu")

    def cross(self, folds: int) -> tuple[CrossConformalIntervals, list[Prediction]]:
        """Intervals that all labels fit and calibrate, and what the predictor of each fold says of the test rows."""
        bought, rows = self.bought, torch.cat([self.bought, self.spare])
        own = torch.arange(len(bought))
        fold = own % folds
        said = [self.predict(bought[fold != number], rows) for number in range(folds)]
        held_out = Prediction.cat(said)[fold * len(rows) + own]
        conformal = CrossConformalIntervals.calibrate(held_out, self.goals[bought], fold)
        return conformal, [p[len(bought) :] for p in said]
