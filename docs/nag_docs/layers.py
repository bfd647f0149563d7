"""The picture of the code: packages by layer, and who imports whom, read from the source."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nag_docs.values import DOCS

ROOT = DOCS.parent
_WIDTH, _ROW, _BOX, _HEIGHT, _GAP = 860, 92, 138, 46, 14
_LAYER = re.compile(r"^\| (\d) \| (.*?) \|", re.MULTILINE)
_COLOURS = ("#dddddd", "#99ddff", "#77aadd", "#44bb99", "#bbcc33", "#eedd88", "#ee8866", "#ffaabb")


def layers() -> dict[int, list[str]]:
    """Layer -> its packages, as the table of the page `architecture.md` says; the highest first."""
    rows = _LAYER.findall((DOCS / "pages" / "architecture.md").read_text(encoding="utf-8"))
    exist = {path.parent.name for path in (ROOT / "nag").glob("*/__init__.py")}
    return {int(layer): [name for name in re.findall(r"`(\w+)`", packages) if name in exist] for layer, packages in rows}


def imports() -> Counter[tuple[str, str]]:
    """How often a file of one package imports from another."""
    return Counter(
        (path.relative_to(ROOT / "nag").parts[0], other)
        for path in (ROOT / "nag").rglob("*.py")
        for other in {name.split(".")[1] for name in _imported(path) if name.startswith("nag.")}
        if other != path.relative_to(ROOT / "nag").parts[0]
    )


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _direct(edges: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    """The imports that no path through a third package implies."""
    below: dict[str, set[str]] = {}
    for source, target in edges:
        below.setdefault(source, set()).add(target)

    def reach(package: str) -> set[str]:
        return {package}.union(*(reach(other) for other in below.get(package, ())))

    indirect = {name: set().union(*(reach(other) - {other} for other in others)) for name, others in below.items()}
    return sorted((edge, count) for edge, count in edges.items() if edge[1] not in indirect[edge[0]])


def _size(package: str) -> str:
    files = list((ROOT / "nag" / package).rglob("*.py"))
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    return f"{len(files)} files, {lines:,} lines"


def _places() -> dict[str, tuple[float, float, int]]:
    """Package -> centre of its box, and its layer; the lowest layer at the bottom."""
    found = {}
    for row, (layer, packages) in enumerate(layers().items()):
        left = (_WIDTH - len(packages) * (_BOX + _GAP) + _GAP) / 2
        for place, package in enumerate(packages):
            found[package] = (left + place * (_BOX + _GAP) + _BOX / 2, row * _ROW + 40, layer)
    return found


def _arrow(start: tuple[float, float, int], end: tuple[float, float, int], weight: int) -> str:
    (x, y, _), (u, v, _) = start, end
    if y == v:  # within a layer
        side = _BOX / 2 if u > x else -_BOX / 2
        return f'<path d="M{x + side:.0f},{y:.0f} H{u - side:.0f}" stroke-width="1.5"/>'
    top, bottom = y + _HEIGHT / 2, v - _HEIGHT / 2
    bend = (bottom - top) / 2
    path = f"M{x:.0f},{top:.0f} C{x:.0f},{top + bend:.0f} {u:.0f},{bottom - bend:.0f} {u:.0f},{bottom:.0f}"
    return f'<path d="{path}" stroke-width="{0.8 + 0.3 * weight**0.5:.2f}"/>'


def _box(package: str, place: tuple[float, float, int]) -> str:
    x, y, layer = place
    rect = f'<rect x="{x - _BOX / 2:.0f}" y="{y - _HEIGHT / 2:.0f}" width="{_BOX}" height="{_HEIGHT}" rx="6"'
    name = f'<text x="{x:.0f}" y="{y - 2:.0f}" font-size="14" font-weight="600">{package}</text>'
    size = f'<text x="{x:.0f}" y="{y + 14:.0f}" font-size="10">{_size(package)}</text>'
    return f'{rect} fill="{_COLOURS[layer % len(_COLOURS)]}" stroke="#444"/>{name}{size}'


def picture_of_layers() -> str:
    """The picture as an SVG file."""
    places = _places()
    arrows = [
        _arrow(places[source], places[target], count)
        for (source, target), count in _direct(imports())
        if source in places and target in places
    ]
    boxes = [_box(package, place) for package, place in places.items()]
    width = max(x for x, _, _ in places.values()) + _BOX / 2 + 10
    left = min(x for x, _, _ in places.values()) - _BOX / 2 - 10
    height = max(y for _, y, _ in places.values()) + 40
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} 0 {width - left:.0f} {height:.0f}" '
            'font-family="Verdana, sans-serif" text-anchor="middle">',
            f'<rect x="{left:.0f}" width="{width - left:.0f}" height="{height:.0f}" fill="white"/>',
            '<g fill="none" stroke="#4d4d4d" stroke-opacity="0.7">',
            *arrows,
            "</g>",
            *boxes,
            "</svg>",
        ]
    )
