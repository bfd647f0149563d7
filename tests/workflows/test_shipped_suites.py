"""Every shipped suite: its cells for each preset, and one small cell of each that is computed."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from nag.errors import InvalidRequest
from nag.workflows.suites import SuiteOptions, Workshop
from nag.workflows.suites.roofline import Roofline, count_flops, measure_roofline

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
}
METRICS = {
    "predictor": {"kendall_tau", "kendall_tau_no_twins", "tau_ceiling", "fit_cpu_seconds", "score_cpu_seconds"},
    "transfer": {"kendall_tau", "proposed_percentile", "best_percentile"},
    "guidance": {"percentile_mean", "percentile_worst", "regret", "functional_uniqueness", "predictor_evaluations"},
    "peers": {"true_mean", "true_best", "functional_uniqueness"},
    "limits": {"kept", "gap", "returned", "hypervolume_ratio"},
    "scale": {"train_seconds_per_step", "sample_peak_mb", "train_exponent"},
    "speed": {"samples_per_cpu_second", "times_floor", "published_training_over"},
    "extrapolation": {"ceiling", "after_mean", "labels_used", "random_best"},
    "calibration": {"coverage", "coverage_spread", "coverage_best", "width"},
}


def suite_of(name: str):
    with initialize_config_module("nag.conf", version_base="1.3"):
        return instantiate(compose("benchmark", overrides=[f"suite={name}"]).suite)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_cells_have_keys_of_their_own_and_show_what_they_measure(name):
    suite = suite_of(name)
    for preset in suite.presets:
        if preset in NEEDS_DATA.get(name, set()) and not HAS_DATA:
            continue
        options = SuiteOptions(preset)
        cells = suite.cells(options)
        assert cells
        assert len({cell.key for cell in cells}) == len(cells)
        assert len({cell.fingerprint for cell in cells}) == len(cells)
        assert "{" not in suite.protocol(options)
    shown = {column.metric for table in suite.tables for column in table.columns}
    assert shown >= METRICS[name] - {"labels_used"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "calibration",
        "extrapolation",
        "guidance",
        "predictor",
        "scale",
        "speed",
        "transfer",
        pytest.param("limits", marks=pytest.mark.data),
    ],
)
def test_a_quick_cell_measures_what_the_tables_show(name, tmp_path):
    suite = suite_of(name)
    cell = suite.cells(SuiteOptions("quick"))[0]
    found = list(cell.run(Workshop(tmp_path)))
    assert {m.metric for m in found} >= METRICS[name]
    assert {m.metric for m in found if m.value is not None} >= METRICS[name]


@pytest.mark.slow
def test_guidance_beats_chance_in_its_own_suite(tmp_path):
    suite = suite_of("guidance")
    suite.presets["quick"] = replace(suite.presets["quick"], methods=["default"], labels=60, samples=20)
    (cell,) = suite.cells(SuiteOptions("quick"))
    found = {(m.method, m.metric): m.value for m in cell.run(Workshop(tmp_path))}
    assert found["default", "percentile_mean"] > found["unguided", "percentile_mean"] + 10
    assert found["default", "predictor_evaluations"] == found["best of N", "predictor_evaluations"]
    assert found["whole space", "predictor_evaluations"] == 26206


def measured(cell, folder):
    return {(m.method, m.setting, m.metric): m for m in cell.run(Workshop(folder))}


@pytest.mark.slow
def test_intervals_of_the_calibration_suite_cover_what_they_say_and_widen_with_it(tmp_path):
    suite = suite_of("calibration")
    suite.presets["quick"] = replace(suite.presets["quick"], splits=40, folds=2)
    found = measured(suite.cells(SuiteOptions("quick"))[0], tmp_path)
    widths = []
    for coverage in (0.8, 0.9, 0.95):
        split = {metric: found["split conformal", f"coverage={coverage:g}", metric] for metric in ("coverage", "width")}
        # of 200 calibration labels each split is off by 0.03 at most (standard deviation), the mean of 40 by a sixth of it
        assert abs(split["coverage"].value - coverage) < 0.025
        assert split["coverage"].labels == found["CV+", f"coverage={coverage:g}", "coverage"].labels == 300
        assert found["normal", f"coverage={coverage:g}", "coverage"].labels == 100
        widths.append(split["width"].value)
    assert widths == sorted(widths)


@pytest.mark.slow
def test_selections_of_the_calibration_suite_keep_their_level_where_naive_ones_do_not(tmp_path):
    suite = suite_of("calibration")
    suite.presets["quick"] = replace(suite.presets["quick"], fits=4, levels=(0.1, 0.3))
    found = measured(suite.cells(SuiteOptions("quick"))[-1], tmp_path)
    for level in (0.1, 0.3):
        for method in ("split conformal", "OptCS"):
            names = ("fdp", "fdp_error", "selected", "empty")
            of = {name: found[method, f"q={level:g}", name].value for name in names}
            assert of["fdp"] <= level + 3 * max(of["fdp_error"], 0.02)
            assert of["fdp"] <= 1 - of["empty"]
            assert (of["selected"] > 0) == (of["empty"] < 1)
        assert found["P > 1 - q", f"q={level:g}", "fdp"].value > level
    assert found["mean above", "any q", "fdp"].value > 0.3


def test_the_calibration_suite_refuses_what_it_cannot_measure():
    suite = suite_of("calibration")
    suite.presets["quick"] = replace(suite.presets["quick"], calibration=30000)
    with pytest.raises(InvalidRequest, match="needs more than 30100"):
        suite.cells(SuiteOptions("quick"))
    with pytest.raises(InvalidRequest, match="between 0 and 1"):
        replace(suite.presets["quick"], coverages=(0.9, 90))


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
