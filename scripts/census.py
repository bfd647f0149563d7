"""Counts what checkouts of nag consist of: prints the tables of docs/pages/before_after.md, one column a checkout.

    python scripts/census.py 0.1.0=cc4c687 0.2.0=HEAD

NAME=REVISION is unpacked into a temporary folder by `git archive`; NAME=FOLDER is counted as it is. Everything is read from the
syntax trees of the package `nag`: nothing is imported.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tarfile
import tempfile
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

__all__ = ["by_package", "census", "read_package"]

Function = ast.FunctionDef | ast.AsyncFunctionDef

_LONG = 60  # lines of code of a function
_MANY = 8  # parameters of a function
_RUN = 6  # lines of code that stand twice
_SHORT = 8  # characters of a line that tells nothing by itself, such as a bracket


@dataclass(frozen=True)
class Module:
    """A source file.

    Args:
        package: The folder of `nag` that holds it; `nag` for a file right in it.
        text: Its text.
    """

    package: str
    text: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of its syntax tree."""
        return list(ast.walk(ast.parse(self.text)))

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, without the blanks around them."""
        return [line.strip() for line in self.text.splitlines()]

    @cached_property
    def functions(self) -> list[Function]:
        """All functions and methods, nested ones too."""
        return [node for node in self.nodes if isinstance(node, Function)]

    @cached_property
    def docstrings(self) -> set[int]:
        """Numbers of the lines of docstrings."""
        documented = ast.Module | ast.ClassDef | Function
        firsts = [node.body[0] for node in self.nodes if isinstance(node, documented) and node.body]
        return {line for node in firsts if _is_text(node) for line in _lines_of(node)}

    @cached_property
    def code(self) -> list[int]:
        """Numbers of the lines of code: without docstrings, comments and blank lines."""
        numbered = enumerate(self.lines, start=1)
        return [number for number, line in numbered if line and line[0] != "#" and number not in self.docstrings]

    @property
    def public(self) -> int:
        """Number of names in its `__all__`."""
        assigned = [node for node in self.nodes if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
        return sum(len(node.value.elts) for node in assigned if isinstance(node.value, ast.List))

    @property
    def imported(self) -> set[str]:
        """Packages of nag that it imports, also inside functions and for types; relative imports do not leave a package."""
        plain = [alias.name for node in self.nodes if isinstance(node, ast.Import) for alias in node.names]
        froms = [node for node in self.nodes if isinstance(node, ast.ImportFrom) and not node.level]
        names = plain + [f"{node.module}.{alias.name}" for node in froms for alias in node.names]
        return {name.split(".")[1] for name in names if name.startswith("nag.")} - {self.package, "__version__"}

    def length(self, function: Function) -> int:
        """Lines of code of a function."""
        return bisect_right(self.code, function.end_lineno or 0) - bisect_left(self.code, function.lineno)

    def runs(self) -> Iterator[tuple[int, str]]:
        """Place and text of each run of lines of code, imports left out."""
        imports = {line for node in self.nodes if isinstance(node, ast.Import | ast.ImportFrom) for line in _lines_of(node)}
        kept = [self.lines[number - 1] for number in self.code if number not in imports]
        for place in range(len(kept) - _RUN + 1):
            run = kept[place : place + _RUN]
            if sum(len(line) <= _SHORT for line in run) <= 1:
                yield place, "\n".join(run)


def read_package(root: Path) -> list[Module]:
    """The modules of the package `nag` in a checkout."""
    folder = root / "nag"
    paths = sorted(folder.rglob("*.py"))
    return [Module(path.relative_to(folder.parent).parts[-2 if path.parent == folder else 1], _read(path)) for path in paths]


def census(root: Path) -> dict[str, int]:
    """What is counted of a checkout -> the number, in the order of the page."""
    modules = read_package(root)
    parameters = [_parameters(function) for module in modules for function in module.functions]
    long = [module.length(function) > _LONG for module in modules for function in module.functions]
    tests = sorted((root / "tests").rglob("*.py"))
    return {
        "lines of Python": sum(len(module.lines) for module in modules),
        "of them code, without docstrings, comments and blank lines": sum(len(module.code) for module in modules),
        "of them docstrings": sum(len(module.docstrings) for module in modules),
        "files": len(modules),
        "classes": sum(isinstance(node, ast.ClassDef) for module in modules for node in module.nodes),
        "functions and methods": len(parameters),
        "names in an `__all__`": sum(module.public for module in modules),
        f"functions of more than {_LONG} lines of code": sum(long),
        "most parameters of a function": max(parameters, default=0),
        f"functions of more than {_MANY} parameters": sum(number > _MANY for number in parameters),
        "packages that import each other, directly or through others": len(_cyclic(modules)),
        f"runs of {_RUN} or more lines of code that stand twice, places": _repeated(modules),
        "hard dependencies": _dependencies(root),
        "lines of Python of the tests": sum(len(_read(path).splitlines()) for path in tests),
    }


def by_package(root: Path) -> dict[str, tuple[int, int]]:
    """Package -> its lines and files."""
    lines: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for module in read_package(root):
        lines[module.package] += len(module.lines)
        files[module.package] += 1
    return {name: (lines[name], files[name]) for name in sorted(lines)}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _lines_of(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _parameters(function: Function) -> int:
    """Number of named parameters; neither `self` nor `**options: Unpack[...]` is one."""
    named = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len(named) - (bool(named) and named[0].arg in {"self", "cls"})


def _cyclic(modules: Sequence[Module]) -> set[str]:
    """Packages that import themselves through others; the front door, which imports all, is none."""
    reached: dict[str, set[str]] = {module.package: set() for module in modules if module.package != "nag"}
    for module in modules:
        reached.get(module.package, set()).update(module.imported & set(reached))
    for middle in reached:
        for targets in reached.values():
            targets |= reached[middle] if middle in targets else set()
    return {name for name, targets in reached.items() if name in targets}


def _repeated(modules: Sequence[Module]) -> int:
    """Places where a run of lines starts that stands elsewhere, too."""
    runs = [(number, place, text) for number, module in enumerate(modules) for place, text in module.runs()]
    times = Counter(text for _, _, text in runs)
    places = {(number, place) for number, place, text in runs if times[text] > 1}
    return sum((number, place - 1) not in places for number, place in places)


def _dependencies(root: Path) -> int:
    import tomllib

    return len(tomllib.loads(_read(root / "pyproject.toml"))["project"]["dependencies"])


def _table(heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    body = [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join([f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}", *body])


def _tables(checkouts: Mapping[str, Path]) -> str:
    """Both tables of the page."""
    counts = [census(root) for root in checkouts.values()]
    sizes = [by_package(root) for root in checkouts.values()]
    rows = {name: [f"{count[name]:,}" for count in counts] for name in counts[0]}
    names = sorted({name for size in sizes for name in size})
    packages = {f"`{name}`": [_size(size.get(name)) for size in sizes] for name in names}
    return f"{_table(list(checkouts), rows)}\n\n{_table([f'{name}, lines / files' for name in checkouts], packages)}"


def _size(counted: tuple[int, int] | None) -> str:
    return "" if counted is None else f"{counted[0]:,} / {counted[1]}"


def _checkout(place: str, folder: Path) -> Path:
    """A folder as it is, or a revision unpacked into another one."""
    if Path(place).is_dir():
        return Path(place)
    packed = subprocess.run(["git", "archive", place], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:] or ["here=."])
    with tempfile.TemporaryDirectory() as made:
        print(_tables({name: _checkout(place, Path(made) / name) for name, place in given.items()}))
