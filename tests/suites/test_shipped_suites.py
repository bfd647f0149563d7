"""Every shipped suite: its cells for each preset, and one small cell of each that is computed."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from nag.core.data_files import data_dir_set
from nag.core.errors import InvalidRequest, MissingData
from nag.diffusion import GuidanceMethod
from nag.predictors import GPPredictor
from nag.predictors.learning_curves import EarlyStopping
from nag.suites import SuiteOptions
from nag.suites.curve_sets import CurveSet, PublishedCurves
from nag.suites.guided_transfer import GuidedTransfer
from nag.suites.parts.guided_samples import Samples
from nag.suites.parts.roofline import Roofline, count_flops, measure_roofline
from nag.tasks import load_task
from nag.tasks.tables.curves import CurveTable
from nag.training import FitOptions

HAS_DATA = "NAG_DATA_DIR" in os.environ
NEEDS_DATA = {
    "guidance": {"full"},
    "peers": {"full"},
    "limits": {"full", "quick"},
    "scale": {"full"},
    "extrapolation": {"full"},
    "predictor": {"full"},
    "transfer": {"full"},
    "calibration": {"full"},
    "curves": {"full"},
    "proxies": {"full"},
    "search": {"full"},
}
METRICS = {
    "search": {"reached_optimum", "best_value", "regret_10", "search_cpu_seconds", "labels_of_other_tasks"},
    "predictor": {"kendall_tau", "kendall_tau_no_twins", "tau_ceiling", "fit_cpu_seconds", "score_cpu_seconds"},
    "transfer": {"kendall_tau", "proposed_percentile", "best_percentile"},
    "guidance": {"percentile_mean", "percentile_worst", "regret", "functional_uniqueness", "predictor_evaluations"},
    "peers": {"true_mean", "true_best", "functional_uniqueness"},
    "limits": {"kept", "gap", "returned", "hypervolume_ratio"},
    "scale": {"train_seconds_per_step", "sample_peak_mb", "train_exponent"},
    "speed": {"samples_per_cpu_second", "times_floor", "published_training_over"},
    "extrapolation": {"ceiling", "after_mean", "labels_used", "random_best"},
    "calibration": {"coverage", "coverage_spread", "coverage_best", "width"},
    "curves": {"mae", "spearman", "within_std", "epochs_saved", "epochs_saved_all", "recall", "recall_whole", "regret"},
    "proxies": {"spearman", "kendall_tau", "spearman_top", "networks_per_cpu_second", "networks"},
}


@pytest.mark.parametrize("name", sorted(METRICS))
def test_cells_have_keys_of_their_own_and_show_what_they_measure(name, suite_of):
    for preset in ("full", "quick"):
        suite = suite_of(name, preset)
        assert "{" not in suite.protocol
        shown = {column.metric for table in suite.tables for column in table.columns}
        assert shown >= METRICS[name] - {"labels_used"}
        if preset in NEEDS_DATA.get(name, set()) and not HAS_DATA:
            continue
        cells = suite.cells(SuiteOptions(preset))
        assert cells
        assert len({cell.key for cell in cells}) == len(cells)
        assert len({cell.fingerprint for cell in cells}) == len(cells)


def test_every_page_belongs_to_a_shipped_suite():
    root = Path(__file__).parents[2]
    pages, suites = ({path.stem for path in (root / folder).glob("*.yaml")} for folder in ("nag/suites/pages", "conf/suite"))
    assert pages == suites - {"peers"}  # in the setting of published work, on the page of guidance


def curves(suite):
    (of_networks,) = suite.sets
    source = replace(of_networks.source, count=20, epochs=6)
    return replace(suite, sets=[replace(of_networks, source=source, checks=[2, 4], seen=[2, 4])], streams=1, orders=1)


def extrapolation(suite):
    training, finetuning = replace(suite.training, max_steps=10), replace(suite.finetuning, rounds=1)
    return replace(suite, training=training, finetuning=finetuning, budget=30, samples=50)


def predictor(suite):
    (part,) = suite.runs
    return replace(suite, runs=[replace(part, labels=[30], methods=["gp"])])


def search(suite):
    (part,) = suite.runs
    return replace(suite, runs=[replace(part, strategies=["gp", "random"], queries=12)], regrets=[10])


def speed(suite):
    (method,) = (methods["default"] for methods in suite.methods.values())
    method = replace(method, samples=64, training=replace(method.training, max_steps=3))
    return replace(suite, methods={"nasbench201": {"default": method}}, batch=16)


def transfer(suite):
    (part,) = suite.runs
    part = replace(part, sources=part.sources[:2])
    return replace(suite, runs=[part], labels=[0], num_train=60, episodes=replace(suite.episodes, steps=2))


SMALLER = {
    "calibration": lambda suite: replace(suite, test=500, splits=2),
    "curves": curves,
    "extrapolation": extrapolation,
    "predictor": predictor,
    "proxies": lambda suite: suite,
    "search": search,
    "speed": speed,
    "transfer": transfer,
}


LONG = {"curves", "search", "speed", "transfer"}
"""Suites whose smallest cell takes seconds."""


def check_cell(suite, name, folder):
    cell = suite.cells(SuiteOptions())[0]
    found = cell.run(cell.context(folder))
    assert {m.metric for m in found if m.value is not None} >= METRICS[name]


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in SMALLER])
def test_a_small_cell_measures_what_the_tables_show(name, suite_of, tmp_path):
    check_cell(SMALLER[name](suite_of(name)), name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*sorted(SMALLER), "scale", pytest.param("limits", marks=pytest.mark.data)])
def test_a_quick_cell_measures_what_the_tables_show(name, suite_of, tmp_path):
    check_cell(suite_of(name), name, tmp_path)


@pytest.mark.slow
def test_guidance_beats_chance_in_its_own_suite(suite_of, tmp_path):
    (cell,) = suite_of("guidance", compared=["default"], labels=60, samples=20).cells(SuiteOptions())
    found = {(m.method, m.metric): m.value for m in cell.run(cell.context(tmp_path))}
    assert found["default", "percentile_mean"] > found["unguided", "percentile_mean"] + 10
    assert found["default", "predictor_evaluations"] == found["best of N", "predictor_evaluations"]
    assert found["whole space", "predictor_evaluations"] == 26206


def test_samples_none_of_which_is_valid_are_worth_nothing_that_is_known():
    task = load_task("nas_bench_graph/cora")
    found = Samples(task.table.dags[:0], raw=20, scored=100, cpu=1.0).values(task)
    assert found == {"validity": 0.0, "predictor_evaluations": 100.0, "sampling_cpu_seconds": 1.0}
    assert "percentile_mean" in Samples(task.table.dags[:3], raw=20, scored=100, cpu=1.0).values(task)


def measured(cell, folder):
    return {(m.method, m.setting, m.metric): m for m in cell.run(cell.context(folder))}


@pytest.mark.slow
def test_intervals_of_the_calibration_suite_cover_what_they_say_and_widen_with_it(suite_of, tmp_path):
    found = measured(suite_of("calibration", splits=40, folds=2).cells(SuiteOptions())[0], tmp_path)
    widths = []
    for coverage in (0.8, 0.9, 0.95):
        split = {metric: found["split conformal", f"coverage={coverage:g}", metric] for metric in ("coverage", "width")}
        # of 200 calibration labels each split is off by 0.03 at most (standard deviation), the mean of 40 by a sixth of it
        assert abs(split["coverage"].value - coverage) < 0.025
        assert split["coverage"].labels == found["CV+", f"coverage={coverage:g}", "coverage"].labels == 300
        assert found["normal", f"coverage={coverage:g}", "coverage"].labels == 100
        widths.append(split["width"].value)
    assert widths == sorted(widths)


class Overconfident:
    """A predictor that is ten times surer than it may be; a law of ranks alone must hold all the same."""

    def __init__(self, make, **options):
        self.inner = make(**options)

    def to(self, device):
        self.inner.to(device)
        return self

    def fit(self, *args):
        return self.inner.fit(*args)

    def predict(self, dags):
        said = self.inner.predict(dags)
        return replace(said, measurement_std=said.measurement_std / 10)


@pytest.mark.slow
@pytest.mark.parametrize("overconfident", [False, True])
def test_selections_of_the_calibration_suite_keep_their_level_where_naive_ones_do_not(overconfident, suite_of, tmp_path):
    quick = suite_of("calibration")
    make = partial(Overconfident, make=quick.predictor) if overconfident else quick.predictor
    suite = replace(quick, predictor=make, fits=4, levels=(0.1, 0.3))
    found = measured(suite.cells(SuiteOptions())[-1], tmp_path)
    for level in (0.1, 0.3):
        for method in ("split conformal", "OptCS"):
            names = ("fdp", "fdp_error", "selected", "empty")
            of = {name: found[method, f"q={level:g}", name].value for name in names}
            assert of["fdp"] <= level + 3 * max(of["fdp_error"], 0.02)
            assert of["fdp"] <= 1 - of["empty"]
            assert (of["selected"] > 0) == (of["empty"] < 1)
    # a rule without a guarantee breaks its level somewhere, and by far where the predictor is surer than it may be
    assert any(found["P > 1 - q", f"q={level:g}", "fdp"].value > level for level in (0.1, 0.3))
    if overconfident:
        assert found["P > 1 - q", "q=0.1", "fdp"].value > 0.1 + 3 * found["P > 1 - q", "q=0.1", "fdp_error"].value
    assert found["mean above", "any q", "fdp"].value > 0.3


def test_the_calibration_suite_refuses_what_it_cannot_measure(suite_of):
    suite = suite_of("calibration", calibration=30000)
    with pytest.raises(InvalidRequest, match="needs more than 30100"):
        suite.cells(SuiteOptions())
    with pytest.raises(InvalidRequest, match="between 0 and 1"):
        replace(suite, coverages=(0.9, 90))


def made_up_curves(separate: bool) -> CurveTable:
    """80 runs that rise to their final value with a gain that a feature tells."""
    rng, budgets = np.random.default_rng(0), np.array([1.0, 2.0, 4.0, 8.0])
    final, gain = rng.random(80), 0.5 + rng.random(80)
    values = final[:, None] - gain[:, None] / budgets + 0.01 * rng.standard_normal((80, 4)) / budgets
    groups = np.arange(80) // 2
    return CurveTable("made_up", budgets, values, final, True, groups, gain[:, None], ("gain",), separate=separate)


@pytest.mark.slow
@pytest.mark.parametrize("separate", [False, True])
def test_the_curves_suite_finds_what_the_architecture_tells_and_counts_epochs(separate, suite_of, tmp_path):
    curves = CurveSet("made_up", PublishedCurves(partial(made_up_curves, separate=separate)), checks=[1, 2], seen=[1])
    rules = [EarlyStopping, partial(EarlyStopping, delta=1.0)]
    (cell,) = suite_of("curves", sets=[curves], rules=rules).cells(SuiteOptions())
    found = measured(cell, tmp_path)

    def error(method: str) -> float:
        return found[method, "epochs=1 of 8", "mae"].value

    assert error("default") < error("no architecture") / 2 < error("last value, shifted")
    assert error("last value, shifted") < error("last value") / 2
    assert abs(found["architecture alone", "epochs=0 of 8", "spearman"].value) < 0.4  # the feature tells the gain alone
    whole = found["last value", "epochs=1+2+4+8 of 8" if separate else "epochs=8 of 8", "mae"]
    assert whole.value == pytest.approx(1 / 8, abs=0.02)  # the mean gain is 1, over 8 epochs
    assert (found["default", "epochs=1 of 8", "mae"].labels, whole.labels) == (40, 0)
    for method in ("default", "last value, shifted"):
        names = ("epochs_saved", "epochs_saved_all", "runs_stopped", "recall", "regret")
        saved, of_all, *others = (found[method, "delta=1, good=0.5", name].value for name in names)
        assert others == [0, 1, 0]  # nothing is stopped and nothing is lost
        assert saved == pytest.approx(of_all) == pytest.approx(-3 / 8 if separate else 0)
        stopped = {name: found[method, "delta=0.95, good=0.5", name].value for name in names}
        assert stopped["epochs_saved"] > stopped["epochs_saved_all"] > saved


def test_a_strategy_that_is_not_in_the_search_suite_is_told(suite_of):
    suite = suite_of("search")
    with pytest.raises(InvalidRequest, match="evolutoin") as caught:
        replace(suite, runs=[replace(suite.runs[0], strategies=["evolutoin"])]).cells(SuiteOptions())
    assert "evolution" in caught.value.hint


def test_adapters_are_cells_of_their_own_on_which_the_others_do_not_depend(suite_of):
    suite = suite_of("transfer")
    with_adapters, without = (
        {cell.key: cell.fingerprint for cell in each.cells(SuiteOptions())} for each in (suite, replace(suite, adapters=None))
    )
    assert without.items() < with_adapters.items()
    assert set(with_adapters) - set(without) == {"nas_bench_graph_cora.adapters.seed0"}


@pytest.mark.slow
def test_adapters_of_the_transfer_suite_share_their_networks_and_gain_from_labels(suite_of, tmp_path):
    suite = suite_of("transfer", num_train=300, labels=[60, 0])
    one, other = (cell for cell in suite.cells(SuiteOptions(seeds=2)) if "adapters" in cell.key)
    found = measured(one, tmp_path)
    tau = {k: found["adapters (AIO-P)", f"k={k}", "kendall_tau"] for k in (0, 60)}
    assert tau[60].value > tau[0].value > 0.1
    assert (tau[60].labels, tau[0].labels) == (60, 0)
    products = sorted((tmp_path / "products").iterdir())
    assert len(products) == 3  # the base, and an adapter for each of two further tasks
    again = measured(other, tmp_path)
    assert sorted((tmp_path / "products").iterdir()) == products
    assert again["adapters (AIO-P)", "k=0", "kendall_tau"].value == tau[0].value


@pytest.mark.slow
def test_guided_samples_none_of_which_is_valid_have_no_percentiles(suite_of, tmp_path):
    make = suite_of("guidance").generators["default"]
    guided = GuidedTransfer(make, FitOptions(max_steps=1), GPPredictor, GuidanceMethod(0.0), labels=10, samples=2, seeds=1)
    suite = transfer(suite_of("transfer", guided=guided))
    (cell,) = (cell for cell in suite.cells(SuiteOptions()) if "guided" in cell.key)
    found = {m.metric: m.value for m in cell.run(cell.context(tmp_path)) if m.method == "meta-predictor"}
    assert found["guided_percentile"] is found["guided_best_percentile"] is None
    assert found["sampling_cpu_seconds"] > 0


def test_the_curves_suite_starts_where_its_design_did_not_look_and_adds_seeds(suite_of):
    seeds = [cell.seed for cell in suite_of("curves").cells(SuiteOptions(seeds=2, first_seed=3))]
    assert seeds == [103, 104]


def test_the_curves_suite_finds_mistakes_before_any_work(suite_of, tmp_path):
    with pytest.raises(MissingData, match=r"rnn_nlp_recipes\.jsonl\.gz"), data_dir_set(tmp_path):
        suite_of("curves", "full").cells(SuiteOptions())
    quick = suite_of("curves")
    for points in ({"checks": [3, 8, 15, 30]}, {"checks": [0, 3, 8, 15]}, {"seen": []}, {"seen": [4]}):
        with pytest.raises(InvalidRequest, match="cannot be observed"):
            replace(quick, sets=[replace(quick.sets[0], **points)]).cells(SuiteOptions())
    for change in ({"share": 1.0}, {"streams": 0}, {"rules": [partial(EarlyStopping, delta=2.0)]}):
        with pytest.raises(InvalidRequest):
            replace(quick, **change)


def test_the_floor_is_the_slower_of_computing_and_moving():
    roof = Roofline(flops=100.0, bandwidth=10.0)
    assert roof.floor(200.0, 10.0) == 2.0
    assert roof.floor(200.0, 50.0) == 5.0


def test_operations_of_a_product_are_counted_and_rates_are_plausible():
    a = torch.randn(16, 32)
    assert count_flops(lambda: a @ a.T) == 2 * 16 * 16 * 32
    roof = measure_roofline(torch.device("cpu"))
    assert 1e8 < roof.flops < 1e15
    assert 1e8 < roof.bandwidth < 1e13
