"""A report of a stranger's run folder: nothing outside it is read, nothing crafted passes, nothing secret is shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nag.core.errors import DamagedFile, MissingData, NagError
from nag.report import write_report
from nag.report.rows import read_curve
from nag.report.runs import find_runs

PRIVATE = "private words of somebody else"
ROW = {
    "query": 1, "arch": "a", "ops": ["input", "a", "output"], "edges": [[0, 1], [1, 2]], "canonical_hash": "h",
    "search_value": 0.5, "report_value": 0.5, "percentile": None, "side": {"latency": 1.0}, "epochs": 0, "cpu_seconds": 0.0,
    "gpu_seconds": 0.0, "error": "",
}  # fmt: skip
FILES = {
    "metrics.json": {"search": "", "train-generator": "", "evaluate": ""},
    "config.yaml": {"search": "", "train-generator": ""},
    "history.jsonl": {"search": ""},
    "log.jsonl": {"train-generator": ""},
    "evaluations.jsonl": {"evaluate": ""},
    "predictions.jsonl": {"train-predictor": ""},
    "architectures.jsonl": {"sample": ""},
}


def write_run(folder: Path, command: str, **metrics: object) -> Path:
    """A run folder with one line in each file that the command's report reads."""
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"command": command, "seed": 0, **metrics}))
    (folder / "config.yaml").write_text("seed: 0\n")
    (folder / "history.jsonl").write_text(json.dumps(ROW) + "\n")
    start, logged = {"event": "start", "config": {}}, {"event": "log", "step": 1, "metrics": {"train/loss": 1.0}}
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, (start, logged, {"event": "summary"}))) + "\n")
    (folder / "evaluations.jsonl").write_text(json.dumps({"arch": "a", "report_value": 1.0}) + "\n")
    (folder / "predictions.jsonl").write_text(json.dumps({"arch": "a", "predicted": 1.0, "std": 0.1, "true": 1.0}) + "\n")
    sampled = {"arch": "a", "ops": ROW["ops"], "edges": ROW["edges"]}
    (folder / "architectures.jsonl").write_text(json.dumps(sampled) + "\n")
    if command == "sample":
        (folder / "evaluations.jsonl").unlink()
    return folder


def told(folder: Path) -> str:
    """The one line in which a report of a folder is refused."""
    target = folder.parent / "report.html"
    with pytest.raises(NagError) as caught:
        write_report([folder], target, "t")
    assert not target.exists()
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 500
    return line


CASES = [(name, command) for name, commands in FILES.items() for command in commands]


@pytest.mark.parametrize(("name", "command"), CASES)
def test_a_link_out_of_the_folder_is_not_followed(tmp_path, name, command):
    run = write_run(tmp_path / "run", command)
    outside = tmp_path / "outside"
    outside.write_bytes((run / name).read_bytes() + f"# {PRIVATE}\n".encode() * (name == "config.yaml"))
    (run / name).unlink()
    (run / name).symlink_to(outside)
    assert f"{name}' is a link that leads out of the run folder" in told(run)


@pytest.mark.parametrize(("name", "command"), CASES)
def test_a_link_within_the_folder_is(tmp_path, name, command):
    run = write_run(tmp_path / "run", command)
    (run / name).rename(run / "other")
    (run / name).symlink_to("other")
    assert write_report([run], tmp_path / "report.html", "t").is_file()


@pytest.mark.parametrize(("name", "command"), CASES)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, name, command):
    run = write_run(tmp_path / "run", command)
    (run / name).unlink()
    os.mkfifo(run / name)
    if name == "metrics.json":
        assert "does not exist" in told(run)
    else:
        assert f"{name}' is no regular file" in told(run)


def test_a_folder_of_runs_does_not_lead_elsewhere(tmp_path):
    write_run(tmp_path / "elsewhere" / "run", "search")
    runs = tmp_path / "runs"
    write_run(runs / "own", "search")
    (runs / "latest").symlink_to("own")
    assert [run.name for run in find_runs([runs])] == ["own"]
    (runs / "foreign").symlink_to(tmp_path / "elsewhere" / "run")
    assert "is a link that leads out of 'runs'" in told(runs)


def test_a_file_is_no_run_folder(tmp_path):
    run = write_run(tmp_path / "run", "search")
    with pytest.raises(MissingData, match=r"metrics.json' is a file, not a run folder. Name the folder that holds it"):
        find_runs([run / "metrics.json"])


