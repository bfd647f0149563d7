"""Objectives, limits, fronts and secondary metrics on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nag.evaluation.predicted import load_predictor
from nag.spaces import enumerate_space, load_space

QUIET = "tracker.mode=disabled tracker.console=false"
FEW = "guidance.pool=3 guidance.corrector.rounds=4"


def samples(folder: str) -> list[dict]:
    return [json.loads(line) for line in (Path(folder) / "architectures.jsonl").read_text().splitlines()]


def metrics(folder: str) -> dict:
    return json.loads((Path(folder) / "metrics.json").read_text())


@pytest.fixture
def sample(nag, products):
    """Runs `nag sample` with a generator and the accuracy's predictor, into the folder `s`."""

    def run(line: str, generator: str = "told", predictor: str | None = "accuracy"):
        steered = "" if predictor is None else f"predictor={products}/{predictor}/predictor.safetensors"
        return nag(f"sample generator={products}/{generator}/generator.safetensors {steered} out_dir=s {QUIET} {line}")

    return run


@pytest.fixture
def latency(products) -> str:
    return f"predictors=[{products}/latency/predictor.safetensors]"


def canonical(products) -> list[str]:
    space = load_space(str(products / "space.yaml"))
    return space.canonical_hashes(enumerate_space(space))


def refused(outcome, *words: str) -> None:
    assert outcome.code == 2, outcome
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert outcome.err.startswith("error: ")
    for word in words:
        assert word in outcome.err, outcome.err
    assert not Path("s").exists()


def test_limits_hold_for_every_sample_and_a_smaller_risk_keeps_further_away(sample, latency, products):
    """`latency` is the number of edges within a few per cent, so that a limit of 5.5 leaves graphs of at most 5 edges."""
    line = f"{latency} 'objective.limits={{latency: {{max: 5.5}}}}' num_samples=6 {FEW} task={products}/task/task.yaml"
    assert sample(line).code == 0
    rows = samples("s")
    assert len(rows) == metrics("s")["num_samples"] == 6
    assert all(len(row["edges"]) <= 5 for row in rows)
    assert metrics("s")["labels_used"] == 120


@pytest.mark.parametrize("guidance", ["default", "none", "particles"])
def test_a_limit_that_no_sample_keeps_is_refused_and_earlier_results_stay(sample, guidance):
    assert sample("num_samples=3 guidance=none").code == 0
    results = [Path("s") / name for name in ("architectures.jsonl", "metrics.json", "config.yaml")]
    before = [path.read_bytes() for path in results]
    few = FEW if guidance == "default" else ""
    outcome = sample(f"'objective.limits={{num_edges: {{max: 1}}}}' num_samples=3 guidance={guidance} {few}", predictor=None)
    assert outcome.code == 2
    assert outcome.err.startswith("error: none of ")
    assert "limits" in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    assert [path.read_bytes() for path in results] == before


def test_more_distinct_samples_than_there_are_functions_are_refused(sample, products):
    functions = len(set(canonical(products)))
    outcome = sample(f"num_samples={functions + 1} {FEW}")
    refused(outcome, f"{functions} distinct functions", "guidance.distinct=false")


def test_fewer_samples_than_asked_for_are_told(sample):
    """Of 120 samples, few graphs of the space have at most 4 edges."""
    outcome = sample(f"'objective.limits={{num_edges: {{max: 4}}}}' num_samples=120 guidance=default {FEW}")
    assert outcome.code == 0, outcome.err
    found = metrics("s")
    assert found["num_samples"] < found["num_requested"] == 120
    assert found["num_functionally_distinct"] == found["num_samples"]
    assert found["shortfall"] in outcome.out
    assert found["shortfall"].startswith(f"{found['num_samples']} of 120")


def test_a_true_mean_over_a_part_of_the_samples_says_over_how_many(sample, nag, products):
    header, *rows = (products / "table.csv").read_text().splitlines()
    Path("part.csv").write_text("\n".join([header, *rows[:3]]) + "\n")
    made = nag(f"import-table csv=part.csv search_space={products}/space.yaml search_metric=accuracy out_dir=part")
    assert made.code == 0, made.err
    outcome = sample("num_samples=40 task=part/task.yaml guidance=none")
    assert outcome.code == 0, outcome.err
    assert metrics("s")["true_known"] < metrics("s")["num_samples"] == 40
    assert f"the {metrics('s')['true_known']} of 40 samples" in outcome.out


