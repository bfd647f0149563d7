"""The commands, run as a user would from an empty folder."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from nag import __version__

ROOT = Path(__file__).parents[2]
COMMON = {"command", "nag_version", "seed", "device", "cpu_seconds", "wall_seconds", "versions"}


def metrics(folder: str) -> dict:
    return json.loads((Path(folder) / "metrics.json").read_text())


def test_help_and_lists(nag):
    commands = re.findall(r"^  ([a-z-]+) ", nag("--help").out, re.MULTILINE)
    assert {"quickstart", "train-generator", "train-predictor", "sample", "evaluate", "report", "show", "list"} <= set(commands)
    for command in commands:
        outcome = nag(f"{command} --help")
        assert outcome.code == 0
        assert "usage: nag " + command in outcome.out
    assert "nas_bench_graph/cora" in nag("list tasks").out
    assert nag("list spaces").out.split()[0] == "nas_bench_graph"
    assert nag("--version").out.strip() == __version__


def test_show_draws_and_looks_up(nag):
    outcome = nag("show '0,0,1,2|gcn,gat,fc,gin' search_space=nas_bench_graph task=nas_bench_graph/cora file=a.svg")
    assert outcome.code == 0, outcome
    assert "percentile" in outcome.out
    assert Path("a.svg").read_text().startswith("<svg")
    assert nag("show '0,0,1,2|gcn,gat,fc,gin' search_space=nas_bench_graph file=a.png").code == 0
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")


def test_the_space_of_the_readme_works_in_every_command(nag):
    text = (ROOT / "search_spaces" / "README.md").read_text()
    space, header, commands = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[0] for kind in ("yaml", "csv", "bash"))
    Path("blocks.yaml").write_text(space)
    rng = np.random.default_rng(0)
    worth = {"conv3": 3.0, "conv5": 4.0, "pool": 1.0, "skip": 0.0}
    rows = [header.splitlines()[0]]
    for ops in itertools.product(worth, repeat=3):
        rows.append(f'"{",".join(ops)}",{80 + sum(worth[op] for op in ops) + rng.normal(0, 0.1):.3f},{rng.uniform(1, 5):.2f}')
    Path("blocks.csv").write_text("\n".join(rows) + "\n")
    lines = commands.replace("\\\n", " ").strip().splitlines()
    assert len(lines) == 5
    for line in lines:
        quick = {"nag train-generator": " training.max_steps=150 generator.width=32 generator.layers=2 metric_samples=50"}
        extra = next((more for start, more in quick.items() if line.startswith(start)), "")
        quiet = "" if "import-table" in line or "show" in line else " tracker.mode=disabled"
        outcome = nag(line.removeprefix("nag ") + extra + quiet)
        assert outcome.code == 0, (line, outcome)
    found = metrics("blocks/samples")
    assert found["num_looked_up"] == 10
    assert found["true_percentile_mean"] > 75
    assert (
        nag(
            "evaluate architectures=blocks/samples/architectures.jsonl task=blocks/task.yaml out_dir=e tracker.mode=disabled"
        ).code
        == 0
    )
    assert metrics("e")["count"] == 10
    assert nag("report runs=[blocks/generator,blocks/predictor,blocks/samples,e] out_dir=r").code == 0
    assert "<svg" in Path("r/report.html").read_text()


@pytest.mark.parametrize(
    "kernel", ["absorbing", *(pytest.param(kernel, marks=pytest.mark.slow) for kernel in ("marginal", "uniform"))]
)
def test_stages_meet_in_files(nag, kernel):
    run = "tracker.mode=disabled seed=3"
    quick = f"generator={kernel} training.max_steps=30 training.batch_size=32 generator.width=16 metric_samples=16 {run}"
    assert nag(f"train-generator search_space=nas_bench_graph out_dir=g {quick}").code == 0
    assert set(metrics("g")) >= COMMON | {"steps", "steps_per_second", "loss", "validity_raw", "tv_ops", "tv_edges"}
    assert yaml.safe_load(Path("g/config.yaml").read_text())["search_space"] == "nas_bench_graph"
    outcome = nag(f"sample generator=g/generator.safetensors num_samples=48 out_dir=s {run}")
    assert set(metrics("s")) >= COMMON | {
        *("validity_raw", "uniqueness", "functional_uniqueness", "novelty", "network_evaluations", "sampling_cpu_seconds"),
        *("validity_raw_reference", "uniqueness_reference", "functional_uniqueness_reference", "novelty_reference"),
    }, outcome  # fmt: skip
    rows = [json.loads(row) for row in Path("s/architectures.jsonl").read_text().splitlines()]
    for row in rows:
        assert set(row) == {"arch", "ops", "edges", "canonical_hash", "predicted_mean", "predicted_std", "estimated_cost"}


def test_a_finished_run_resumes_to_the_same_weights(nag):
    line = "train-generator search_space=nasbench201 out_dir=g training.max_steps=4 metric_samples=8 tracker.mode=disabled"
    assert nag(line).code == 0
    first = load_file("g/generator.safetensors")
    assert nag(line + " resume=true").code == 0
    second = load_file("g/generator.safetensors")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert metrics("g")["steps"] == 4


def test_the_quickstart_runs_every_stage_and_reports(nag, follow, products):
    small = "training.max_steps=60 generator.width=16 generator.layers=1 num_train=30 num_samples=8"
    outcome = nag(
        f"quickstart task={products}/task/task.yaml {small} guidance.corrector.rounds=8 guidance.pool=2"
        " predictor.parts.gnn.steps=20 tracker.mode=disabled out_dir=q"
    )
    assert outcome.code == 0, outcome
    assert COMMON <= set(metrics("q"))
    for stage in ("generator", "predictor", "guided", "unguided"):
        assert COMMON <= set(metrics(f"q/{stage}"))
    found = metrics("q")
    assert found["labels_used"] == 30
    assert 0 <= found["guided_pick_percentile"] <= 100
    assert 0 <= found["random_search_pick_percentile"] <= 100
    page = Path("q/report.html").read_text()
    assert "<svg" in page
    assert 'src="http' not in page
    follow(outcome, "num_samples=2 guidance=none")


def test_a_generator_without_valid_samples_says_so(nag):
    quick = "training.max_steps=1 metric_samples=16 tracker.mode=disabled"
    assert nag(f"train-generator search_space=nas_bench_graph out_dir=g {quick}").code == 0
    outcome = nag("sample generator=g/generator.safetensors num_samples=3 steps=1 out_dir=s tracker.mode=disabled")
    if outcome.code == 0:  # a few were valid by chance
        assert 0 < metrics("s")["num_samples"] == len(Path("s/architectures.jsonl").read_text().splitlines()) <= 3
        assert re.search(r"num_requested +3\b", outcome.out)
    else:
        assert (outcome.code, outcome.err.strip()) == (
            2,
            "error: none of 30 samples is valid. Train the generator longer: training.max_steps.",
        )


def test_a_published_file_becomes_tables(nag, follow):
    natives = [f"|{op}~0|+|none~0|skip_connect~1|+|none~0|none~1|{op}~2|" for op in ("nor_conv_3x3", "nor_conv_1x1")]
    rows = "".join(f"{i},{native},{90 + i}.5,70.{i}2\n" for i, native in enumerate(natives))
    Path("nats_bench.csv").write_text(f",ArchitectureString,CIFAR10TestAccuracy200Epochs,CIFAR100TestAccuracy200Epochs\n{rows}")
    outcome = nag("import-benchmark nats_bench.csv out_dir=tables")
    assert outcome.code == 2
    assert "2 of 15,625 cells. Use partial=true" in outcome.err
    outcome = nag("import-benchmark nats_bench.csv partial=true out_dir=tables")
    assert outcome.code == 0, outcome.err
    assert "data_dir=" in outcome.out
    assert "nasbench201/cifar10," in outcome.out
    assert metrics("tables")["command"] == "import-benchmark"
    assert yaml.safe_load(Path("tables/config.yaml").read_text())["partial"] is True
    follow(outcome, "strategy=random")
    assert metrics("b")["best_report_metric"] == 91.5
