"""Observations: a table of measured architectures that comes back from pandas and CSV as it was."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.spaces import load_space
from nag.tasks import BenchmarkTable, Metric, Objective, Observations, Task

SPACE = load_space("nasbench201")
METRICS = (Metric("accuracy"), Metric("latency", maximise=False, unit="ms"))


@pytest.fixture
def seen() -> Observations:
    archs = SPACE.sample(5, seed=0)
    return Observations(SPACE, archs, {"accuracy": [1, 5, math.nan, 4, 2], "latency": [1, 9, 1, 2, 3]}, METRICS)


def same(one: Observations, other: Observations) -> bool:
    columns = all(np.array_equal(one.values(name), other.values(name), equal_nan=True) for name in one.columns)
    return one.hashes == other.hashes and one.metrics == other.metrics and columns


@pytest.mark.parametrize("values", [2.0, np.array([1.0, -2.0]), torch.tensor([1.0, math.inf])])
def test_a_utility_changes_the_sign_where_less_is_better(values):
    assert np.array_equal(Metric("a").utility(values), values)
    less = Metric("a", maximise=False)
    assert np.array_equal(less.utility(values), -values)
    assert np.array_equal(less.utility(less.utility(values)), values)


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "a", "bounds": (1.0, 0.0)}, {"name": "a", "bounds": (0.0, math.nan)}])
def test_a_metric_without_a_name_or_with_impossible_bounds_is_refused(wrong):
    with pytest.raises(InvalidRequest):
        Metric(**wrong)


def test_places_slices_and_masks_choose_observations(seen):
    assert len(seen) == 5
    assert [each.architecture for each in seen] == list(seen.architectures)
    assert seen[-1].values == {"accuracy": 2.0, "latency": 3.0}
    assert seen[1].canonical_hash == seen.hashes[1] == SPACE.canonical_hashes(seen.dags)[1]
    for chosen in (seen[1:3], seen[[1, 2]], seen[np.array([False, True, True, False, False])]):
        assert chosen.architectures == seen.architectures[1:3]
        assert chosen.values("latency").tolist() == [9.0, 1.0]
    with pytest.raises(IndexError):
        seen[5]


def test_pandas_and_csv_give_back_what_they_got(seen, tmp_path):
    frame = seen.to_pandas()
    assert list(frame) == ["arch", "canonical_hash", "accuracy", "latency"]
    assert same(Observations.from_pandas(frame, SPACE, METRICS), seen)
    frame.to_csv(tmp_path / "seen.csv", index=False)
    assert same(Observations.from_csv(tmp_path / "seen.csv", SPACE, METRICS), seen)
    assert [metric.name for metric in Observations.from_pandas(frame, SPACE).metrics] == ["accuracy", "latency"]


def test_a_frame_with_a_stranger_or_without_a_column_is_refused(seen):
    frame = seen.to_pandas()
    with pytest.raises(InvalidRequest, match="accuracy"):
        Observations.from_pandas(frame, SPACE, ["acuracy"])
    with pytest.raises(InvalidRequest, match="native"):
        Observations.from_pandas(frame, SPACE, arch_column="native")
    with pytest.raises(InvalidArchitecture, match="row 1"):
        Observations.from_pandas(pd.DataFrame({"arch": [frame.arch[0], "nonsense"], "a": [1, 2]}), SPACE)


def test_parts_make_the_whole(seen):
    assert same(Observations.concat([seen[:2], seen[2:]]), seen)
    other = Observations(SPACE, seen.architectures[:1], {"energy": [7.0]}, (Metric("energy"),))
    joined = Observations.concat([seen, other])
    assert np.isnan(joined.values("energy")[:5]).all()
    assert joined.values("energy")[5] == 7.0
    with pytest.raises(InvalidRequest, match="two ways"):
        Observations.concat([seen, Observations(SPACE, seen.architectures[:1], {"latency": [7.0]}, (Metric("latency"),))])
    with pytest.raises(InvalidRequest):
        Observations.concat([])


def test_the_best_is_feasible(seen):
    assert seen.best().values["accuracy"] == 5.0
    assert seen.best(Objective.single("accuracy", True, {"latency": 3})).values["accuracy"] == 4.0
    assert seen.best(Objective.single("latency", False)).values["latency"] == 1.0
    assert seen.best(Objective.single("accuracy", True, {"latency": 0.5})) is None


def test_columns_that_do_not_fit_are_refused(seen):
    for columns, metrics in [({"a": [1.0]}, ()), ({"a": [1.0, 2.0]}, (Metric("a"),)), ({"a": [1.0]}, (Metric("b"),))]:
        with pytest.raises(InvalidRequest):
            Observations(SPACE, seen.architectures[:1], columns, metrics)


def test_a_notebook_shows_a_short_table(seen):
    many = Observations.concat([seen] * 4)
    assert many._repr_html_().count("<tr") == 11
    assert "20 architectures" in many._repr_html_()
    assert "accuracy" in repr(seen)


def test_a_task_measures_what_its_table_holds(seen):
    table = BenchmarkTable("toy", SPACE, seen.dags[:2], {name: seen.values(name)[:2] for name in seen.columns})
    task = Task(table.space, table, "accuracy", "accuracy", secondary=(METRICS[1],))
    found = task.measure(list(seen.architectures))
    assert [(metric.name, metric.maximise) for metric in found.metrics] == [("accuracy", True), ("latency", False)]
    assert found.values()[:2].tolist() == [1.0, 5.0]
    assert len(task.measure([])) == 0
    known = [digest in set(seen.hashes[:2]) for digest in found.hashes]
    assert np.isfinite(found.values("latency")).tolist() == known


def test_sampling_a_space_is_reproducible():
    assert SPACE.sample(4, seed=1) == SPACE.sample(4, seed=1) != SPACE.sample(4, seed=2)
    assert SPACE.sample(0) == []
    with pytest.raises(InvalidRequest):
        SPACE.sample(-1)