def test_computed_metrics_need_no_predictor(sample):
    assert sample(f"'objective.minimise={{num_edges: 1}}' num_samples=3 {FEW}", predictor=None).code == 0
    assert metrics("s")["guided"]
    few = sum(len(row["edges"]) for row in samples("s")) / 3
    assert sample("num_samples=20", predictor=None).code == 0
    assert not metrics("s")["guided"]
    assert few < sum(len(row["edges"]) for row in samples("s")) / len(samples("s"))


def test_limits_are_kept_without_steering_too(sample):
    assert sample("guidance=none 'objective.limits={depth: {max: 3}}' num_samples=4", predictor=None).code == 0
    assert not metrics("s")["guided"]
    assert all(
        len(row["ops"]) == 4 or not {(0, 1), (1, 2), (2, 3), (3, 4)} <= {tuple(e) for e in row["edges"]} for row in samples("s")
    )


def test_a_front_is_returned(sample, latency, products):
    """What is marked as a front is not dominated by the predictions that the command had."""
    goals = "objective.pareto=true objective.maximise.accuracy=1 objective.minimise.latency=1"
    assert sample(f"{latency} {goals} guidance=front guidance.pool=3 guidance.rounds=3 num_samples=6").code == 0
    rows = samples("s")
    assert 1 <= len(rows) <= 6
    assert len({row["canonical_hash"] for row in rows}) == len(rows)
    trained = load_predictor(products / "latency" / "predictor.safetensors")
    latencies = trained.predictor.predict(trained.space.to_dags([trained.space.decode(row["arch"]) for row in rows])).mean
    front = [
        (row["predicted_mean"], -seconds) for row, seconds in zip(rows, latencies.tolist(), strict=True) if row["on_front"]
    ]
    assert front
    slack = 1e-4  # predictions of another batch may differ in their last digits
    assert not any(a > c + slack and b > d + slack for a, b in front for c, d in front)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("'objective.minimise={num_edgse: 1}'", ["num_edgse", "Did you mean 'num_edges'?"]),
        ("'objective.maximise={acuracy: 1}'", ["acuracy", "Did you mean 'accuracy'?"]),
        ("'objective.limits={accuracy: {max: 90}}'", ["accuracy", "margin", "metric=NAME"]),
        ("'objective.limits={depth: {least: 90}}'", ["depth", "least"]),
        ("objective.pareto=true 'objective.minimise={num_edges: 1, depth: 1}'", ["front", "guidance=front"]),
        ("guidance=front", ["front", "objective.pareto=true"]),
        ("objective.pareto=true guidance=front", ["objective"]),
        ("objective.maximize.accuracy=1", ["maximize", "Did you mean 'maximise'?"]),
        ("objective.limits={depth: {max: 3}}", ["quotes"]),
        ("predictors=[PREDICTOR]", ["two predictors", "accuracy"]),
        ("predictors=none.safetensors", ["none.safetensors", "does not exist"]),
        ("LATENCY 'objective.limits={latency: {max: 5}}' objective.risk=0.001", ["60 labels", "0.001"]),
    ],
)
def test_mistakes(sample, latency, products, line, words):
    line = line.replace("PREDICTOR", f"{products}/accuracy/predictor.safetensors").replace("LATENCY", latency)
    refused(sample(line), *words)


def test_side_metrics_are_checked_before_any_work(nag, products):
    label = f"train-predictor task={products}/task/task.yaml predictor=process out_dir=s {QUIET}"
    refused(nag(f"{label} num_train=20 metric=latencies"), "latencies", "Did you mean 'latency'?")
    refused(nag(f"{label} num_train=8 metric=latency"), "8 labels", "Buy at least 16")


def test_a_side_metric_of_a_shipped_task(nag):
    line = f"train-predictor task=nas_bench_graph/cora num_train=30 metric=latency predictor=process out_dir=p {QUIET}"
    assert nag(line).code == 0
    assert metrics("p")["search_metric"] == "latency"
    assert metrics("p")["kendall_tau"] > 0.5
