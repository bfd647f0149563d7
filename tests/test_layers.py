"""Structure: imports run downward only, as the table of layers says; no function takes many parameters."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "nag").rglob("*.py"))

ORDER = (
    ("core",),
    ("graphs", "tracking"),
    ("nn", "spaces"),
    ("training",),
    ("tasks",),
    ("networks",),
    ("proxies",),
    ("predictors", "diffusion"),
    ("evaluation",),
    ("execution",),
    ("search",),
    ("workflows",),
    ("testing",),
    ("report",),
    ("suites",),
    ("cli",),
)
"""Packages from the lowest to the highest; those of one row never import each other."""
LAYERS = {"__init__": -1, **{name: layer for layer, names in enumerate(ORDER) for name in names}}
COMMON = {"__init__"}
SOLE_USERS = {
    "hydra": "nag.cli",
    "omegaconf": "nag.cli",
    "wandb": "nag.tracking",
    "mlflow": "nag.tracking",
    "sqlalchemy": "nag.execution.store",
}

SLOW = {"torch_geometric": {"nag.nn.message_passing"}, "lightning_fabric": set()}
"""Library whose import takes seconds -> modules that may import it at their top; others import it where they use it."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, source: str | None = None) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, wherever in the file, for types too."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8") if source is None else source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            start = ".".join(filter(None, [base, node.module]))
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)


def part_of(name: str) -> str:
    """The package of `nag` that a full name leads to."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else "__init__"


def faults(path: Path, source: str | None = None) -> list[str]:
    found = []
    own = module_name(path)
    mine = part_of(own)
    for line, name in imported(path, source):
        top = name.split(".")[0]
        if top in SOLE_USERS and not (own + ".").startswith(SOLE_USERS[top] + "."):
            found.append(f"{own}:{line} imports {top}")
        if top == "nag" and mine != "__init__":
            theirs = part_of(name)
            if theirs == "__init__" and name != "nag.__version__":
                found.append(f"{own}:{line} imports {name}: the front door is for users")
            downward = LAYERS[theirs] < LAYERS[mine] or theirs == mine or theirs in COMMON
            if not downward:
                found.append(f"{own}:{line} (layer {LAYERS[mine]}) imports {name} (layer {LAYERS[theirs]})")
    return found


@pytest.mark.parametrize("path", FILES, ids=[module_name(path) for path in FILES])
def test_imports_run_downward(path):
    assert faults(path) == []


def test_every_module_has_a_layer():
    parts = {path.relative_to(ROOT / "nag").parts[0].removesuffix(".py") for path in FILES}
    assert parts <= set(LAYERS)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("nag/diffusion/loss.py", "from nag.predictors import GnnPredictor"),
        ("nag/predictors/gnn.py", "if TYPE_CHECKING:\n    from nag.diffusion import Score"),
        ("nag/predictors/gnn.py", "from ..diffusion import Score"),
        ("nag/graphs/batch.py", "def f():\n    import nag.spaces.space"),
        ("nag/spaces/space.py", "from nag import workflows"),
        ("nag/training/fit.py", "import wandb"),
        ("nag/workflows/sample.py", "from omegaconf import DictConfig"),
        ("nag/evaluation/ledger.py", "import sqlalchemy.orm"),
        ("nag/nn/dag_transformer.py", "from nag.spaces import SearchSpace"),
        ("nag/workflows/run_folder/run.py", "from nag.cli import main"),
        ("nag/workflows/run_folder/run.py", "from nag import load_space"),
    ],
)
def test_forbidden_imports_are_found(file, source):
    assert len(faults(ROOT / file, source)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("nag/training/fit.py", "from nag.tracking import RunTracker"),
        ("nag/tracking/bars.py", "from .protocol import Progress\nimport wandb.sdk"),
        ("nag/execution/store/store.py", "from sqlalchemy import select"),
        ("nag/cli/main.py", "import hydra\nfrom nag.workflows import sample\nfrom nag import __version__"),
        ("nag/__init__.py", "if TYPE_CHECKING:\n    from nag.search import Strategy"),
        ("nag/core/checkpoints.py", "from nag import __version__\nfrom nag.core.files import write_bytes"),
    ],
)
def test_allowed_imports_are_not(file, source):
    assert faults(ROOT / file, source) == []


MOST_PARAMETERS = 8


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Number of named parameters, `self` and `cls` apart; what `**options` unpacks is named once, elsewhere."""
    named = [each.arg for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")])


def many_parameters(source: str) -> set[str]:
    """Functions and methods of many parameters."""
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if parameters(function) > MOST_PARAMETERS}


def test_no_function_takes_more_than_eight_parameters():
    found = {module_name(path): many_parameters(path.read_text(encoding="utf-8")) for path in FILES}
    assert {module: names for module, names in found.items() if names} == {}


def test_functions_of_many_parameters_are_found():
    source = "class A:\n    def __init__(self, a, b, c, d, /, e, f, *, g, h{}, **options: Unpack[Options]): ..."
    assert many_parameters(source.format("")) == set()
    assert many_parameters(source.format(", i")) == {"__init__"}


@pytest.mark.parametrize("library", SLOW)
def test_slow_imports_wait_for_their_use(library):
    text_of = {path: path.read_text(encoding="utf-8") for path in FILES}
    found = {
        module_name(path)
        for path, text in text_of.items()
        if library in text
        for node in ast.parse(text).body
        if isinstance(node, ast.Import | ast.ImportFrom) and library in ast.unparse(node)
    }
    assert found == SLOW[library]


def test_searching_evaluating_and_sampling_import_nothing_that_they_may_not_use():
    code = """
import sys, nag.graphs
assert not {"networkx", "torch_geometric", "matplotlib"} & set(sys.modules)
import nag.workflows.evaluate, nag.workflows.sample, nag.workflows.search, nag.predictors.gp
import nag.evaluation.networks.small_networks, nag.networks.registry, nag.proxies
assert not {"torch_geometric", "lightning_fabric", "torch._dynamo", "matplotlib"} & set(sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
