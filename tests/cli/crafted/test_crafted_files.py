"""No crafted or damaged file runs anything, ends in a traceback, or costs more than 10 s, 500 MB and one line."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def read_all(cases: list[dict[str, str]], folder: Path) -> list[dict[str, Any]]:
    """What came of each case; a process that died is told as such and another one goes on behind that case."""
    listed, found = folder / "cases.json", list[dict[str, Any]]()
    listed.write_text(json.dumps(cases))
    while len(found) < len(cases):
        command = [sys.executable, str(HERE / "feed.py"), str(listed), str(len(found))]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
        found += [row for line in done.stdout.splitlines() if "outcome" in (row := json.loads(line))]
        if len(found) < len(cases):
            found.append({**cases[len(found)], "outcome": "died", "trace": done.stderr[-1500:], "line": "", "said": ""})
            found[-1] |= {"seconds": 0, "megabytes": 0, "code": done.returncode}
    return found


def faults(row: dict[str, Any]) -> list[str]:
    """What is wrong with the outcome of a case."""
    told = [row["outcome"]] if row["outcome"] not in ("refused", "accepted") else []
    told += ["slow"] * (row["seconds"] > 10) + ["memory"] * (row["megabytes"] > 500)
    told += ["not one line"] * (len(row["line"]) > 500 or not row["line"].isprintable())
    told += ["printed"] * bool(row["said"].strip())
    return told


@pytest.mark.parametrize("stride", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_crafted_files(tmp_path, products, stride):
    """Every seventeenth file of each loader, or all."""
    made = sorted(map(asdict, module("corpus").make(tmp_path, products)), key=lambda case: case["loader"])
    loaders = [case["loader"] for case in made]
    cases = [case for place, case in enumerate(made) if (place - loaders.index(case["loader"])) % stride == 0]
    assert {case["loader"] for case in cases} == set(loaders)
    assert len(made) >= 150
    rows = read_all(cases, tmp_path)
    wrong = {f"{row['loader']}: {row['name']}": (faults(row), row) for row in rows if faults(row)}
    canaries = [path for path in tmp_path.rglob("canary")]
    assert canaries == []
    listed = (
        f"{name}: {told} {row['seconds']:.1f} s {row['megabytes']:.0f} MB {row['trace'][-300:]}"
        for name, (told, row) in wrong.items()
    )
    assert not wrong, "\n".join(listed)
