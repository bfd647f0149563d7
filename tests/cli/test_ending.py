"""Every command ends alike: its winner first, then its numbers, its files, and a next command that works as it is printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

QUIET = "tracker.mode=disabled tracker.console=false"
SMALL = "training.max_steps=1 training.batch_size=8 generator.width=16 generator.layers=1 metric_samples=4"
COMMANDS = {
    "train-generator": ("search_space={p}/space.yaml generator=evolutionary metric_samples=4", "generator", "num_samples=2"),
    "train-predictor": ("task={p}/task/task.yaml num_train=20 predictor=process", "predictor", SMALL),
    "sample": ("generator={p}/drawn/generator.safetensors num_samples=3", "architectures", ""),
    "evaluate": ("architectures={p}/archs.txt task={p}/task/task.yaml", "evaluations", ""),
    "search": ("task={p}/task/task.yaml strategy=random budget=3", "history", ""),
    "finetune-generator": (
        "generator={p}/told/generator.safetensors task={p}/task/task.yaml budget=12 metric_samples=4"
        " finetuning.rounds=1 finetuning.batch_size=4",
        "generator",
        "num_samples=2",
    ),
    "report": ("runs={p}/accuracy", "report", ""),
    "show": ("'{arch}' search_space={p}/space.yaml", "drawing", SMALL),
    "import-table": (
        "csv={p}/table.csv search_space={p}/space.yaml search_metric=accuracy name=again",
        "task",
        "strategy=random",
    ),
}
"""Command -> its options, what its file is called, and options that make the next command small."""
WITHOUT_A_RUN = {"report", "show", "import-table"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_next_command_works_as_it_is_printed(nag, follow, products, command):
    """Those of the dearer commands, such as quickstart and export, stand where these commands are run."""
    options, what, small = COMMANDS[command]
    natives = [line.split('"')[1] for line in (products / "table.csv").read_text().splitlines()[1:4]]
    (products / "archs.txt").write_text("\n".join(natives) + "\n")
    quiet = "" if command in WITHOUT_A_RUN else QUIET
    done = nag(f"{command} {options.format(p=products, arch=natives[0])} {quiet} out_dir='a folder'")
    assert done.code == 0, done.err
    made = done.out.strip().splitlines()[-2]
    assert made.startswith(f"{what}: a folder/") or made.startswith(f"{what}: {Path.cwd()}/a folder/")
    assert Path(made.removeprefix(f"{what}: ")).is_file()
    follow(done, small)


@pytest.mark.parametrize("command", ["search", "evaluate"])
def test_the_winner_comes_first(nag, products, command):
    natives = [line.split('"')[1] for line in (products / "table.csv").read_text().splitlines()[1:4]]
    (products / "archs.txt").write_text("\n".join(natives) + "\n")
    done = nag(f"{command} {COMMANDS[command][0].format(p=products)} {QUIET} out_dir=s")
    assert done.out.split()[0] == "best_arch"


def test_the_sample_that_is_predicted_best_is_named(nag, products):
    steered = f"predictor={products}/accuracy/predictor.safetensors guidance=none"
    done = nag(f"sample generator={products}/drawn/generator.safetensors num_samples=5 {steered} out_dir=s {QUIET}")
    assert done.out.split()[0] == "best_arch", done.err
    assert done.out.split()[2] == "best_predicted"


def test_a_drawing_and_a_report_lie_in_a_run_folder(nag, products):
    """Nothing is written beside it, whatever the current folder is."""
    arch = (products / "table.csv").read_text().splitlines()[1].split('"')[1]
    assert nag(f"show '{arch}' search_space={products}/space.yaml").code == 0
    assert nag(f"report runs=[{products}/accuracy,{products}/latency]").code == 0
    assert {path.name for path in Path.cwd().iterdir()} <= {"runs", "home"}
    assert {path.name for path in Path("runs").iterdir()} == {"show", "report"}
    assert len(list(Path("runs").rglob("*.svg"))) == len(list(Path("runs").rglob("report.html"))) == 1
    assert nag(f"show '{arch}' search_space={products}/space.yaml out_dir=a file=mine.png").code == 0
    assert Path("mine.png").is_file()
    assert {path.name for path in Path("a").iterdir() if path.name[0] != "."} == {"config.yaml", "metrics.json"}


def test_a_drawing_stands_beside_its_configuration_and_its_properties(nag, products):
    arch = (products / "table.csv").read_text().splitlines()[1].split('"')[1]
    done = nag(f"show '{arch}' search_space={products}/space.yaml task={products}/task/task.yaml out_dir=a")
    metrics, config = json.loads(Path("a/metrics.json").read_text()), yaml.safe_load(Path("a/config.yaml").read_text())
    assert config["architecture"] == metrics["architecture"] == arch
    assert metrics["command"] == "show"
    assert metrics["accuracy"] > 0
    assert f"canonical_hash: {metrics['canonical_hash']}" in done.out
    assert {path.suffix for path in Path("a").iterdir() if path.name[0] != "."} == {".svg", ".yaml", ".json"}


@pytest.mark.parametrize("command", ["import-table", "report"])
def test_every_run_folder_holds_configuration_and_metrics(nag, products, command):
    line = f"{command} {COMMANDS[command][0].format(p=products)} out_dir=a"
    assert nag(line).code == 0
    metrics, config = json.loads(Path("a/metrics.json").read_text()), yaml.safe_load(Path("a/config.yaml").read_text())
    assert metrics["command"] == config["command"] == command
    assert {"nag_version", "seed", "device", "cpu_seconds", "wall_seconds", "versions"} < set(metrics)
    assert nag(line).code == 0  # the same command may write into its folder again


def test_a_report_in_the_folder_of_a_run_is_no_run_of_it(nag, products):
    assert nag(f"report runs={products}/accuracy out_dir=runs/page").code == 0
    shutil.copytree(products / "accuracy", "runs/accuracy")
    assert nag("report runs=runs out_dir=page").code == 0
    assert "runs/page" not in Path("page/report.html").read_text()
    outcome = nag("report runs=page")
    assert outcome.err == "error: 'page' holds a report, not a run. Name the folders of the runs in it.\n"
