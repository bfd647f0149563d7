"""Every command and code block of the README and the pages runs, in order, from an empty folder, with quick settings."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from nag.cli import main

ROOT = Path(__file__).parents[2]
SLOW = {
    "cluster.md",
    "from_python.md",
    "limit_and_front.py",
    "index.md",
    "limit_and_front.md",
    "my_images.md",
    "cluster.py",
    "from_python.py",
    "my_images.py",
}
_FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?[^\n]*\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_QUIET = "tracker.mode=disabled tracker.console=false"
_TRAINING = "evaluator.epochs=1"
_QUICK = {
    "train-generator": f"training.max_steps=100 metric_samples=50 {_QUIET}",
    "quickstart": f"training.max_steps=200 generator.width=32 generator.layers=2 num_train=30 num_samples=5 {_QUIET}",
    **dict.fromkeys(
        ("train-predictor", "train-meta-predictor", "sample", "evaluate", "search", "finetune-generator", "export"), _QUIET
    ),
}
"""Command -> options that a test adds."""
_NUMBER = re.compile(r"(num_samples|budget)=(\d+)")
_NEVER = re.compile(r"bash scripts/(\w+)\.sh|(pip install|git|cd|ray|make) ")
"""Commands that need a network, a checkout or a cluster; scripts must exist."""
_SERVERS = {
    "store=postgresql://me@head/nag": "store=shared.sqlite",
    "executor.address=auto": "",
    "executor.gpus_per_trial=0.5": "",
}
"""Options that name a server -> the same without one."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it is, if any, and its text."""

    language: str
    title: str | None
    text: str


def blocks_of(markdown: str) -> list[Block]:
    return [Block(*found) for found in _FENCE.findall(markdown)]


def commands_of(text: str) -> Iterator[str]:
    """Each command of a block, without its comment."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield shlex.join(words)


def quick(words: list[str]) -> list[str]:
    """A command of `nag` with small numbers of samples and of trainings."""
    training = "evaluator=train" in words
    share = {"num_samples": 5, "budget": 5 if training else 2}  # a search under a limit has to find what keeps it
    small = [_SERVERS.get(word, _NUMBER.sub(lambda found: _smaller(found, share[found[1]]), word)) for word in words]
    added = f"{_QUICK.get(words[0], '')} {_TRAINING if training else ''}".split()
    keys = {word.partition("=")[0] for word in added}
    return [word for word in small if word and word.partition("=")[0] not in keys] + added


def _smaller(found: re.Match[str], divisor: int) -> str:
    return f"{found[1]}={max(2, ceil(int(found[2]) / divisor))}"


def run_command(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a command and returns what it printed."""
    words = shlex.split(line)
    if _NEVER.match(line):
        script = re.match(r"bash (scripts/\w+\.sh)", line)
        assert script is None or (ROOT / script[1]).is_file()
        return ""
    assert words[0] == "nag", f"no rule for the command: {line}"
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["nag", *quick(words[1:])])
    code: object = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    text = capsys.readouterr()
    assert not code, f"{line}\n{text.out}\n{text.err}"
    return text.out


def run_page(markdown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> int:
    """Runs all blocks of a page in the current folder: files are written, commands and Python are run.

    Returns:
        How many blocks were run.
    """
    names: dict[str, object] = {"__name__": "page"}
    run = 0
    for block in blocks_of(markdown):
        if block.title:
            Path(block.title).write_text(block.text)
        elif block.language == "python":
            exec(compile(block.text, "<page>", "exec"), names)
        elif block.language == "bash":
            for line in commands_of(block.text):
                run_command(line, monkeypatch, capsys)
        else:
            assert block.language in {"text", "yaml"}, f"a block of {block.language} is not run"
            continue
        run += 1
    return run


def _marked(paths: Iterable[Path]) -> list[ParameterSet]:
    return [pytest.param(path, marks=[pytest.mark.slow] if path.name in SLOW else [], id=path.name) for path in paths]


PAGES = _marked(
    path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs" / "pages").rglob("*.md"))]
    if "results" not in path.parts and blocks_of(path.read_text())
)


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page, monkeypatch, capsys, tmp_path, weights_only):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert run_page(page.read_text(), monkeypatch, capsys) > 0


@pytest.mark.parametrize("script", _marked(sorted((ROOT / "docs" / "examples").glob("*.py"))))
def test_examples_run(script, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    runpy.run_path(str(script), run_name="__main__")


def test_every_guide_has_an_example():
    guides = {path.stem for path in (ROOT / "docs" / "pages" / "guides").glob("*.md")}
    assert guides == {path.stem for path in (ROOT / "docs" / "examples").glob("*.py")}
