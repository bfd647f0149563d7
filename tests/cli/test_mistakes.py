"""Every mistake of a user ends with one line, a hint and exit code 2, and leaves everything as it was."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest

from nag.tasks.benchmarks.nas_bench_graph import read_nas_bench_graph

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
QUICK = "training.max_steps=2 metric_samples=8 tracker.mode=disabled"


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def expect(outcome, *words: str) -> None:
    assert outcome.code == 2, outcome
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train-generator search_space=nasbench20", ["nasbench20", "Did you mean 'nasbench201'?"]),
        ("train-predictor task=nas_bench_graph/coar", ["coar", "Did you mean 'nas_bench_graph/cora'?"]),
        ("show 'garbage' search_space=nasbench201", ["no cell string", "form"]),
        (f"show '{CELL.replace('avg_pool_3x3', 'max_pool')}' search_space=nasbench201", ["max_pool"]),
        ("show '010/001/100:input,maxpool3x3,output' search_space=nasbench101", ["cycle", "acyclic"]),
        ("show '010/001/000:input,conv7x7,output' search_space=nasbench101", ["conv7x7", "vocabulary"]),
        ("sample generator=none.safetensors", ["does not exist", "nag train-generator"]),
        ("train-predictor task=nas_bench_graph/cora num_train=0", ["num_train is 0", "at least"]),
        ("train-predictor task=nas_bench_graph/cora num_train=26207", ["26207", "26206"]),
        ("sample generator=none.safetensors num_samples=0", ["num_samples is 0"]),
        ("train-generator search_space=nasbench201 train_fractoin=0.5", ["train_fractoin", "Did you mean 'train_fraction'?"]),
        ("train-generator search_space=nasbench201 train_fraction=1.5", ["train_fraction is 1.5"]),
        ("train-generator search_space=nasbench201 training.max_stepps=5", ["training.max_stepps", "'max_steps'"]),
        ("sample generator=none.safetensors guidance.scal=3", ["guidance.scal", "Did you mean 'scale'?"]),
        ("train-generator search_space=nasbench201 tracker=none", ["tracker/none"]),
        ("report runs=3", ["3"]),
        ("train-predictor task=nas_bench_graph/cora out_dir=/proc/nag", ["/proc/nag"]),
        ("train-generator search_space=nasbench201 training.batch_size=many", ["batch_size"]),
        ("train-generator search_space=nasbench201 generator=gan", ["gan"]),
        ("train-generator search_space=nasbench201 generator.width=wide", ["generator.width is wide", "whole number"]),
        ("train-generator search_space=nasbench201 generator.heads=0", ["generator.heads is 0", "at least 1"]),
        ("train-predictor task=nas_bench_graph/cora predictor=gnn predictor.members=some", ["members is some"]),
        ("train-predictor task=nas_bench_graph/cora predictor=gnn predictor.members=0", ["members"]),
        ("quickstart guidance.scale=-1", ["scale is -1"]),
        ("quickstart predictor.parts.gnn.dropout=2", ["dropout"]),
        ("train-generator search_space=nasbench201 tracker.mode=onlin", ["onlin", "online"]),
        ("train-generator search_space=nasbench201 device=tpu", ["tpu"]),
        ("train-generator", ["search_space is missing"]),
        ("train-generator search_space", ["key=value"]),
        ("evaluate architectures=none.jsonl task=nas_bench_graph/cora", ["none.jsonl", "does not exist"]),
        ("report runs=[nowhere]", ["nowhere"]),
        ("trane", ["trane", "Did you mean 'train-"]),
        ("list spacs", ["spacs", "Did you mean 'spaces'?"]),
        ("import-table csv=none.csv search_space=nasbench201 search_metric=acc", ["none.csv"]),
    ],
)  # fmt: skip
def test_one_line_and_nothing_written(nag, tmp_path, line, words):
    before = everything_in(tmp_path)
    expect(nag(line), *words)
    assert everything_in(tmp_path) == before
    assert not (tmp_path / "runs").exists()


def test_online_tracking_without_a_key_is_refused_before_any_work(nag, tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    expect(nag("train-generator search_space=nasbench201 tracker.mode=online"), "API key")
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def trained(nag):
    assert nag(f"train-generator search_space=nasbench201 out_dir=g {QUICK}").code == 0
    return Path("g/generator.safetensors")


def test_checkpoints(nag, trained, tmp_path):
    whole = trained.read_bytes()
    before = everything_in(tmp_path)
    expect(nag(f"sample generator={trained} task=nas_bench_graph/cora out_dir=s"), "another space", "nas_bench_graph")
    expect(nag(f"sample generator={trained} search_space=nasbench101 out_dir=s"), "another space", "nasbench101")
    expect(nag(f"sample generator={trained} predictor={trained} out_dir=s"), "holds a generator")
    assert everything_in(tmp_path) == before
    Path("cut.safetensors").write_bytes(whole[: len(whole) // 2])
    expect(nag("sample generator=cut.safetensors out_dir=s"), "cut.safetensors", "complete")
    Path("text.safetensors").write_text("hello")
    expect(nag("sample generator=text.safetensors out_dir=s"), "text.safetensors")
    assert not Path("s").exists()
    assert trained.read_bytes() == whole


def test_a_resumed_run_with_another_configuration_is_refused(nag, trained):
    whole = trained.read_bytes()
    quiet = "tracker.mode=disabled tracker.console=false"  # on a slow machine there would be lines of progress
    line = f"train-generator search_space=nasbench201 out_dir=g metric_samples=8 {quiet}"
    outcome = nag(f"{line} training.max_steps=2 generator.width=32 resume=true")
    expect(outcome, "'g' holds a training with another configuration: 'generator.width' is 32, was ")
    expect(nag(f"{line} training.max_steps=1 resume=true"), "holds a training of 2 steps", "training.max_steps=2 or more")
    expect(nag(f"{line} training.max_steps=3"), "'g' holds a training. Continue it with resume=true, discard it with overwrite")
    assert trained.read_bytes() == whole
    assert nag(f"{line} training.max_steps=3 resume=true").code == 0
    assert json.loads(Path("g/metrics.json").read_text())["steps"] == 3
    assert nag(f"{line} training.max_steps=1 generator.width=32 overwrite=true").code == 0
    assert json.loads(Path("g/metrics.json").read_text())["steps"] == 1


def test_architectures_of_a_file_are_checked(nag, tmp_path):
    good = {"arch": "0,1,2,3|gcn,gcn,gcn,gcn"}
    cyclic = {"ops": ["input", "gcn", "gcn", "gcn", "gcn", "output"], "edges": [[0, 1], [1, 2], [2, 1], [3, 4], [4, 5]]}
    Path("archs.jsonl").write_text(json.dumps(good) + "\n" + json.dumps(cyclic) + "\n")
    expect(nag("evaluate architectures=archs.jsonl task=nas_bench_graph/cora out_dir=e"), "architecture 2", "cycle")
    Path("archs.txt").write_text("0,1,2,3|gcn,gcn,gcn,transformer\n")
    expect(nag("evaluate architectures=archs.txt task=nas_bench_graph/cora out_dir=e"), "architecture 1", "transformer")
    assert not Path("e").exists()


class Foreign:
    def __reduce__(self):
        return (os.system, ("touch executed",))


def test_damaged_and_foreign_tables(nag, tmp_path, monkeypatch):
    """Of a package that stands before the installed one; it is read, not imported."""
    light = tmp_path / "site" / "nas_bench_graph" / "light"
    light.mkdir(parents=True)
    (light.parent / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    for content, word in ((pickle.dumps({0: Foreign()}), "foreign"), (b"\x80\x04garbage", "cora.bench")):
        (light / "cora.bench").write_bytes(content)
        read_nas_bench_graph.cache_clear()
        expect(nag("train-predictor task=nas_bench_graph/cora"), word)
        assert not (tmp_path / "executed").exists()
        assert not (tmp_path / "runs").exists()


@pytest.mark.data
def test_a_damaged_table_of_the_data_folder(nag, tmp_path):
    folder = Path(os.environ["NAG_DATA_DIR"])
    (tmp_path / "data").mkdir()
    for name in ("nasbench201.csv.gz", "nasbench101.npz"):
        content = (folder / name).read_bytes()
        (tmp_path / "data" / name).write_bytes(content[: len(content) // 2])
    before = everything_in(tmp_path)
    expect(nag("train-predictor task=nasbench201/cifar10 data_dir=data"), "nasbench201.csv.gz")
    expect(nag("train-predictor task=nasbench101/cifar10 data_dir=data"), "nasbench101.npz")
    assert everything_in(tmp_path) == before


def test_missing_data_says_what_to_set(nag, monkeypatch):
    monkeypatch.delenv("NAG_DATA_DIR", raising=False)
    expect(nag("train-predictor task=nasbench201/cifar10"), "NAG_DATA_DIR")
    monkeypatch.setenv("NAG_DATA_DIR", "nowhere")
    expect(nag("train-predictor task=nasbench201/cifar10"), "the data folder 'nowhere' does not exist", "NAG_DATA_DIR")


def test_a_data_folder_that_is_none_is_told_where_nothing_of_it_is_needed(nag, tmp_path):
    (tmp_path / "file").touch()
    for place, what in {"nowhere": "does not exist", "file": "is no folder"}.items():
        expect(nag(f"train-predictor task=nas_bench_graph/cora data_dir={place}"), f"data folder '{place}' {what}", "data_dir")
