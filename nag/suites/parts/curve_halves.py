"""Training and test runs of one cell of the suite `curves`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from nag.predictors.base import Prediction
from nag.predictors.learning_curves import CurvePredictor, CurveRegressor, CurveScale
from nag.tasks import Metric
from nag.tasks.splits import split_by_class
from nag.tasks.tables.curves import CurveTable

__all__ = ["CurveHalves"]


@dataclass(frozen=True)
class CurveHalves:
    """Runs split by group.

    Args:
        train: Complete runs that predictors are fitted to.
        test: R runs of which predictors see the first values.
        seed: Seed of the split and of predictors.
    """

    train: CurveTable
    test: CurveTable
    seed: int

    @classmethod
    def of(cls, table: CurveTable, share: float, seed: int) -> CurveHalves:
        """Splits at random.

        Args:
            table: The runs.
            share: Share of the groups that are used for training.
            seed: Seed of the split and of predictors.
        """
        split = split_by_class(table.groups, fraction=share, seed=seed)
        return cls(table.take(split.train), table.take(split.test), seed)

    @property
    def final(self) -> Tensor:
        """Final values of the test runs: (R,)."""
        return torch.from_numpy(self.test.final)

    def seen(self, budgets: int) -> Tensor:
        """The first values of the test runs: (R, budgets)."""
        return torch.from_numpy(self.test.values[:, :budgets])

    def fit(
        self, points: Sequence[int], regressors: Sequence[CurveRegressor] | None = None, with_features: bool = True
    ) -> CurvePredictor:
        """A predictor of the training runs."""
        scale, tensor = CurveScale(self.train.maximise, self.train.perfect), torch.from_numpy
        predictor = CurvePredictor(scale, points, regressors=regressors, seed=self.seed)
        features = tensor(self.train.features) if with_features else None
        predictor.fit(tensor(self.train.values), tensor(self.train.final), features, tensor(self.train.groups))
        return predictor

    def predict(self, predictor: CurvePredictor, budgets: int, with_features: bool = True) -> Prediction:
        """Predicted final values of the test runs after a number of budgets."""
        features = torch.from_numpy(self.test.features) if with_features else None
        return predictor.predict(self.seen(budgets), features)

    def constant(self) -> CurveHalves:
        """The same runs with constant curves, so that only features are informative."""
        value = float(np.median(self.train.final))
        train, test = (replace(t, values=np.full_like(t.values, value)) for t in (self.train, self.test))
        return CurveHalves(train, test, self.seed)

    def without_best(self, count: int) -> CurveTable:
        """The test runs without the best `count`, best first."""
        order = np.argsort(-Metric("final", self.test.maximise).utility(self.test.final), kind="stable")
        return self.test.take(order[count:])
