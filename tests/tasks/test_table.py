import numpy as np
import pytest
import torch

from nag.core.errors import DamagedFile, InvalidArchitecture, InvalidRequest
from nag.graphs import DagBatch
from nag.spaces import load_space
from nag.tasks import BenchmarkTable, Metric, Task, load_task

SPACE = load_space("nasbench201")
NATIVES = (
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
    "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|",  # computes the same as the first
    "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
)
TWIN = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
STRANGER = "|avg_pool_3x3~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
OTHER = "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|"


def dags_of(*natives):
    return SPACE.to_dags([SPACE.decode(native) for native in natives])


@pytest.fixture
def table():
    metrics = {"acc": np.array([1.0, 3.0, 7.0]), "gap": np.array([np.nan, 2.0, np.nan])}
    return BenchmarkTable("toy", SPACE, dags_of(*NATIVES), metrics)


def test_every_row_finds_itself(table):
    assert table.classes_of(table.dags).tolist() == [0, 0, 1]
    np.testing.assert_array_equal(table.values("acc", table.dags), [2.0, 2.0, 7.0])
    np.testing.assert_array_equal(table.measured["acc"], [1.0, 3.0, 7.0])


def test_twins_share_a_class_and_serve_each_other(table):
    assert table.canonical.tolist() == [0, 0, 1]
    assert len(set(table.hashes)) == 3
    assert table.classes_of(dags_of(STRANGER, TWIN, OTHER)).tolist() == [0, 0, -1]
    np.testing.assert_array_equal(table.values("acc", dags_of(TWIN, OTHER, NATIVES[2])), [2.0, np.nan, 7.0])


def test_a_missing_measurement_is_taken_from_a_twin_or_is_nan(table):
    np.testing.assert_array_equal(table.values("gap", table.dags), [2.0, 2.0, np.nan])


def test_the_value_of_a_class_is_the_mean_of_its_measurements(table):
    for name in table.metrics:
        np.testing.assert_array_equal(table.metric(name), table.values(name, table.dags))
    assert table.first_rows.tolist() == [0, 2]
    assert list(table.functions) == [table.space.canonical_hashes(table.dags)[row] for row in (0, 2)]


def test_the_mean_does_not_depend_on_the_order_of_rows_and_keeps_equal_values():
    natives = [NATIVES[0], NATIVES[1], TWIN, NATIVES[0], NATIVES[1]]
    values = np.array([0.1, 0.7, 0.1, 1e-9, 93.3])
    forward = BenchmarkTable("toy", SPACE, dags_of(*natives), {"acc": values})
    backward = BenchmarkTable("toy", SPACE, dags_of(*natives[::-1]), {"acc": values[::-1].copy()})
    assert forward.metric("acc")[0] == backward.metric("acc")[0]
    same = BenchmarkTable("toy", SPACE, dags_of(*natives[:3]), {"acc": np.full(3, 0.1)})
    assert same.metric("acc").tolist() == [0.1, 0.1, 0.1]


def test_a_size_is_that_of_the_leanest_architecture_of_its_class():
    measured = {"params": np.array([3.0, 2.0, 7.0]), "acc": np.array([3.0, 2.0, 7.0])}
    table = BenchmarkTable("toy", SPACE, dags_of(*NATIVES), measured, frozenset({"params"}))
    assert table.metric("params").tolist() == [2.0, 2.0, 7.0]
    assert table.metric("acc").tolist() == [2.5, 2.5, 7.0]


def test_infinite_scores_stay_infinite_and_opposite_ones_have_no_mean():
    dags = dags_of(*NATIVES, OTHER)
    table = BenchmarkTable("toy", SPACE, dags, {"score": np.array([-np.inf, 1.0, np.inf, 2.0])})
    assert table.metric("score").tolist() == [-np.inf, -np.inf, np.inf, 2.0]
    opposite = BenchmarkTable("toy", SPACE, dags, {"score": np.array([-np.inf, np.inf, 1.0, 2.0])})
    assert np.isnan(opposite.metric("score")[:2]).all()


def test_the_optimum_is_that_of_a_class_with_both_metrics():
    dags = dags_of(*NATIVES, OTHER)
    report = np.array([1.0, 9.0, 4.0, 99.0])
    search = np.array([1.0, np.nan, 1.0, np.nan])
    task = Task(SPACE, BenchmarkTable("toy", SPACE, dags, {"search": search, "report": report}), "search", "report")
    assert task.rows.tolist() == [0, 1, 2]
    assert task.distinct_rows.tolist() == [0, 2]
    assert task.best == 5.0
    assert "3 rows, 2 functions" in task.protocol


