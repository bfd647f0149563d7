"""Every shipped suite: its cells for each preset, and one small cell of each that is computed."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from nag.workflows.suites import SuiteOptions, Workshop
from nag.workflows.suites.roofline import Roofline, count_flops, measure_roofline

HAS_DATA = "NAG_DATA_DIR" in os.environ
NEEDS_DATA = {
    "guidance": {"full"},
    "peers": {"full"},
    "limits": {"full", "quick"},
    "scale": {"full"},
    "extrapolation": {"full"},
}
METRICS = {
    "guidance": {"percentile_mean", "percentile_worst", "regret", "functional_uniqueness", "predictor_evaluations"},
    "peers": {"true_mean", "true_best", "functional_uniqueness"},
    "limits": {"kept", "gap", "returned", "hypervolume_ratio"},
    "scale": {"train_seconds_per_step", "sample_peak_mb", "train_exponent"},
    "speed": {"samples_per_cpu_second", "times_floor", "published_training_over"},
    "extrapolation": {"ceiling", "after_mean", "labels_used", "random_best"},
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
    "name", ["extrapolation", "guidance", "scale", "speed", pytest.param("limits", marks=pytest.mark.data)]
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
