import numpy as np
import pytest

from nag.evaluation import TableEvaluator
from nag.graphs import Architecture, DagBatch
from nag.tasks import load_task


@pytest.fixture(scope="module")
def task():
    return load_task("nas_bench_graph/cora")


def test_values_are_those_of_the_table(task):
    rows = list(range(0, len(task.table), 997))
    archs = [task.table.architecture(row) for row in rows]
    found = TableEvaluator(task).evaluate(archs)
    assert [evaluation.architecture for evaluation in found] == archs
    assert [evaluation.search_value for evaluation in found] == [task.search_values[row] for row in rows]
    assert [evaluation.report_value for evaluation in found] == [task.report_values[row] for row in rows]
    assert [evaluation.percentile for evaluation in found] == task.percentile(task.report_values[rows]).tolist()
    for evaluation, row in zip(found, rows, strict=True):
        assert evaluation.side == {name: task.table.metric(name)[row] for name in task.secondary_metrics}
    hashes = task.table.space.canonical_hashes(task.table.dags)
    assert [evaluation.canonical_hash for evaluation in found] == [hashes[row] for row in rows]


def test_the_best_row_has_the_best_percentile(task):
    best = int(np.nanargmax(task.report_values))
    evaluation = TableEvaluator(task).evaluate([task.table.architecture(best)])[0]
    assert evaluation.report_value == task.best
    assert evaluation.percentile > 99.99


def test_what_was_not_measured_has_no_value(task):
    """A tree that the published table leaves out, and no twin of one in it."""
    space = task.table.space
    hashes = set(space.canonical_hashes(task.table.dags))
    arch = Architecture(("input", *["skip"] * 4, "output"), ((0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (2, 5), (3, 5), (4, 5)))
    assert space.canonical_hashes(space.to_dags([arch]))[0] not in hashes
    evaluation = TableEvaluator(task).evaluate([arch])[0]
    assert (evaluation.search_value, evaluation.report_value, evaluation.percentile) == (None, None, None)
    assert evaluation.side == {}
    assert evaluation.error == "the table nas_bench_graph/cora does not hold it"
    known = task.table.dags[:2]
    assert task.covers(DagBatch.cat([known, space.to_dags([arch])])).tolist() == [True, True, False]


def test_nothing_costs_nothing(task):
    assert TableEvaluator(task).evaluate([]) == []
