"""Runs the command line inside the test's process."""

from __future__ import annotations

import runpy
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nag.cli import main
from nag.spaces import enumerate_space, load_space

QUIET = "tracker.mode=disabled tracker.console=false"
SPACE = """
name: sketches
title: Two or three operations with free wiring
operations: {conv: parametric, pool: mergeable, gate: parametric}
nodes: [4, 5]
edges: free
constraints: {all_nodes_on_a_path: true}
codec: {name: edge_list}
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def nag(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path) -> Callable[[str], Outcome]:
    """Runs `nag ...` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def run(line: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["nag", *shlex.split(line)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        text = capsys.readouterr()
        return Outcome(code, text.out, text.err)

    return run


@pytest.fixture
def follow(nag, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs the command that another one printed last: (outcome, options that make it small); its run folder is `b`."""

    def run(outcome: Outcome, small: str = "") -> None:
        assert outcome.code == 0, outcome.err
        last = outcome.out.strip().splitlines()[-1]
        assert last.startswith("next: "), outcome.out
        words = shlex.split(last.removeprefix("next: "))
        if words[:2] == ["python", "-m"]:
            monkeypatch.setenv("BROWSER", "true")
            monkeypatch.setattr(sys, "argv", words[2:])
            runpy.run_module(words[2], run_name="__main__")
        elif words[:2] == ["python", "-c"]:
            exec(words[2], {})
        else:
            assert words[0] == "nag"
            quiet = "" if words[1] in {"report", "list"} else f"{QUIET} out_dir=b"
            again = nag(f"{shlex.join(words[1:])} {small} {quiet}")
            assert again.code == 0, again.err

    return run


@pytest.fixture(scope="session")
def products(made_once) -> Path:
    """A folder with a small space and its task, and what tiny runs on them left: predictors and generators.

    `accuracy` counts convolutions, `latency` edges, each with noise. `told` is a generator with the conditions `accuracy` and
    `depth`, `vp` a score generator, `drawn` one without a network.
    """
    return made_once("products", make_products)


def make_products(folder: Path) -> None:
    (folder / "space.yaml").write_text(SPACE)
    space, rng = load_space(str(folder / "space.yaml")), np.random.default_rng(0)
    rows = []
    for arch in space.to_architectures(enumerate_space(space)):
        accuracy, latency = 80 + 3 * arch.ops.count("conv") + rng.normal(0, 0.2), len(arch.edges) * rng.normal(1, 0.02)
        rows.append(f'"{space.encode(arch)}",{accuracy:.3f},{latency:.3f}')
    (folder / "table.csv").write_text("\n".join(["arch,accuracy,latency", *rows]) + "\n")
    small = f"generator.width=16 generator.layers=1 metric_samples=8 {QUIET}"
    train = f"train-generator search_space={folder}/space.yaml training.batch_size=64 {small}"
    label = f"train-predictor task={folder}/task/task.yaml num_train=60 predictor=process {QUIET}"
    lines = [
        f"import-table csv={folder}/table.csv search_space={folder}/space.yaml search_metric=accuracy side_metrics=[latency]"
        f" out_dir={folder}/task",
        f"{label} out_dir={folder}/accuracy",
        f"{label} out_dir={folder}/latency metric=latency",
        f"{train} out_dir={folder}/told training.max_steps=250"
        f" 'conditions={{accuracy: {folder}/accuracy/predictor.safetensors, depth: null}}'",
        f"{train} out_dir={folder}/vp training.max_steps=60 generator=vp generator.steps=6",
        f"train-generator search_space={folder}/space.yaml"
        f" out_dir={folder}/drawn generator=evolutionary metric_samples=8 {QUIET}",
    ]
    with pytest.MonkeyPatch.context() as patch:
        for line in lines:
            patch.setattr(sys, "argv", ["nag", *shlex.split(line)])
            main()
