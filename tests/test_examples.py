"""Every public class and function has an example in its docstring, and every example does what it says."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from nag.core.packages import is_installed

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for path in (ROOT / "nag").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))
PACKAGES = sorted(path for path in (ROOT / "nag").rglob("__init__.py") if "__all__" in path.read_text(encoding="utf-8"))
SLOW = {
    "nag.networks.export",
    "nag.diffusion.guidance.value",
    "nag.evaluation.predicted.across_tasks",
    "nag.evaluation.predicted.trained_meta",
}
"""Modules whose examples take seconds."""
NEEDS = {"nag.networks.export": "onnxscript", "nag.report.page": "plotly"}
"""Module -> the package of an extra that its examples need."""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def without_example(package: str) -> set[str]:
    """The public classes and functions of a package of nag, defined in nag, whose docstring has no example."""
    exported = {name: getattr(import_module(package), name) for name in import_module(package).__all__}
    ours = {name: found for name, found in exported.items() if getattr(found, "__module__", "").startswith("nag.")}
    documented = {name: found for name, found in ours.items() if isinstance(found, type) or hasattr(found, "__code__")}
    return {name for name, found in documented.items() if ">>> " not in (vars(found).get("__doc__") or found.__doc__ or "")}


@pytest.mark.parametrize("package", [name_of(path) for path in PACKAGES])
def test_every_public_docstring_has_an_example(package):
    assert not without_example(package)


def marked(path: Path):
    name = name_of(path)
    needed = NEEDS.get(name)
    marks = [pytest.mark.slow] if name in SLOW else []
    if needed and not is_installed(needed):
        marks.append(pytest.mark.skip(reason=f"{needed} is not installed"))
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("module", [marked(path) for path in MODULES])
def test_examples_run(module, small_generator, monkeypatch):
    monkeypatch.chdir(small_generator)
    failed, tried = doctest.testmod(import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert tried > failed == 0
