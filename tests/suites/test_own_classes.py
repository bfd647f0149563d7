"""Strategies and predictors of one's own join the shipped comparisons by their import path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nag.cli.commands import COMMANDS
from nag.cli.composition import compose_options
from nag.cli.targets import build
from nag.core.errors import InvalidRequest
from nag.suites import SuiteOptions

MINE = """
import torch
from nag.predictors import Prediction
from nag.search import RandomSearch

def draw(problem, seed, shift=0):
    return RandomSearch(problem, seed + shift)

class Sizes:
    def __init__(self, space, seed): self.space = space
    def to(self, device): return self
    def fit(self, dags, targets): self.fitted = len(dags)
    def predict_scores(self, dags):
        mean = dags.ops.double().sum(1)
        return Prediction(mean, torch.ones_like(mean))
"""


@pytest.fixture
def suite_with(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)

    def made(name: str, *words: str):
        words = [word.replace("HERE", str(tmp_path)) for word in words]
        return build(compose_options("benchmark", COMMANDS["benchmark"], [f"suite={name}", "preset=quick", *words])[0].suite)

    return made


def measured(cells, folder):
    return [{m.metric: m.value for m in cell.run(cell.context(folder)) if "cpu" not in m.metric} for cell in cells]


def test_a_strategy_of_ones_own_is_searched_with_as_the_others_are(suite_with, tmp_path):
    words = ("suite.extra.mine=HERE/mine.py:draw", "suite.extra.moved=HERE/mine.py:draw", "suite.extra.moved.shift=1")
    suite = suite_with("search", *words)
    suite = replace(suite, runs=[replace(suite.runs[0], strategies=["random"], queries=10)], regrets=[10])
    cells = suite.cells(SuiteOptions())
    assert [cell.key for cell in cells[:3]] == [f"nas_bench_graph_arxiv.{name}.seed0" for name in ("random", "mine", "moved")]
    shipped, mine, moved = measured(cells[:3], tmp_path)
    assert mine == shipped != moved
    assert len({cell.fingerprint for cell in cells}) == len(cells)


def test_a_predictor_of_ones_own_ranks_as_the_others_do(suite_with, tmp_path):
    suite = suite_with("predictor", "suite.extra.sizes=HERE/mine.py:Sizes")
    cells = [cell for cell in suite.cells(SuiteOptions()) if "sizes" in cell.key]
    assert [cell.key for cell in cells] == [f"nas_bench_graph_arxiv.sizes.labels{labels}.seed0" for labels in (50, 100)]
    (found,) = measured(cells[:1], tmp_path)
    assert found["kendall_tau"] == pytest.approx(found["kendall_tau_no_twins"], abs=0.01)
    assert found["precision_at_10pct"] is not None


def test_what_cannot_be_imported_is_told(suite_with):
    with pytest.raises(InvalidRequest, match=r"suite\.extra\.mine"):
        suite_with("search", "suite.extra.mine=HERE/mine.py:Nothing")
