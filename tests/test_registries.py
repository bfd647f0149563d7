"""No table of names has to be edited to add a class: what is chosen by name is found by its import path."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLOSED = {
    "nag/cli/commands/__init__.py": {"COMMANDS"},  # the commands of the console script
    "nag/evaluation/scores/graph_metrics.py": {"_GRAPH"},  # numbers of a graph that limits may be put on
    "nag/evaluation/networks/small_networks.py": {"_ACTIVATIONS"},  # of networks that users describe in JSON
    "nag/networks/nas_bench_graph.py": {"LAYERS"},  # operations of one published space
    "nag/networks/nasbench101.py": {"OPERATIONS"},
    "nag/networks/nasbench201.py": {"OPERATIONS"},
    "nag/report/text.py": {"_WRITERS"},  # what the report says of each command's runs
    "nag/spaces/language/conditions/expressions.py": {"_COMPARE"},  # signs of the conditions' grammar
    "nag/tasks/catalogue.py": {"_TASKS"},  # the published benchmarks
}
"""File -> mappings of names to code that a user has no reason to extend."""


def registries(source: str) -> set[str]:
    """Names of the mappings from texts to functions, classes or their objects that a module defines."""
    found = set()
    for statement in ast.parse(source).body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            continue
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        if isinstance(target, ast.Name) and is_registry(statement.value):
            found.add(target.id)
    return found


def is_registry(value: ast.expr | None) -> bool:
    if isinstance(value, ast.DictComp):
        return isinstance(value.key, ast.Attribute) and value.key.attr == "__name__"
    if not isinstance(value, ast.Dict) or not value.values:
        return False
    texts = all(key is None or (isinstance(key, ast.Constant) and isinstance(key.value, str)) for key in value.keys)
    entries = [entry for key, entry in zip(value.keys, value.values, strict=True) if key is not None]
    return texts and all(isinstance(entry, ast.Name | ast.Attribute | ast.Lambda | ast.Call) for entry in entries)


@pytest.mark.parametrize("path", sorted((ROOT / "nag").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_chosen_from_a_table_of_names(path):
    assert registries(path.read_text(encoding="utf-8")) <= CLOSED.get(str(path.relative_to(ROOT)), set())


@pytest.mark.parametrize(
    "source",
    [
        "KERNELS = {c.__name__: c for c in (A, B)}",
        "FAMILIES: dict[str, type] = {'a': A, 'b': pkg.B}",
        "SETS = {'x': Entry('images'), 'y': lambda seed: load(seed)}",
    ],
)
def test_tables_of_names_are_found(source):
    assert len(registries(source)) == 1


@pytest.mark.parametrize("source", ["SIZES = {'a': 1}", "def f():\n    known = {'a': A}", "TABLE = {(1, 2): A}"])
def test_other_mappings_are_not(source):
    assert not registries(source)
