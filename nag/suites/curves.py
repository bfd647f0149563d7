"""The suite `curves`: learning-curve extrapolation and early stopping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Any

import torch
from scipy.stats import spearmanr

from nag.core.errors import InvalidRequest
from nag.core.numbers import Count, Size
from nag.core.signatures import checked
from nag.predictors.base import Prediction
from nag.predictors.learning_curves import (
    CompleteRuns,
    CurvePredictor,
    CurveScale,
    EarlyStopping,
    LastValue,
    simulate_early_stopping,
)
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.curve_sets import CurveSet
from nag.suites.page import PagedSuite
from nag.suites.parts.curve_halves import CurveHalves
from nag.tasks.tables.curves import CurveTable

__all__ = ["CurvesSuite"]

_SHIFTED = "last value, shifted"


@checked
@dataclass(frozen=True)
class CurvesSuite(PagedSuite):
    """Compares the learning-curve predictor with the last value seen.

    Args:
        sets: Sets of curves.
        seeds: Number of seeds of the split, the predictors, the orders and the trained curves.
        offset: Added to all seeds: the predictor was developed on splits with seeds from 0 on.
        share: Share of the groups whose runs train the predictors.
        rules: Fitted predictor -> an early-stopping rule.
        streams: Streams of runs for each seed: the test half, and the test half without its best, two best, and so on.
        orders: Random orders in which each stream is replayed.

    Raises:
        InvalidRequest: A number is out of range.
    """

    sets: Sequence[CurveSet]
    seeds: Count = 5
    offset: Size = 100
    share: float = 0.5
    rules: Sequence[Callable[[CurvePredictor], EarlyStopping]] = (EarlyStopping, partial(EarlyStopping, good=1.0))
    streams: Count = 8
    orders: Count = 15

    name = "curves"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InvalidRequest(f"the suite trains on a share of {self.share:g}", "It lies between 0 and 1.")
        for rule in self.rules:
            rule(CurvePredictor(CurveScale(maximise=True), [1]))  # raises for an invalid rule

    def words(self) -> dict[str, Any]:
        """The settings, and how many of the best runs are left out at most."""
        return {**super().words(), "left_out": self.streams - 1}

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each set of curves and seed."""
        moved, cells = replace(options, first_seed=options.first_seed + self.offset), list[Cell]()
        for curves in self.sets:
            curves.check()
            alone = replace(self, sets=(curves,))
            cells += moved.cells(self.seeds, alone.measure, curves.name)
        return cells

    def measure(self, context: CellContext) -> list[Measurement]:
        """Predicts final values of one set from the first budgets, and simulates early stopping."""
        (curves,) = self.sets
        halves = CurveHalves.of(curves.source.load(context.seed), self.share, context.seed)
        default, shifted = halves.fit(curves.checks), halves.fit(curves.checks, [LastValue()])
        found = _predictions(curves, halves, default, shifted)
        for make in self.rules:
            for method, predictor in (("default", default), (_SHIFTED, shifted)):
                rule = make(predictor)
                setting = f"delta={rule.delta:g}, good={rule.good:g}"
                found += measurements(curves.name, "", method, setting, self._stopped(rule, halves), len(halves.train))
        return found

    def _stopped(self, rule: EarlyStopping, halves: CurveHalves) -> dict[str, float]:
        """Mean metrics of a rule over the streams."""
        found = [_replayed(rule, halves, halves.without_best(count), self.orders) for count in range(self.streams)]
        means = {metric: fmean(each[metric] for each in found) for metric in found[0]}
        return {**means, "recall_whole": found[0]["recall"]}


def _predictions(curves: CurveSet, halves: CurveHalves, default: CurvePredictor, shifted: CurvePredictor) -> list[Measurement]:
    """Errors of each method's predictions after each number of budgets."""
    without = halves.fit(curves.seen, with_features=False)
    constant, every = halves.constant(), len(halves.test.budgets)
    predictions: list[tuple[str, int, Prediction | None]]
    predictions = [("architecture alone", 0, constant.predict(constant.fit([1]), 1))]
    for seen in curves.seen:
        predictions.append(("default", seen, halves.predict(default, seen)))
        predictions.append(("no architecture", seen, halves.predict(without, seen, with_features=False)))
        predictions += [(_SHIFTED, seen, halves.predict(shifted, seen)), ("last value", seen, None)]
    whole = halves.fit([every], [LastValue()])
    predictions += [(_SHIFTED, every, halves.predict(whole, every)), ("last value", every, None)]
    found = []
    for method, seen, prediction in predictions:
        labels = 0 if prediction is None else len(halves.train)
        values = _errors(halves, seen, prediction)
        found += measurements(curves.name, "", method, _epochs(halves.test, seen), values, labels)
    return found


def _errors(halves: CurveHalves, seen: int, predicted: Prediction | None) -> dict[str, float]:
    """Errors of predictions after a number of budgets; None predicts the last value seen."""
    mean = halves.seen(seen)[:, -1] if predicted is None else predicted.mean
    error = (mean - halves.final).abs()
    values = {
        "mae": float(error.mean()),
        "median_error": float(error.quantile(0.5)),
        "spearman": float(spearmanr(mean.numpy(), halves.final.numpy()).statistic),
    }
    within = {} if predicted is None else {"within_std": float((error <= predicted.measurement_std).double().mean())}
    return {**values, **within}


def _epochs(table: CurveTable, seen: int) -> str:
    """The setting of a number of budgets."""
    budgets = table.budgets[:seen] if table.separate else table.budgets[:seen][-1:]
    return f"epochs={'+'.join(f'{budget:g}' for budget in budgets) or 0} of {table.budgets[-1]:g}"


def _replayed(rule: EarlyStopping, halves: CurveHalves, runs: CurveTable, orders: int) -> dict[str, float]:
    """Mean metrics of a rule on one stream over its orders."""
    tensor = torch.from_numpy
    stream = CompleteRuns(tensor(runs.values), tensor(runs.final), tensor(runs.budgets), tensor(runs.features), runs.separate)
    replay = simulate_early_stopping(rule, stream, torch.Generator().manual_seed(halves.seed), orders)
    saved = float(replay.saved.mean())
    return {
        "epochs_saved": saved,
        "epochs_saved_all": _saved_of_all(saved, halves.train, runs, rule),
        "runs_stopped": float(replay.stopped.mean()),
        "recall": float(replay.kept_best.double().mean()),
        "regret": float(replay.regret.mean()),
    }


def _saved_of_all(saved: float, train: CurveTable, runs: CurveTable, rule: EarlyStopping) -> float:
    """Share saved of the epochs of training runs and stream, from the share `saved` of the stream."""
    full, checked_at = float(train.budgets[-1]), train.budgets[: rule.predictor.points[-1]]
    complete = full + (float(checked_at.sum()) if train.separate else 0.0)
    return 1 - (len(train) * complete + len(runs) * full * (1 - saved)) / ((len(train) + len(runs)) * full)