def test_architecture_of_a_row(table):
    assert SPACE.encode(table.architecture(2)) == NATIVES[2]
    with pytest.raises(InvalidRequest, match="no row 3"):
        table.architecture(3)


def test_unknown_metric_names_the_closest(table):
    with pytest.raises(InvalidRequest, match="Did you mean 'acc'"):
        table.values("accc", table.dags)


def test_graphs_of_another_size_are_refused(table):
    with pytest.raises(InvalidArchitecture, match="padded to 9"):
        table.classes_of(table.dags.pad(9))


def test_lookup_does_not_depend_on_padding():
    space = load_space("nasbench101")
    arch = space.decode("0110/0001/0001/0000:input,conv3x3-bn-relu,maxpool3x3,output")
    small = DagBatch.from_architectures([arch], space.vocabulary)
    table = BenchmarkTable("one", space, space.to_dags([arch]), {"acc": np.ones(1)})
    assert small.max_nodes < space.max_nodes
    assert table.classes_of(small).tolist() == [0]


@pytest.mark.parametrize("metric", [np.ones(2), np.ones(3, dtype=np.float32), np.ones((3, 1))])
def test_metrics_that_do_not_fit_are_refused(metric):
    with pytest.raises(DamagedFile, match="is not 3 numbers"):
        BenchmarkTable("toy", SPACE, dags_of(*NATIVES), {"acc": metric})


def test_graphs_that_do_not_fit_are_refused():
    with pytest.raises(DamagedFile, match="not padded to 8"):
        BenchmarkTable("toy", SPACE, dags_of(*NATIVES).pad(9), {"acc": np.ones(3)})
    with pytest.raises(DamagedFile, match="no rows"):
        BenchmarkTable("toy", SPACE, dags_of(*NATIVES)[:0], {"acc": np.ones(0)})


def test_percentile_counts_the_worse_and_half_of_the_equal(table):
    column = np.array([1.0, 2.0, 2.0, 4.0, np.nan])
    dead = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    deep = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"
    wide = BenchmarkTable("toy", SPACE, dags_of(NATIVES[0], NATIVES[2], deep, OTHER, dead), {"acc": column})
    up = Task(SPACE, wide, "acc", "acc")
    down = Task(SPACE, wide, "acc", "acc", maximise=False)
    np.testing.assert_array_equal(up.percentile([0, 1, 2, 3, 4, 5, np.nan]), [0, 12.5, 50, 75, 87.5, 100, np.nan])
    np.testing.assert_array_equal(down.percentile([0, 1, 2, 3, 4, 5, np.nan]), [100, 87.5, 50, 25, 12.5, 0, np.nan])
    assert np.mean(up.percentile(column[:4])) == 50
    assert (up.best, down.best) == (4, 1)
    assert up.rows.tolist() == [0, 1, 2, 3]


def test_protocol_says_when_the_reported_metric_is_searched(table):
    same, apart = Task(SPACE, table, "acc", "acc"), Task(SPACE, table, "gap", "acc")
    assert same.searches_reported_metric
    assert "searched on the reported metric" in same.protocol
    assert not apart.searches_reported_metric
    assert apart.protocol.startswith("searched on gap, reports acc (higher is better)")
    assert apart.protocol.endswith("means over equivalent rows: 2 rows, 1 functions")
    assert apart.rows.tolist() == [0, 1]


def test_a_task_needs_metrics_of_its_table(table):
    with pytest.raises(InvalidRequest, match="no metric 'speed'"):
        Task(SPACE, table, "acc", "acc", secondary=(Metric("speed", maximise=False),))
    empty = BenchmarkTable("toy", SPACE, table.dags, {"a": np.array([1.0, 2.0, np.nan]), "b": np.array([np.inf, 3.0, 1.0])})
    with pytest.raises(InvalidRequest, match="no row with both"):
        Task(SPACE, empty, "a", "b")


def test_random_architectures_are_found_in_a_whole_table():
    table = load_task("analog_nasbench/digital").table
    rows = torch.randperm(len(table), generator=torch.Generator().manual_seed(0))[:50]
    assert table.classes_of(table.dags[rows]).tolist() == table.canonical[rows].tolist()
