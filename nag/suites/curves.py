"""The suite `curves`: learning-curve extrapolation and early stopping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean

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
from nag.suites.curve_sets import CurveSet
from nag.suites.parts.curve_halves import CurveHalves
from nag.suites.running.cells import Cell, Measurement, measurements
from nag.suites.running.context import CellContext
from nag.suites.suite import Column, Suite, SuiteOptions, Table
from nag.tasks.tables.curves import CurveTable

__all__ = ["CurvesSuite"]

_SHIFTED = "last value, shifted"


@checked
@dataclass(frozen=True)
class CurvesSuite(Suite):
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
    title = "Learning curves: extrapolation and early stopping"
    tables = (
        Table(
            "prediction of final values",
            (
                Column("mae", "mean absolute error", ".4f"),
                Column("median_error", "median absolute error", ".4f"),
                Column("spearman", "Spearman"),
                Column("within_std", "within ± 1 std"),
            ),
            ("epochs=*",),
        ),
        Table(
            "early stopping",
            (
                Column("epochs_saved", "epochs saved"),
                Column("epochs_saved_all", "including the training half"),
                Column("runs_stopped", "runs stopped"),
                Column("recall", "best run kept"),
                Column("recall_whole", "best run of the test half kept"),
                Column("regret", "regret", ".4f"),
            ),
            ("delta=*",),
        ),
    )

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InvalidRequest(f"the suite trains on a share of {self.share:g}", "It lies between 0 and 1.")
        for rule in self.rules:
            rule(CurvePredictor(CurveScale(maximise=True), [1]))  # raises for an invalid rule

    @property
    def protocol(self) -> str:
        """Measurement protocol."""
        return (
            f"Runs of one architecture form a group; the complete runs of a random {self.share:.0%} of the groups train the "
            "predictors (their number is the *labels*), and everything is measured on the runs of the others. A curve is the "
            "validation loss in nats (`nas_bench_nlp`: per word; `small_networks`: per image) or the validation accuracy as a "
            "fraction (`nasbench101_budgets`); the final value is the same metric on test data after the last epoch. "
            "`epochs=5 of 50`: five epochs of a run are observed. In `nasbench101_budgets` each budget is a separate training "
            "with its own learning-rate schedule, and a mean of three: `epochs=4+12 of 108` are two trainings, not two points "
            "of the third. *Last value* predicts the last value seen and uses no labels; *shifted* adds the median gain of the "
            "training runs, on a logarithmic scale; at the whole curve (`epochs=50 of 50`) both measure the difference between "
            "validation and test. *Default* selects, for each number of budgets, among *shifted*, ridge regression, a Gaussian "
            "process and support vectors by cross-validation, with the curve and features of the architecture (operations, "
            "depth, parameters; for small networks also the learning rate); *no architecture* uses the curve only, and "
            "*architecture alone* only the features (`epochs=0`).\n\n"
            f"Early stopping replays complete runs one after the other in {self.orders} random orders. At a check, a run is "
            "stopped if with probability delta it is no better than the best run before, by the held-out residuals of the best "
            "share `good` of the training runs (0.95 and 0.5 by default; `good=1`, all of them, is as published). Streams are "
            f"the test runs, and the same without their 1 to {self.streams - 1} best, so that results do not depend on a "
            "single run; they overlap. *Best run kept*: share of streams and orders whose best run was trained to the end; "
            "*best run of the test half kept*: the same for the stream of all test runs. Spending as many epochs on random "
            "complete runs would keep the best with a probability of 1 - epochs saved. *Including the training half*: share "
            "saved of the epochs of both halves, where the predictor's training runs are all complete and, if separate, "
            "trained for every budget. *Regret*: difference between the best run and the best run kept.\n\n"
            f"Seeds start at {self.offset} (`seed=` is added). Predictor and rule were developed on splits of the two "
            "published sets with seeds 0 to 4: the splits differ, the runs are the same; variants of both were measured on "
            "seeds 100 to 104 before. Small networks and the split of their images are drawn again for each seed, and no "
            "default was chosen on them."
        )

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
