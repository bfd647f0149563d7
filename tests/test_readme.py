"""The README's tables are those of docs/results."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]


def tables():
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "scripts" / "readme_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_readme_are_those_of_the_results():
    text = (ROOT / "README.md").read_text()
    module = tables()
    assert "<!-- table: generation -->" in text
    assert module.render(text) == text


def test_results_are_lists_of_rows():
    keys = {"suite", "space", "task", "method", "setting", "metric", "mean", "std", "seeds", "labels", "cpu_seconds"}
    paths = list((ROOT / "docs" / "results").glob("*.json"))
    assert paths
    for path in paths:
        content = json.loads(path.read_text())
        rows = content["rows"] if path.stem.startswith("gpu") else content  # beside them its device, code and steps
        assert rows
        assert all(set(row) - {"version"} == keys for row in rows)
        assert path.with_suffix(".md").is_file()
