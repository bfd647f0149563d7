from __future__ import annotations

import dataclasses
import gzip
import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from nag.core.data_files import data_dir_set
from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.graphs import DagBatch, canonical_forms
from nag.tasks import load_task, split_by_class
from nag.tasks.benchmarks.nas_bench_nlp import parse_runs, read_nas_bench_nlp
from nag.tasks.benchmarks.nasbench101_budgets import read_nasbench101_budgets
from nag.tasks.tables.curves import CurveTable

FILES = {"rnn_nlp_recipes.jsonl.gz": read_nas_bench_nlp, "learning_curves.npz": read_nasbench101_budgets}
RECIPE = {
    "h_new_0": {"op": "blend", "input": ["gate", "h_prev_0", "act"]},
    "gate": {"op": "activation_sigm", "input": ["mixed"]},
    "mixed": {"op": "linear", "input": ["x", "h_prev_0"]},
    "act": {"op": "activation_tanh", "input": ["mixed"]},
}


def table(runs: int = 30, points: int = 4) -> CurveTable:
    rng = np.random.default_rng(0)
    return CurveTable(
        name="made_up",
        budgets=np.arange(1.0, points + 1),
        values=rng.random((runs, points)),
        final=rng.random(runs),
        maximise=True,
        groups=np.repeat(np.arange(runs // 3), 3).astype(np.int64),
        features=rng.random((runs, 2)),
        feature_names=("a", "b"),
    )


def run(**changes) -> dict:
    losses = [5.0 - 0.01 * epoch for epoch in range(50)]
    row = {"status": "OK", "recipe": RECIPE, "params_wikitext2": 1000, "val_loss": losses, "test_loss": losses}
    return {**row, **changes}


def test_rows_are_taken_together():
    whole = table()
    rows = np.array([5, 2])
    part = whole.take(rows)
    assert len(part) == 2
    for name in ("values", "final", "groups", "features"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[rows])
    assert len(whole.take(whole.groups == 1)) == 3


def test_a_split_never_parts_a_group():
    whole = table(300)
    for seed in range(5):
        split = split_by_class(whole.groups, fraction=0.5, seed=seed)
        assert not set(whole.groups[split.train]) & set(whole.groups[split.test])
        assert len(split.train) + len(split.test) == len(whole)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("values", np.full((30, 4), np.nan)),
        ("values", np.zeros((30, 3))),
        ("final", np.full(30, np.inf)),
        ("groups", np.zeros(30)),
        ("features", np.zeros((29, 2))),
        ("feature_names", ("a",)),
        ("budgets", np.array([1.0, 3.0, 3.0, 4.0])),
        ("budgets", np.array([0.0, 1.0, 2.0, 3.0])),
    ],
)
def test_a_table_that_does_not_fit_together_is_refused(part, value):
    with pytest.raises(InvalidRequest):
        dataclasses.replace(table(), **{part: value})


def test_an_empty_table_is_refused():
    with pytest.raises(InvalidRequest, match="no runs"):
        table().take(np.zeros(0, dtype=np.int64))


def test_runs_that_did_not_end_are_left_out():
    lost = run(status="loss is nan!", val_loss=[None])
    runs = parse_runs([json.dumps(run()), json.dumps(lost)])
    assert len(runs) == 1
    assert runs[0].test_loss == 5.0 - 0.49
    assert sorted(runs[0].cell.ops) == [
        "activation_sigm",
        "activation_tanh",
        "blend>h_new_0",
        "h_prev_0",
        "linear",
        "x",
    ]
    assert len(runs[0].cell.edges) == 7


def test_names_and_order_of_nodes_do_not_matter_but_operations_do():
    names = {"gate": "n7", "mixed": "n1", "act": "zz"}
    renamed = {
        names.get(name, name): {"op": node["op"], "input": [names.get(source, source) for source in node["input"]]}
        for name, node in reversed(RECIPE.items())
    }
    changed = {**RECIPE, "act": {"op": "activation_leaky_relu", "input": ["mixed"]}}
    cells = [parse_runs([json.dumps(run(recipe=recipe))])[0].cell for recipe in (RECIPE, renamed, changed)]
    vocabulary = sorted({op for cell in cells for op in cell.ops})
    first, same, other = canonical_forms(DagBatch.from_architectures(cells, vocabulary), vocabulary).hashes
    assert first == same
    assert first != other


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        json.dumps({"recipe": RECIPE}),
        json.dumps(run(status=1)),
        json.dumps(run(val_loss=[1.0] * 49)),
        json.dumps(run(test_loss=[None] * 50)),
        json.dumps(run(val_loss=[float("nan")] * 50)),
        json.dumps(run(params_wikitext2=0)),
        json.dumps(run(recipe={})),
        json.dumps(run(recipe={**RECIPE, "act": {"op": "softmax", "input": ["mixed"]}})),
        json.dumps(run(recipe={**RECIPE, "act": {"op": "linear", "input": ["nowhere"]}})),
        json.dumps(run(recipe={**RECIPE, "mixed": {"op": "linear", "input": ["gate"]}})),  # a cycle
        json.dumps(run(recipe={**RECIPE, "act": {"op": "linear", "input": ["x", "x"]}})),
    ],
)
def test_a_line_that_is_no_run_is_damaged(line):
    with pytest.raises(DamagedFile, match="line 2"):
        parse_runs([json.dumps(run()), line])


