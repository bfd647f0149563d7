"""The suite `proxies`: released scores are found again, and nothing is measured twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nag.core.errors import InvalidRequest
from nag.networks import NASBench201Builder
from nag.suites import SuiteOptions
from nag.suites.proxies import ProxiesSuite, ProxyRun

SMALL = NASBench201Builder(4, 1)


def measured(suite: ProxiesSuite, folder):
    cells = suite.cells(SuiteOptions())
    return {(m.method, m.metric): m.value for cell in cells for m in cell.run(cell.context(folder))}


@pytest.mark.slow
@pytest.mark.data
def test_small_networks_rank_cells_as_released_scores_do(suite_of, tmp_path):
    run = ProxyRun("small", ["flops", "synflow", "logsynflow", "naswot"], SMALL, batch_size=32, initialisations=1)
    found = measured(suite_of("proxies", "full", runs=[run], combinations={}, count=100), tmp_path)
    assert found["flops", "spearman_released"] == pytest.approx(1)
    for name in ("synflow", "logsynflow", "naswot"):
        assert found[name, "spearman_released"] > 0.95
        assert found[name, "spearman"] > 0.5


def quick(**changes) -> ProxiesSuite:
    run = ProxyRun("small", ["params", "synflow", "naswot"], SMALL, batch_size=8, initialisations=1)
    suite = ProxiesSuite([run], {"both": ["synflow", "naswot"]}, "analog_nasbench/digital", "digits", count=40, part=15)
    return replace(suite, **changes)


@pytest.mark.slow
def test_what_was_scored_before_is_not_scored_again(tmp_path):
    first = measured(quick(), tmp_path)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("products/*/scores.json")}
    assert len(made) == 9  # 40 networks, or a few less, in parts of 15, by three proxies
    assert measured(quick(), tmp_path) == first
    lost = next(path for path in made if "naswot" in path.parent.name)
    lost.unlink()
    (lost.parent / "metrics.json").unlink()
    again = measured(quick(), tmp_path)
    assert {key: value for key, value in again.items() if "cpu" not in key[1]} == {
        key: value for key, value in first.items() if "cpu" not in key[1]
    }
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("products/*/scores.json")}
    assert {path for path in made if made[path] != kept[path]} == {lost}


@pytest.mark.slow
def test_twins_share_a_network_where_proxies_cannot_tell_them_apart(tmp_path):
    found = measured(
        quick(count=300, part=300, runs=[ProxyRun("tiny", ["params", "synflow"], SMALL, 2, 1)], combinations={}), tmp_path
    )
    assert found["params", "networks"] == 300
    assert found["synflow", "networks"] < 300


def test_mistakes_are_found_before_any_work():
    with pytest.raises(InvalidRequest, match="in 2 runs"):
        quick(runs=quick().runs * 2)
    with pytest.raises(InvalidRequest, match="proxy 'zen' is in 0 runs"):
        quick(combinations={"both": ["synflow", "zen"]})
    with pytest.raises(InvalidRequest, match="unknown proxy"):
        ProxyRun("small", ["synflaw"], SMALL)
    with pytest.raises(InvalidRequest, match="has no 20000 architectures"):
        quick(count=20000).cells(SuiteOptions())
