"""A predictor is trained on one's own measurements as on a table: a file, a store, or the folder of a search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TRAIN = "train-predictor task={task} labels={labels} predictor=gp {more} out_dir=p tracker.mode=disabled tracker.console=false"


@pytest.fixture
def task(products, tmp_path) -> Path:
    """A task of the user's evaluator: a space and a metric, no table."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"space: {products}/space.yaml\nsearch_metric: accuracy\nsecondary_metrics: [latency]\n")
    return path


def trained(nag, task, labels, more="") -> dict:
    outcome = nag(TRAIN.format(task=task, labels=labels, more=more))
    assert outcome.code == 0, outcome.err
    return json.loads(Path("p/metrics.json").read_text())


def test_a_csv_of_a_task_without_a_table(nag, products, task):
    rows = len((products / "table.csv").read_text().splitlines()) - 1
    metrics = trained(nag, task, products / "table.csv")
    assert metrics["labels_used"] == rows
    assert metrics["held_out"] == 0
    assert metrics["kendall_tau"] is None
    metrics = trained(nag, task, products / "table.csv", "num_train=40")
    assert metrics["labels_used"] == 40
    assert metrics["kendall_tau"] > 0


@pytest.mark.parametrize("labels", ["s", "s/history.jsonl"])
def test_what_a_search_measured(nag, products, labels):
    table = f"{products}/task/task.yaml"
    assert nag(f"search task={table} strategy=random budget=12 out_dir=s tracker.mode=disabled tracker.console=false").code == 0
    metrics = trained(nag, table, labels)
    assert metrics["labels_used"] == 12


def test_a_store_of_a_users_function(nag, task):
    Path("f.py").write_text("def count(architecture):\n    return {'accuracy': len(architecture.edges), 'latency': 1.0}\n")
    quiet = "tracker.mode=disabled tracker.console=false executor.workers=1"
    search = f"search task={task} evaluator=function evaluator.function=f.py:count strategy=random budget=6 store=own.sqlite"
    outcome = nag(f"{search} out_dir=s {quiet}")
    assert outcome.code == 0, outcome.err
    assert trained(nag, task, "own.sqlite")["labels_used"] == 6


@pytest.mark.parametrize(
    ("labels", "content", "words"),
    [
        ("none.csv", None, "does not exist"),
        ("own.csv", "arch,other\n{arch},1\n", "no value of accuracy"),
        ("own.jsonl", '{"arch": "nonsense", "search_value": 1}\n', "own.jsonl"),
        ("own.jsonl", '{"search_value": 1}\n', "no arch"),
    ],
)
def test_labels_that_are_none(nag, products, task, labels, content, words):
    if content is not None:
        arch = (products / "table.csv").read_text().splitlines()[1].rsplit(",", 2)[0]
        Path(labels).write_text(content.replace("{arch}", arch))
    outcome = nag(TRAIN.format(task=task, labels=labels, more=""))
    assert outcome.code == 2
    assert words in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