@pytest.mark.parametrize(
    ("name", "command", "content", "words"),
    [
        ("metrics.json", "search", '{"command": {"a": 1}}', "'command'"),
        ("metrics.json", "search", '{"command": "search", "task": {"a": 1}}', "'task'"),
        ("metrics.json", "search", '{"command": "search", "search_metric": ["a"]}', "'search_metric'"),
        ("metrics.json", "search", '{"command": "search", "regret": NaN}', "NaN"),
        ("metrics.json", "search", '{"command": "search", "regret": 1e999}', "regret"),
        ("metrics.json", "search", '{"command": "search", "queries": -5}', "'queries' is -5"),
        ("metrics.json", "search", '{"command": "search", "minimised": {"a": 1}}', "'minimised'"),
        ("metrics.json", "search", '{"command": "search", "seed": "\\u001b[2J"}', "'seed'"),
        ("metrics.json", "train-generator", '{"command": "train-generator", "steps": -5}', "'steps' is -5"),
        ("metrics.json", "train-generator", '{"command": "train-generator", "validity_raw": 7}', "'validity_raw' is 7"),
        ("metrics.json", "train-generator", '{"command": "train-generator", "loss": "low"}', "'loss' is 'low'"),
        ("metrics.json", "train-generator", "[" * 100_000, "nested"),
        ("metrics.json", "evaluate", '{"command": "evaluate", "best": true}', "'best'"),
        ("history.jsonl", "search", json.dumps({**ROW, "query": 2}), "line 1"),
        ("history.jsonl", "search", json.dumps({**ROW, "side": {"latency": "low"}}), "latency"),
        ("history.jsonl", "search", json.dumps({**ROW, "edges": [[1, 0]]}), "history.jsonl"),
        ("history.jsonl", "search", json.dumps(ROW)[:-3], "line 1"),
        ("log.jsonl", "train-generator", '{"event": "log", "step": -5, "metrics": {"train/loss": 1.0}}', "'step' is -5"),
        ("log.jsonl", "train-generator", '{"event": "log", "step": 1, "metrics": {"train/loss": "low"}}', "train/loss"),
        ("log.jsonl", "train-generator", '{"event": ["log"]}', "'event'"),
        ("predictions.jsonl", "train-predictor", '{"arch": "a", "predicted": 1, "std": -1, "true": 1}', "'std' is -1"),
        ("evaluations.jsonl", "evaluate", '{"arch": {"a": 1}}', "'arch'"),
        ("evaluations.jsonl", "evaluate", '{"arch": "a", "percentile": 101}', "'percentile' is 101"),
        ("evaluations.jsonl", "evaluate", '{"arch": "a", "report_value": 1, "curve": [{"epoch": -1}]}', "epoch"),
        ("architectures.jsonl", "sample", '{"arch": "a", "ops": ["a", "b"], "edges": [[0, 10000000000000000000]]}', "edges"),
        ("architectures.jsonl", "sample", '{"arch": "a", "ops": ["a", "b"], "edges": [[0, 5]]}', "holds no architecture"),
    ],
)
def test_what_no_run_writes_is_refused_with_its_place(tmp_path, name, command, content, words):
    run = write_run(tmp_path / "run", command)
    (run / name).write_text(content + "\n")
    line = told(run)
    assert name in line
    assert words in line


def test_what_a_run_may_write_is_reported(tmp_path):
    for command in ("search", "train-generator", "train-predictor", "evaluate", "sample", "dream"):
        run = write_run(tmp_path / command, command, loss=None, regret=0.1, labels_used=3, further={"a": [1, "b"]})
        assert write_report([run], tmp_path / "report.html", "t").is_file()


def test_secrets_in_a_run_folder_are_not_shown(tmp_path):
    secret = "pl4nted-s3cret"
    run = write_run(tmp_path / "run", "search", store=f"postgresql://me:{secret}@host/nag", deep={"api_key": secret})
    (run / "config.yaml").write_text(
        f"store: postgresql://host/nag?user=me&password={secret}\ntracker: {{api_key: {secret}}}\n"
    )
    assert secret not in write_report([run], tmp_path / "report.html", "t").read_text()


def test_a_long_configuration_is_cut(tmp_path):
    run = write_run(tmp_path / "run", "search")
    (run / "config.yaml").write_text("# line of a configuration\n" * 20_000)
    before = len(write_report([write_run(tmp_path / "short", "search")], tmp_path / "a.html", "t").read_text())
    assert len(write_report([run], tmp_path / "b.html", "t").read_text()) - before < 60_000
    (run / "config.yaml").write_bytes(b"x" * (3 * 2**20))
    assert "config.yaml' has 3145728 bytes" in told(run)


def test_the_curve_is_of_the_run_that_ended(tmp_path):
    def event(kind: str, **more: object) -> str:
        return json.dumps({"event": kind, **more}) + "\n"

    def log(step: int, loss: float) -> str:
        return event("log", step=step, metrics={"train/loss": loss})

    first, second = ({"seed": seed, "resume": False, "training": {"max_steps": 3}} for seed in (0, 1))
    resumed = {**first, "resume": True, "training": {"max_steps": 4}}
    run = write_run(tmp_path / "run", "train-generator")
    parts = [event("start", config=first), log(1, 3.0), log(2, 2.0)]
    parts += [event("start", config=resumed), log(2, 2.5), log(3, 1.0), event("summary"), event("finish")]
    parts += [event("start", config=second), log(1, 9.0), log(7, 9.0)]
    (run / "log.jsonl").write_text("".join(parts))
    (found,) = find_runs([run])
    curve = read_curve(found)
    assert curve is not None
    assert (curve.steps, curve.losses) == ([1, 2, 3], [3.0, 2.5, 1.0])


def test_damage_is_an_error_of_its_own_kind(tmp_path):
    run = write_run(tmp_path / "run", "search")
    (run / "metrics.json").write_text('{"command": "search", "queries": 1.5}')
    with pytest.raises(DamagedFile):
        find_runs([run])
