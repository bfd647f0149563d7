"""The suite `curves`: final values of training runs from their beginnings, and what stopping the others early saves."""

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
        seeds: Number of seeds of the split, the predictors, the orders and, where curves are trained, of those.
        offset: Added to all seeds: the predictor was designed on splits with seeds from 0 on.
        share: Share of the groups whose runs train the predictors.
        rules: Fitted predictor -> a rule of early stopping.
        streams: Streams of runs of each seed: the test half, and it without its best, two best, and so on.
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
            "final values from the beginnings of runs",
            (
                Column("mae", "mean absolute error", ".4f"),
                Column("median_error", "median absolute error", ".4f"),
                Column("spearman", "Spearman"),
                Column("within_std", "within ± 1 std"),
            ),
            ("epochs=*",),
        ),
        Table(
            "runs stopped early",
            (
                Column("epochs_saved", "epochs saved"),
                Column("epochs_saved_all", "training half counted"),
                Column("runs_stopped", "runs stopped"),
                Column("recall", "best run kept"),
                Column("recall_whole", "of the whole half"),
                Column("regret", "regret", ".4f"),
            ),
            ("delta=*",),
        ),
    )

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InvalidRequest(f"the suite trains on a share of {self.share:g}", "It lies between 0 and 1.")
        for rule in self.rules:
            rule(CurvePredictor(CurveScale(maximise=True), [1]))  # raises for a rule that cannot be

    @property
    def protocol(self) -> str:
        """How the numbers come about."""
        return (
            f"Runs of one architecture form a group; {self.share:.0%} of the groups, at random, train the predictors with "
            "their complete runs (their number is the *labels*), and all else is measured on the runs of the others. A curve "
            "is the validation loss in nats (`nas_bench_nlp`: a word; `small_networks`: an image) or the validation accuracy "
            "as a fraction (`nasbench101_budgets`), the final value the same of the test data after the last epoch. "
            "`epochs=5 of 50` have been seen of a run. Of `nasbench101_budgets` each budget is a separate training with its "
            "own learning-rate schedule, and a mean of three: `epochs=4+12 of 108` are two trainings, no two points on the way "
            "to the third. *Last value* takes the last value seen as the final one and uses no labels; *shifted* adds the "
            "median gain of the training runs to it, on a logarithmic scale; at the whole curve (`epochs=50 of 50`) both say "
            "how far validation and test differ. *Default* chooses, for each number of budgets, among *shifted*, ridge "
            "regression, a Gaussian process and support vectors by cross-validation, from the curve and from facts of the "
            "architecture (operations, depth, parameters; of small networks the learning rate too); *no architecture* does so "
            "from the curve alone, and *architecture alone* from a curve that tells nothing (`epochs=0`).\n\n"
            f"Early stopping replays complete runs one after the other in {self.orders} random orders. At a check, a run is "
            "stopped that with probability delta is no better than the best before it, by the held-out residuals of the best "
            "share `good` of the training runs (0.95 and 0.5 by default; `good=1`, all of them, is as published). Streams are "
            f"the test runs, and the same without their 1 to {self.streams - 1} best ones, lest all hang on one run; they "
            "overlap. *Best run kept*: share of streams and orders whose best run was trained to its end; *of the whole half*: "
            "the same of the stream that leaves none out. As many epochs spent on complete runs at random would keep the best "
            "with a probability of 1 - epochs saved. *Training half counted*: saved of the epochs of both halves, where the "
            "predictor's own runs are all complete and, if separate, trained for every budget. *Regret*: by how much the best "
            "run is better than the best one kept.\n\n"
            f"Seeds count from {self.offset} (`seed=` adds to it). Predictor and rule were designed on splits of the two "
            "published sets with seeds 0 to 4: the halves are others, the runs are the same; variants of both were measured "
            "on seeds 100 to 104 before. Small networks and the split of their images are drawn anew for each seed, and "
            "no default was chosen on them."
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
        """Predicts final values of one set from the first budgets, and replays early stopping."""
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
        """What the rule does to the streams, on average."""
        found = [_replayed(rule, halves, halves.without_best(count), self.orders) for count in range(self.streams)]
        means = {metric: fmean(each[metric] for each in found) for metric in found[0]}
        return {**means, "recall_whole": found[0]["recall"]}


def _predictions(curves: CurveSet, halves: CurveHalves, default: CurvePredictor, shifted: CurvePredictor) -> list[Measurement]:
    """Errors of each method's predictions after each number of budgets."""
    bare = halves.fit(curves.seen, with_features=False)
    blind, every = halves.blind(), len(halves.test.budgets)
    said: list[tuple[str, int, Prediction | None]]
    said = [("architecture alone", 0, blind.predict(blind.fit([1]), 1))]
    for seen in curves.seen:
        said.append(("default", seen, halves.predict(default, seen)))
        said.append(("no architecture", seen, halves.predict(bare, seen, with_features=False)))
        said += [(_SHIFTED, seen, halves.predict(shifted, seen)), ("last value", seen, None)]
    whole = halves.fit([every], [LastValue()])
    said += [(_SHIFTED, every, halves.predict(whole, every)), ("last value", every, None)]
    found = []
    for method, seen, prediction in said:
        labels = 0 if prediction is None else len(halves.train)
        values = _errors(halves, seen, prediction)
        found += measurements(curves.name, "", method, _epochs(halves.test, seen), values, labels)
    return found


def _errors(halves: CurveHalves, seen: int, said: Prediction | None) -> dict[str, float]:
    """How far predictions after so many budgets are from the final values; None predicts the last value seen."""
    mean = halves.seen(seen)[:, -1] if said is None else said.mean
    away = (mean - halves.final).abs()
    values = {
        "mae": float(away.mean()),
        "median_error": float(away.quantile(0.5)),
        "spearman": float(spearmanr(mean.numpy(), halves.final.numpy()).statistic),
    }
    within = {} if said is None else {"within_std": float((away <= said.measurement_std).double().mean())}
    return {**values, **within}


def _epochs(table: CurveTable, seen: int) -> str:
    """What was seen, in words."""
    budgets = table.budgets[:seen] if table.separate else table.budgets[:seen][-1:]
    return f"epochs={'+'.join(f'{budget:g}' for budget in budgets) or 0} of {table.budgets[-1]:g}"


def _replayed(rule: EarlyStopping, halves: CurveHalves, runs: CurveTable, orders: int) -> dict[str, float]:
    """What the rule does to one stream, on average over its orders."""
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
    """Share of the epochs of training runs and stream that is not spent, where `saved` is that of the stream."""
    full, looked = float(train.budgets[-1]), train.budgets[: rule.predictor.points[-1]]
    complete = full + (float(looked.sum()) if train.separate else 0.0)
    return 1 - (len(train) * complete + len(runs) * full * (1 - saved)) / ((len(train) + len(runs)) * full)
