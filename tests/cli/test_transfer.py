"""A predictor across tasks on the command line, from training to samples for a task that it never saw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

QUIET = "tracker.mode=disabled tracker.console=false"
TASKS = "tasks=[nas_bench_graph/citeseer,nas_bench_graph/arxiv]"
SMALL = "num_train=60 predictor.trees=10 episodes.steps=2 episodes.labels=[0,5] episodes.queries=20"


def metrics(folder: str) -> dict:
    return json.loads((Path(folder) / "metrics.json").read_text())


@pytest.fixture
def trained(nag, follow, made_once) -> str:
    def train(folder: Path) -> None:
        done = nag(f"train-meta-predictor {TASKS} {SMALL} out_dir={folder}/m {QUIET}")
        follow(done, "generator=evolutionary metric_samples=8")
        Path("b").rename(folder / "g")

    for name in ("m", "g"):
        Path(name).symlink_to(made_once("meta_predictor", train) / name)
    return (
        "sample generator=g/generator.safetensors meta_predictor=m/meta_predictor.safetensors num_samples=5 guidance=evolution"
    )


def test_samples_for_a_task_that_was_never_seen(nag, trained):
    assert metrics("m")["labels_used"] == 120
    labels = [{"arch": f"0,1,2,3|{op},gcn,gat,{op}", "value": i} for i, op in enumerate(("gcn", "gat", "fc", "gin"))]
    Path("labels.jsonl").write_text("\n".join(json.dumps(row) for row in labels) + "\n")
    few = "guidance.proposal.generations=5 guidance.proposal.population=60"
    outcome = nag(f"{trained} {few} task=nas_bench_graph/cora labels=labels.jsonl out_dir=s {QUIET}")
    assert outcome.code == 0, outcome.err
    found = metrics("s")
    assert found["guided"]
    assert found["labels_used"] == 4
    assert found["labels_of_other_tasks"] == 120
    assert 0 < found["true_percentile_mean"] < 100
    Path("labels.csv").write_text("arch,accuracy\n" + "".join(f'"{row["arch"]}",{row["value"]}\n' for row in labels))
    descriptor = "descriptor={nodes: 3000, mean_degree: 4, features: 1000, classes: 7, homophily: 0.8}"
    outcome = nag(f"{trained} {few} labels=labels.csv '{descriptor}' out_dir=d {QUIET}")
    assert (outcome.code, "no column value or search_value or valid_perf" in outcome.err) == (2, True), outcome.err
    assert "label_column=COLUMN. Its columns: accuracy." in outcome.err
    outcome = nag(f"{trained} {few} labels=labels.csv label_column=accuracy '{descriptor}' out_dir=d {QUIET}")
    assert outcome.code == 0, outcome.err
    assert nag(f"{trained} {few} task=nas_bench_graph/cora out_dir=z {QUIET}").code == 0
    assert metrics("z")["labels_used"] == 0


def test_adapters_are_another_way_to_learn_from_other_tasks(nag, trained):
    small = "predictor.base.steps=10 predictor.base.members=1 predictor.adapter.steps=10"
    added = " ".join(f"+{option}" if "steps" in option else option for option in small.split())
    assert nag(f"train-meta-predictor {TASKS} predictor=adapters {added} num_train=60 out_dir=a {QUIET}").code == 0
    labels = [{"arch": f"0,1,2,3|{op},gcn,gat,{op}", "value": i} for i, op in enumerate(("gcn", "gat", "fc", "gin"))]
    Path("labels.jsonl").write_text("\n".join(json.dumps(row) for row in labels) + "\n")
    few = "guidance.proposal.generations=5 guidance.proposal.population=60 task=nas_bench_graph/cora"
    line = trained.replace("m/meta", "a/meta")
    outcome = nag(f"{line} {few} labels=labels.jsonl out_dir=s {QUIET}")
    assert outcome.code == 0, outcome.err
    assert (metrics("s")["labels_used"], metrics("s")["labels_of_other_tasks"]) == (4, 120)


def test_mistakes_are_told_in_one_line(nag, trained):
    Path("bad.jsonl").write_text('{"arch": "0,1,2,3|gcn,gcn,gat,gcn"}\n{"value": 3}\n')
    Path("wrong.jsonl").write_text('{"arch": "0,1,2,3|nothing,gcn,gat,gcn", "value": 3}\n')
    for line, words in [
        (f"{trained} task=nas_bench_graph/arxiv", "never saw"),
        (f"{trained} 'descriptor={{nodes: 3}}'", "lacks"),
        (f"{trained} task=nas_bench_graph/cora labels=bad.jsonl", "line 2"),
        (f"{trained} task=nas_bench_graph/cora labels=wrong.jsonl", "nothing"),
        (f"{trained} task=nas_bench_graph/cora labels=none.jsonl", "none.jsonl"),
        (f"{trained} predictor=m/meta_predictor.safetensors", "meta"),
        ("sample generator=g/generator.safetensors labels=bad.jsonl", "meta_predictor=PATH"),
        ("sample generator=g/generator.safetensors meta_predictor=g/generator.safetensors", "meta-predictor"),
        ("train-meta-predictor tasks=[nas_bench_graph/cora,nas_bench_graph/cora]", "twice"),
        ("train-meta-predictor tasks=[nas_bench_graph/cora,analog_nasbench/analog]", "search space"),
        ("train-meta-predictor tasks=[nas_bench_graph/coar]", "Did you mean"),
        (f"train-meta-predictor {TASKS} predictor=process", "cannot be fitted to a source task"),
        (f"train-meta-predictor {TASKS} episodes.labels=5", "each item a whole number"),
        (f"{trained} 'descriptor={{nodes: abc}}'", "descriptor"),
        (f"{trained} descriptor=3", "descriptor"),
        (f"{trained} labels=.", "does not exist"),
    ]:
        outcome = nag(f"{line} out_dir=x {QUIET}")
        assert outcome.code == 2, (line, outcome)
        assert len(outcome.err.strip().splitlines()) == 1, outcome.err
        assert words in outcome.err, (line, outcome.err)
        assert not Path("x").exists()
