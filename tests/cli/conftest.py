"""Runs the command line inside the test's process."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from nag.cli import main


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