@pytest.mark.parametrize("name", FILES)
def test_no_file_and_garbage(tmp_path, name):
    with data_dir_set(tmp_path), pytest.raises(MissingData, match=name):
        FILES[name]()
    (tmp_path / name).write_bytes(b"garbage")
    with data_dir_set(tmp_path), pytest.raises(DamagedFile, match=name):
        FILES[name]()


@pytest.mark.data
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_lost_or_changed_a_byte_is_damaged(tmp_path, name):
    content = bytearray((Path(os.environ["NAG_DATA_DIR"]) / name).read_bytes())
    for damaged in (content[:-1], bytes(content[:1000]) + b"x" + bytes(content[1001:])):
        (tmp_path / name).write_bytes(damaged)
        with data_dir_set(tmp_path), pytest.raises(DamagedFile, match=name):
            FILES[name]()


@pytest.mark.data
def test_budgets_need_the_cells_too(tmp_path):
    shutil.copyfile(Path(os.environ["NAG_DATA_DIR"]) / "learning_curves.npz", tmp_path / "learning_curves.npz")
    with data_dir_set(tmp_path), pytest.raises(MissingData, match=r"nasbench101\.npz"):
        read_nasbench101_budgets()


@pytest.mark.data
def test_nas_bench_nlp_is_what_its_readme_says():
    curves = read_nas_bench_nlp()
    assert curves.values.shape == (341, 50)
    assert not curves.maximise
    metadata = dict(zip(curves.feature_names, curves.features.T, strict=True))
    assert (metadata["nodes"].min(), metadata["nodes"].max()) == (2, 15)
    assert (metadata["edges"].min(), metadata["edges"].max()) == (3, 27)
    others = ("nodes", "edges", "depth", "hidden_states", "log_params")
    assert np.array_equal(sum(metadata[name] for name in metadata if name not in others), metadata["nodes"])
    with gzip.open(Path(os.environ["NAG_DATA_DIR"]) / "rnn_nlp_recipes.jsonl.gz", "rt") as file:
        rows = [row for row in map(json.loads, file) if row["status"] == "OK"]
    assert curves.values[17].tolist() == rows[17]["val_loss"]
    assert curves.final.tolist() == [row["test_loss"][-1] for row in rows]
    for arch in {row["arch"] for row in rows}:
        assert len({int(group) for row, group in zip(rows, curves.groups, strict=True) if row["arch"] == arch}) == 1
    for group in set(curves.groups.tolist()):
        assert len(np.unique(curves.features[curves.groups == group], axis=0)) == 1


@pytest.mark.data
def test_budgets_are_those_of_the_table_of_cells():
    curves, task = read_nasbench101_budgets(), load_task("nasbench101/cifar10")
    assert curves.values.shape == (1489, 4)
    assert curves.maximise
    assert curves.separate
    assert curves.budgets.tolist() == [4, 12, 36, 108]
    assert len(set(curves.groups.tolist())) == 1489
    with np.load(Path(os.environ["NAG_DATA_DIR"]) / "learning_curves.npz", allow_pickle=False) as arrays:
        rows = arrays["nb101_row"]
    np.testing.assert_allclose(curves.final, task.report_values[rows], atol=1e-9)
    metadata = dict(zip(curves.feature_names, curves.features.T, strict=True))
    operations = sum(metadata[name] for name in ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"))
    assert np.array_equal(operations, metadata["nodes"] - 2)
    for row in random.Random(0).sample(range(1489), 5):
        cell = task.table.architecture(int(rows[row]))
        assert (metadata["nodes"][row], metadata["edges"][row]) == (cell.num_nodes, len(cell.edges))
