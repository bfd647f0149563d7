"""Laws of every command that writes a run folder: one writer, and nothing of an earlier run is lost by one that fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nag.cli.commands import COMMANDS as ALL
from nag.core.errors import InvalidRequest, NagError
from nag.core.locks import FolderLock
from nag.tracking import NullTracker
from nag.workflows.run_folder.run import RunFolder

QUIET = "tracker.mode=disabled tracker.console=false"
COMMANDS = {
    "train-predictor": "task={p}/task/task.yaml num_train=20 predictor=process",
    "sample": "generator={p}/drawn/generator.safetensors task={p}/task/task.yaml num_samples=4",
    "evaluate": "architectures={p}/archs.txt task={p}/task/task.yaml",
    "finetune-generator": "generator={p}/told/generator.safetensors task={p}/task/task.yaml budget=12 metric_samples=4"
    " finetuning.rounds=1 finetuning.batch_size=4",
    "train-generator": "search_space={p}/space.yaml training.max_steps=1 training.batch_size=8 generator.width=16"
    " generator.layers=1 metric_samples=4 overwrite=true",
    "search": "task={p}/task/task.yaml strategy=random budget=3 overwrite=true",
}

OTHERS = {
    "quickstart": "task=nas_bench_graph/cora",
    "train-meta-predictor": "tasks=[nas_bench_graph/cora,nas_bench_graph/citeseer]",
    "report": "runs=[{p}/accuracy]",
    "show": "0,0,1,2|gcn,gat,fc,gin search_space=nas_bench_graph",
    "export": "{p}/accuracy",
    "import-table": "csv={p}/table.csv search_space={p}/space.yaml search_metric=accuracy",
    "import-benchmark": "{p}/table.csv",
    "benchmark": "suite=search",
}
"""Commands beside `COMMANDS` -> options with which they are refused before any work."""


@pytest.fixture
def lines(products) -> dict[str, str]:
    text = (products / "table.csv").read_text().splitlines()[1:4]
    (products / "archs.txt").write_text("\n".join(line.split('"')[1] for line in text) + "\n")
    return {name: f"{name} {options.format(p=products)} {QUIET}" for name, options in COMMANDS.items()}


def results(folder: Path) -> dict[str, bytes]:
    """All files of a run folder but its logs, its lock, and what is meant to be continued."""
    left_out = {"log.jsonl", "evaluations.sqlite", "train_state.pt", "finetune_state.pt", "identity.json"}
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.name not in left_out and not path.name.startswith(".")
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_fails_leaves_the_earlier_results_as_they_were(nag, lines, command, monkeypatch):
    assert nag(f"{lines[command]} out_dir=r").code == 0
    before = results(Path("r"))
    assert {"config.yaml", "metrics.json"} < set(before)

    def fail(run, *args, **kwargs):
        raise NagError("it fails at its end", "So it is.")

    monkeypatch.setattr(RunFolder, "finish", fail)
    outcome = nag(f"{lines[command]} out_dir=r seed=1")
    assert outcome.err.endswith("error: it fails at its end. So it is.\n")
    if command == "search":  # its queries are results by themselves
        assert "history.jsonl" in before
        assert not Path("r/metrics.json").exists()
        return
    assert results(Path("r")) == before
    assert not Path("r/.partial").exists()
    monkeypatch.undo()
    monkeypatch.chdir(Path("r").absolute().parent)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_has_one_writer(nag, lines, command):
    lock = FolderLock(Path("r"), "quickstart")
    lock.acquire()
    outcome = nag(f"{lines[command]} out_dir=r")
    assert outcome.code == 2
    assert f"'r' is being written by process {os.getpid()} on " in outcome.err
    assert "(nag quickstart, since " in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert set(results(Path("r"))) == set()
    lock.release()
    assert nag(f"{lines[command]} out_dir=r").code == 0
    assert not Path("r/.writer.json").exists()


def test_the_rule_is_tried_with_every_command():
    assert {*COMMANDS, *OTHERS} == set(ALL)


@pytest.mark.parametrize("command", ALL)
def test_a_run_of_another_command_is_not_overwritten(nag, lines, products, command):
    """Neither a finished run nor one that was stopped, with `resume` and `overwrite` or without."""
    line = lines.get(command) or f"{command} {OTHERS.get(command, '').format(p=products)}"
    other = "search" if command == "train-predictor" else "train-predictor"
    shutil.copytree(products / "accuracy", "r")
    for name in ("metrics.json", "config.yaml"):
        Path("r", name).write_text(Path("r", name).read_text().replace("train-predictor", other))
    for _ in range(2):
        before = {path.name: path.read_bytes() for path in Path("r").iterdir()}
        outcome = nag(f"{line} out_dir=r")
        assert outcome.code == 2
        assert outcome.err == (
            f"error: 'r' holds a run of nag {other}, which nag {command} would overwrite. Choose another out_dir.\n"
        )
        assert {path.name: path.read_bytes() for path in Path("r").iterdir()} == before
        Path("r/metrics.json").unlink(missing_ok=True)  # now it is one that was stopped


def test_a_stage_does_not_overwrite_a_run_of_another_stage(tmp_path):
    run = RunFolder(tmp_path, "search", 0, "cpu", {}, NullTracker())
    run.start()
    run.release()
    with pytest.raises(InvalidRequest, match="holds a run of nag search"):
        RunFolder(tmp_path, "evaluate", 0, "cpu", {}, NullTracker()).start()
    RunFolder(tmp_path, "search", 0, "cpu", {}, NullTracker()).start()
