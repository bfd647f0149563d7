"""The suite `curves`: final values of training runs from their beginnings, and what stopping the others early saves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean

import torch
from scipy.stats import spearmanr

from nag.predictors.base import Prediction
from nag.predictors.learning_curves import EarlyStopping, LastValue, simulate_early_stopping
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.curve_halves import CurveHalves
from nag.suites.curve_sets import CurveSet, CurvesPreset
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.tasks.tables.curves import CurveTable

__all__ = ["CurvesJob", "CurvesSuite", "measure_curves"]

_SHIFTED = "last value, shifted"


@dataclass(frozen=True)
class CurvesJob:
    """One set of curves and one seed.

    Args:
        curves: The curves.
        preset: How much to compute.
        seed: Seed of the split, the predictors, the orders and, where curves are trained, of those.
    """

    curves: CurveSet
    preset: CurvesPreset
    seed: int


class CurvesSuite(Suite):
    """Compares the learning-curve predictor with the last value seen.

    Args:
        presets: Name -> how much is computed.
    """

    def __init__(self, presets: Mapping[str, CurvesPreset]) -> None:
        self.presets = presets

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "curves"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Learning curves: final values foretold, and runs stopped early"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Predictions, and early stopping."""
        prediction = (
            Column("mae", "mean absolute error", ".4f"),
            Column("median_error", "median absolute error", ".4f"),
            Column("spearman", "Spearman"),
            Column("within_std", "within ± 1 std"),
        )
        stopping = (
            Column("epochs_saved", "epochs saved"),
            Column("epochs_saved_all", "training half counted"),
            Column("runs_stopped", "runs stopped"),
            Column("recall", "best run kept"),
            Column("recall_whole", "of the whole half"),
            Column("regret", "regret", ".4f"),
        )
        return (
            Table("final values from the beginnings of runs", prediction, ("epochs=*",)),
            Table("runs stopped early", stopping, ("delta=*",)),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        return (
            f"Runs of one architecture form a group; {preset.share:.0%} of the groups, at random, train the predictors with "
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
            f"Early stopping replays complete runs one after the other in {preset.orders} random orders. At a check, a run is "
            "stopped that with probability delta is no better than the best before it, by the held-out residuals of the best "
            "share `good` of the training runs (0.95 and 0.5 by default; `good=1`, all of them, is as published). Streams are "
            f"the test runs, and the same without their 1 to {preset.streams - 1} best ones, lest all hang on one run; they "
            "overlap. *Best run kept*: share of streams and orders whose best run was trained to its end; *of the whole half*: "
            "the same of the stream that leaves none out. As many epochs spent on complete runs at random would keep the best "
            "with a probability of 1 - epochs saved. *Training half counted*: saved of the epochs of both halves, where the "
            "predictor's own runs are all complete and, if separate, trained for every budget. *Regret*: by how much the best "
            "run is better than the best one kept.\n\n"
            f"Seeds count from {preset.offset} (`seed=` adds to it). Predictor and rule were designed on splits of the two "
            "published sets with seeds 0 to 4: the halves are others, the runs are the same; variants of both were measured "
            "on seeds 100 to 104 before. Small networks and the split of their images are drawn anew for each seed, and "
            "no default was chosen on them."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each set of curves and seed.

        Raises:
            InvalidRequest: An unknown preset, a set that cannot be looked at as it says, or a rule that cannot be.
            MissingData: Curves are not there.
        """
        preset, cells = chosen(self.presets, options), []
        for curves in preset.sets:
            curves.check()
            for seed in options.seeds_from(preset.seeds):
                job = CurvesJob(curves, preset, preset.offset + seed)
                cells.append(Cell(cell_key(curves.name, f"seed{job.seed}"), job.seed, partial(measure_curves, job)))
        return cells


def measure_curves(job: CurvesJob, workshop: ArtifactCache) -> list[Measurement]:
    """Predicts final values from the first budgets, and replays early stopping."""
    curves, preset = job.curves, job.preset
    halves = CurveHalves.of(curves.source.load(job.seed), preset.share, job.seed)
    default, shifted = halves.fit(curves.checks), halves.fit(curves.checks, [LastValue()])
    bare = halves.fit(curves.seen, with_features=False)
    blind, every, found = halves.blind(), len(halves.test.budgets), _Found(curves, len(halves.train))
    found.add_prediction("architecture alone", halves, 0, blind.predict(blind.fit([1]), 1))
    for seen in curves.seen:
        found.add_prediction("default", halves, seen, halves.predict(default, seen))
        found.add_prediction("no architecture", halves, seen, halves.predict(bare, seen, with_features=False))
        found.add_prediction(_SHIFTED, halves, seen, halves.predict(shifted, seen))
        found.add_prediction("last value", halves, seen, None)
    whole = halves.fit([every], [LastValue()])
    found.add_prediction(_SHIFTED, halves, every, halves.predict(whole, every))
    found.add_prediction("last value", halves, every, None)
    for make in preset.rules:
        for method, predictor in (("default", default), (_SHIFTED, shifted)):
            rule = make(predictor)
            stopped = _stopped(rule, halves, preset)
            found.add(method, f"delta={rule.delta:g}, good={rule.good:g}", stopped, found.labels)
    return found.measurements


@dataclass
class _Found:
    """Collects what is measured of one set of curves, by predictors of so many complete runs."""

    curves: CurveSet
    labels: int
    measurements: list[Measurement] = field(default_factory=list)

    def add(self, method: str, setting: str, measured: Mapping[str, float], labels: int) -> None:
        self.measurements += [
            Measurement(self.curves.name, "", method, setting, metric, value, labels) for metric, value in measured.items()
        ]

    def add_prediction(self, method: str, halves: CurveHalves, seen: int, said: Prediction | None) -> None:
        """Adds the errors of a prediction after so many budgets, or of the last value seen."""
        mean = halves.seen(seen)[:, -1] if said is None else said.mean
        away = (mean - halves.final).abs()
        measured = {
            "mae": float(away.mean()),
            "median_error": float(away.quantile(0.5)),
            "spearman": float(spearmanr(mean.numpy(), halves.final.numpy()).statistic),
        }
        if said is not None:
            measured["within_std"] = float((away <= said.measurement_std).double().mean())
        self.add(method, _epochs(halves.test, seen), measured, 0 if said is None else self.labels)


def _epochs(table: CurveTable, seen: int) -> str:
    """What was seen, in words."""
    budgets = table.budgets[:seen] if table.separate else table.budgets[:seen][-1:]
    return f"epochs={'+'.join(f'{budget:g}' for budget in budgets) or 0} of {table.budgets[-1]:g}"


def _stopped(rule: EarlyStopping, halves: CurveHalves, preset: CurvesPreset) -> dict[str, float]:
    """What the rule does to the streams, on average."""
    found = [_replayed(rule, halves, halves.without_best(count), preset.orders) for count in range(preset.streams)]
    means = {metric: fmean(each[metric] for each in found) for metric in found[0]}
    return {**means, "recall_whole": found[0]["recall"]}


def _replayed(rule: EarlyStopping, halves: CurveHalves, runs: CurveTable, orders: int) -> dict[str, float]:
    """What the rule does to one stream, on average over its orders."""
    tensor = torch.from_numpy
    replay = simulate_early_stopping(
        rule,
        tensor(runs.values),
        tensor(runs.final),
        tensor(runs.budgets),
        torch.Generator().manual_seed(halves.seed),
        features=tensor(runs.features),
        orders=orders,
        separate=runs.separate,
    )
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
