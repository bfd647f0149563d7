"""The core works without the extras, and what is missing is told in one line with the command that installs it."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from nag.cli import main
from nag.evaluation.data_sets import catalogue, shipped_images

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
USED_ALONE = {"onnxruntime", "jinja2"}  # a faster way of what onnx does too; what torch needs as well


def required() -> set[tuple[str, str]]:
    """Package and extra of every `require` in the code."""
    found = set()
    for path in (ROOT / "nag").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require":
                extra = next(ast.literal_eval(word.value) for word in node.keywords if word.arg == "extra")
                if isinstance(node.args[0], ast.Constant):
                    found.add((str(node.args[0].value), extra))
    return found


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", distribution)[0]).lower()


def test_what_is_required_is_in_the_extra_that_is_named():
    names = metadata.packages_distributions()
    for package, extra in required():
        assert {normal(name) for name in names.get(package, [package])} & {normal(name) for name in EXTRAS[extra]}, package


def test_all_holds_every_extra_that_users_have():
    (all_of_them,) = EXTRAS["all"]
    assert set(re.split(r"[\[\],]", all_of_them)[1:-1]) == set(EXTRAS) - {"all", "test", "docs"}


def test_the_core_imports_without_the_extras():
    blocked = ["onnx", "onnxscript", "onnxruntime", "plotly", "nas_bench_graph", "analognasbench", "mnist1d", "pyarrow"]
    blocked += ["ray", "psycopg", "optuna", "mlflow"]
    code = f"""
import sys, pkgutil, importlib
sys.modules.update(dict.fromkeys({blocked}))
import nag
told = []
for module in pkgutil.walk_packages(nag.__path__, "nag.", onerror=lambda name: None):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ValueError as error:
        assert 'pip install "nag[' in str(error), error
        told.append(module.name)
assert all(name.startswith(("nag.report", "nag.workflows.quickstart")) for name in told), told
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
TRAIN = "task=digits/nasbench201 evaluator=train evaluator.epochs=1 tracker.mode=disabled"


@pytest.mark.parametrize(
    ("package", "extra", "line"),
    [
        ("onnx", "onnx", f"export '{CELL}' search_space=nasbench201 weights=initial tracker.mode=disabled"),
        ("onnxscript", "onnx", f"evaluate architectures=cells.txt {TRAIN}"),
        ("plotly", "report", "report runs=[a]"),
        ("plotly", "report", "quickstart"),
        ("nas_bench_graph", "benchmarks", "train-predictor task=nas_bench_graph/cora"),
        ("analognasbench", "benchmarks", "train-predictor task=analog_nasbench/digital"),
        ("mnist1d", "benchmarks", f"search {TRAIN} task=mnist1d/nasbench201 budget=1"),
        ("pyarrow", "parquet", "import-table csv=t.parquet search_space=nasbench201 search_metric=a"),
        ("ray", "ray", f"search {TRAIN} executor=ray budget=1"),
        ("psycopg", "postgresql", f"search {TRAIN} store=postgresql://me@127.0.0.1:1/x budget=1"),
    ],
)
def test_a_missing_package_is_told_with_its_command_before_any_work(package, extra, line, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "metrics.json").write_text('{"command": "evaluate"}')
    (tmp_path / "cells.txt").write_text(f"{CELL}\n")
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, package, None)
    for kept in (catalogue._built_in, shipped_images._mnist1d):  # what an earlier test loaded
        kept.cache_clear()
    for module in [name for name in sys.modules if name.startswith(("nag.report", "nag.workflows.quickstart"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "argv", ["nag", *shlex.split(line)])
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr().err.strip()
    assert stop.value.code == 2
    assert told.startswith(f'error: package {package} is not installed. Run: pip install "nag[{extra}]"'), told
    assert len(told.splitlines()) == 1
    assert list(tmp_path.rglob("metrics.json")) == [tmp_path / "a" / "metrics.json"]
