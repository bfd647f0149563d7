"""Pages of the API: one a package that lists public names in `__all__`."""

from __future__ import annotations

import ast
from pathlib import Path

from nag_docs.values import DOCS

PACKAGE = DOCS.parent / "nag"


def api_pages() -> dict[str, str]:
    """Path of a page -> its Markdown, the overview first."""
    found = {_name(path): path for path in sorted(PACKAGE.rglob("__init__.py")) if _public(path)}
    rows = [f"| [`{name}`]({name}.md) | {_summary(path)} |" for name, path in found.items()]
    head = ["# API", "", "Public is what a package lists in `__all__`.", "", "| package | holds |", "|---|---|"]
    overview = "\n".join([*head, *rows])
    return {"api/index.md": overview, **{f"api/{name}.md": f"# `{name}`\n\n::: {name}\n" for name in found}}


def _name(path: Path) -> str:
    return ".".join(path.parent.relative_to(PACKAGE.parent).parts)


def _public(path: Path) -> bool:
    """Whether `__all__` is there and not empty."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__":
            return not isinstance(node.value, ast.List | ast.Tuple) or bool(node.value.elts)
    return False


def _summary(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
