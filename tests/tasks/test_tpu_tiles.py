from __future__ import annotations

import os
import shutil
from collections import defaultdict
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch

from nag.core.errors import DamagedFile, MissingData
from nag.graphs import canonical_hashes, levels, to_networkx
from nag.tasks import load_task
from nag.tasks.splits import split_by_class

pytestmark = pytest.mark.data
FILE = "tpu_tile_dags.npz"


@pytest.fixture(scope="module")
def task():
    return load_task("tpu_tiles/runtime")


@pytest.fixture(scope="module")
def arrays():
    with np.load(Path(os.environ["NAG_DATA_DIR"]) / FILE) as found:
        return dict(found)


def test_less_is_better_and_the_search_sees_what_is_reported(task):
    assert not task.maximise
    assert task.searches_reported_metric
    assert task.best == task.report_values.min()
    assert "lower is better" in task.protocol
    assert task.percentile(task.best) > 99.8


def test_graphs_are_those_of_the_file_against_its_edges(task, arrays):
    dags, ops = task.table.dags, arrays["node_op"]
    assert len(task.table) == 630
    assert dags.num_nodes.tolist() == (np.diff(arrays["graph_ptr"]) + 2).tolist()
    vocabulary = task.table.space.vocabulary
    for row in range(0, 630, 40):
        start, end = arrays["graph_ptr"][row : row + 2]
        pairs = slice(*arrays["edge_ptr"][row : row + 2])
        expected = nx.DiGraph()
        expected.add_nodes_from((i, {"op": f"op_{op}"}) for i, op in enumerate(ops[start:end]))
        expected.add_edges_from(zip(arrays["edge_dst"][pairs].tolist(), arrays["edge_src"][pairs].tolist(), strict=True))
        sources = [v for v in expected if expected.in_degree(v) == 0]
        expected.add_nodes_from([("in", {"op": "input"}), ("out", {"op": "output"})])
        expected.add_edges_from([*(("in", v) for v in sources), (0, "out")])
        found = to_networkx(task.table.architecture(row))
        assert [found.nodes[v]["op"] for v in found][1:-1] == [vocabulary[op + 2] for op in ops[start:end][::-1]]
        assert nx.is_isomorphic(found, expected, node_match=lambda a, b: a["op"] == b["op"])


def test_longest_paths_are_the_published_ones(task):
    longest = levels(task.table.dags).amax(1) - 1  # in nodes of the program: two edges lead from the input and to the output
    assert (int(longest.min()), int(longest.median()), int(longest.max())) == (2, 11, 27)


def test_equal_graphs_are_one_class_whatever_their_order(task):
    dags, space = task.table.dags, task.table.space
    rows = defaultdict(list)
    for row, (ops, adjacency) in enumerate(zip(dags.ops.numpy(), dags.adjacency.numpy(), strict=True)):
        rows[ops.tobytes() + adjacency.tobytes()].append(row)
    assert len(rows) == 309  # as spelled in the file
    assert len(set(task.table.canonical.tolist())) == 302  # 7 of them are others with their nodes in another order
    spellings = defaultdict(list)
    for same in rows.values():
        assert len(set(task.table.canonical[same].tolist())) == 1
        spellings[int(task.table.canonical[same[0]])].append(same[0])
    pairs = [found for found in spellings.values() if len(found) > 1]
    assert len(pairs) == 7
    for first, second in pairs:
        graphs = (to_networkx(task.table.architecture(row)) for row in (first, second))
        assert nx.is_isomorphic(*graphs, node_match=lambda a, b: a["op"] == b["op"])

    few = dags[:60]
    noise = torch.rand(few.ops.shape, generator=torch.Generator().manual_seed(0)) * 0.9
    order = torch.where(few.mask, levels(few) + noise, few.max_nodes).argsort(1)
    moved = few.take_nodes(order)
    assert not torch.equal(moved.ops, few.ops)
    assert canonical_hashes(moved, space.semantics) == canonical_hashes(few, space.semantics)


def test_no_graph_stands_on_both_sides_of_a_split(task):
    split = split_by_class(task.table.canonical, num_train=200, seed=0)
    train, test = (set(np.array(task.table.hashes)[rows].tolist()) for rows in (split.train, split.test))
    assert not train & test
    assert len(split.test) > 150


def test_another_file_is_damaged_and_none_is_missing(tmp_path):
    with pytest.raises(MissingData, match=FILE):
        load_task("tpu_tiles/runtime", tmp_path)
    shutil.copyfile(Path(os.environ["NAG_DATA_DIR"]) / FILE, tmp_path / FILE)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-1])
    with pytest.raises(DamagedFile, match=FILE):
        load_task("tpu_tiles/runtime", tmp_path)
