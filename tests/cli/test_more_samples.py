"""`nag sample resume=true`: the samples that are there stay, what is missing is added."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

QUIET = "tracker.mode=disabled tracker.console=false"


@pytest.fixture
def sample(nag, products):
    """Runs `nag sample` into a folder, guided by the accuracy's predictor, and checked against its table."""

    def run(number: int, line: str = "", folder: str = "s"):
        steered = f"predictor={products}/accuracy/predictor.safetensors guidance.pool=2 guidance.corrector.rounds=2"
        given = f"generator={products}/told/generator.safetensors task={products}/task/task.yaml {steered} {QUIET}"
        return nag(f"sample {given} num_samples={number} out_dir={folder} {line}")

    return run


def rows(folder: str, name: str = "architectures") -> list[dict]:
    return [json.loads(line) for line in (Path(folder) / f"{name}.jsonl").read_text().splitlines()]


def metrics(folder: str) -> dict:
    return json.loads((Path(folder) / "metrics.json").read_text())


def test_samples_are_added_to_those_that_are_there(sample):
    assert sample(3).code == 0
    before, cost = rows("s"), metrics("s")
    assert sample(6, "resume=true").code == 0
    after = rows("s")
    assert after[:3] == before
    assert len({row["canonical_hash"] for row in after}) == len(after) == 6  # guidance repeats no function, old or new
    assert len(rows("s", "evaluations")) == len(rows("s", "uniform")) == metrics("s")["num_looked_up"] == 6
    assert metrics("s")["num_requested"] == 6
    assert metrics("s")["num_raw"] >= 6
    assert metrics("s")["network_evaluations"] > cost["network_evaluations"]
    assert metrics("s")["labels_used"] == cost["labels_used"]
    for number in (3, 6):
        assert sample(number, "resume=true", "again").code == 0
    assert rows("again") == after
    assert sample(6, "resume=true").code == 0  # nothing is missing
    assert rows("s") == after


@pytest.mark.parametrize(
    ("number", "line", "words"),
    [
        (2, "", ["holds 3 samples", "num_samples=3 or more"]),
        (6, "seed=1", ["another configuration", "'seed' is 1, was 0"]),
        (6, "guidance.scale=2", ["another configuration", "'guidance.scale'"]),
    ],
)
def test_samples_of_other_options_are_not_mixed(sample, number, line, words):
    assert sample(3).code == 0
    before = Path("s/architectures.jsonl").read_bytes()
    done = sample(number, f"resume=true {line}")
    assert done.code == 2
    assert all(word in done.err for word in words), done.err
    assert Path("s/architectures.jsonl").read_bytes() == before
    Path("s/draws.safetensors").write_bytes(b"none")
    assert "does not hold the draws" in sample(6, "resume=true").err
