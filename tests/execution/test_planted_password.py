"""A password that a user gives stands nowhere in what runs write or say, on PostgreSQL and where it cannot be reached."""

from __future__ import annotations

import shlex
import sys
import warnings
from pathlib import Path

import pytest

from nag.cli import main
from nag.cli.masking import mask_output

SECRET = "Pl4nted-S3cret"
SPACE = """
name: chains
title: Chains
operations: {a: parametric, b: parametric, c: parametric}
nodes: 4
edges: [[0, 1], [1, 2], [2, 3]]
codec: {name: edge_list}
"""
FUNCTION = """
def score(architecture, seed):
    if "c" in architecture.ops:
        raise ValueError("cannot reach postgresql://me:%s@host/mine nor api_key=%s")
    return architecture.ops.count("a")
""" % (SECRET, SECRET)  # noqa: UP031
OPTIONS = "task=task.yaml evaluator=function evaluator.function=mine.py:score executor.workers=1 tracker.console=false"


@pytest.fixture
def nag(tmp_path, monkeypatch, capfd):
    """Runs `nag ...` in a folder with a space, a task and a function; returns the exit code and all that was said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, text in {"space.yaml": SPACE, "task.yaml": "space: space.yaml\n", "mine.py": FUNCTION}.items():
        Path(name).write_text(text)
    from nag.spaces import enumerate_space, load_space

    space = load_space("space.yaml")
    archs = [space.encode(arch) for arch in space.to_architectures(enumerate_space(space))[:4]]
    Path("archs.txt").write_text("\n".join(archs) + "\n")

    def run(line: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["nag", *shlex.split(line)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capfd.readouterr()
        return code, said.out + said.err

    return run


def assert_nothing_written(folder: Path) -> None:
    """No file of the runs holds the password; the user's own function does."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "mine.py":
            assert SECRET.encode() not in path.read_bytes(), path


def test_nothing_of_runs_on_postgresql_holds_the_password(nag, tmp_path, postgresql):
    place = postgresql.new_database().partition("@/")[2]
    first, second = f"postgresql://nag:{SECRET}@/{place}", f"postgresql://nag@/{place}&password={SECRET}"
    absent = second.replace("/test", "/absent")
    said = ""
    for line in (
        f"search {OPTIONS} strategy=random budget=5 'store={first}' out_dir=s 'tracker.tags=[\"api_key={SECRET}\"]'",
        f"evaluate {OPTIONS} architectures=archs.txt 'store={second}' out_dir=e tracker.mode=disabled",
        "report runs=[s,e] out_dir=r",
    ):
        code, text = nag(line)
        assert code == 0, text
        said += text
    for line in (
        f"search {OPTIONS} strategy=evolution budget=7 'store={second}' out_dir=s resume=true",
        f"evaluate {OPTIONS} architectures=archs.txt 'store={absent}' out_dir=x",
    ):
        code, text = nag(line)
        assert code == 2
        said += text
    assert "another search" in said
    assert SECRET not in said
    assert "***" in Path("s/config.yaml").read_text()
    assert "***" in Path("e/evaluations.jsonl").read_text()
    assert list(tmp_path.glob("s/wandb/offline-run-*/*.wandb"))
    assert_nothing_written(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"postgresql://me:{SECRET}@127.0.0.1:1/db", marks=pytest.mark.slow),
        f"postgresql://me@127.0.0.1:1/db?password={SECRET}",
        f"postgresql://me:{SECRET}@127.0.0.1:1/",
        f"mysql://me:{SECRET}@127.0.0.1:1/db",
        f"postgresql://me:{SECRET}@127.0.0.1:port/db",
        f"postgresql://me:{SECRET}@127.0.0.1:1/db?nonsense=1",
    ],
)
def test_a_store_that_cannot_be_used_is_told_without_its_password(nag, tmp_path, url):
    for command in ("search strategy=random budget=2", "evaluate architectures=archs.txt"):
        code, text = nag(f"{command} {OPTIONS} 'store={url}' out_dir=x tracker.mode=disabled")
        assert code == 2, text
        assert SECRET not in text
        assert len(text.splitlines()) == 1
    assert_nothing_written(tmp_path)


def test_tracebacks_and_warnings_are_masked(capsys, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    mask_output()
    error = ValueError(f"could not open postgresql://me:{SECRET}@host/nag with token={SECRET}")
    try:
        raise RuntimeError("no store") from error
    except RuntimeError as found:
        sys.excepthook(RuntimeError, found, found.__traceback__)
    text = capsys.readouterr().err + warnings.formatwarning(f"password={SECRET}", UserWarning, "x.py", 1)
    assert SECRET not in text
    assert "postgresql://me:***@host/nag" in text
    assert "RuntimeError: no store" in text
