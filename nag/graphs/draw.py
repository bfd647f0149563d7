"""Layered drawings of architectures as SVG and PNG (Sugiyama et al. 1981), without pyplot and its global state."""

from __future__ import annotations

import hashlib
import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from nag.core.documents import shortened
from nag.core.files import write_bytes
from nag.graphs.architecture import Architecture
from nag.graphs.drawing_paths import check_drawing_path
from nag.graphs.layout import BOX_HEIGHT, Layout, Slot, lay_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Curve

__all__ = ["draw_png", "draw_svg", "operation_colour", "save_drawing"]

# Paul Tol's "light" scheme, made for black text on colour, distinct under the common colour-vision deficiencies.
_PALETTE = ("#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff", "#44bb99", "#bbcc33", "#aaaa00", "#dddddd")
_ENDS = {"input": "#2b2b2b", "output": "#2b2b2b"}
_EDGE = "#4d4d4d"
_FONT = "DejaVu Sans"
_SIZE, _MARGIN, _ROUND = 9.0, 10.0, 4.5  # points
_MOST_ARROWS = 400  # more edges are one path without heads
_MOST_EDGES = 4000
_MOST_LETTERS = 200  # of an operation
_MOST_PIXELS = 2**15  # of a PNG's longer side


def draw_svg(arch: Architecture, title: str | None = None, operations: Sequence[str] | None = None) -> str:
    """A drawing as an `<svg>` element to stand inline in HTML: no prolog, no date, the same text for the same call.

    Args:
        arch: The architecture.
        title: Printed above it, if any.
        operations: Takes colours in this order; without it they follow from the operations' names alone. Either way an
            operation has one colour in all drawings.

    Of more than 4,000 edges the shortest are drawn, and the title says how many are not. More than 400 have no arrow heads.

    Example:
        >>> from nag.graphs import Architecture, draw_svg
        >>> draw_svg(Architecture(("input", "conv", "output"), ((0, 1), (1, 2))), title="a chain")[:4]
        '<svg'
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    title = _printable(title)
    key = "nag" + hashlib.blake2b(repr((arch, title, operations)).encode(), digest_size=6).hexdigest()
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": key, "svg.fonttype": "none"}):
        FigureCanvasSVG(_figure(arch, title, operations)).print_svg(
            buffer, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # Ids and style rules hold for the whole page that the drawing is put into: bind both to this drawing.
    svg = re.sub("<[^>]+>", lambda tag: re.sub(r'(\bid="|"#|url\(#)', rf"\g<1>{key}-", tag[0]), svg)
    label = quoteattr(title or f"architecture of {arch.num_nodes} nodes")
    svg = svg.replace("<svg", f'<svg id="{key}" role="img" aria-label={label}', 1).replace("*{", f"#{key} *{{", 1)
    return svg.replace(f"'{_FONT}'", f"'{_FONT}', Verdana, sans-serif")


def draw_png(arch: Architecture, title: str | None = None, dpi: int = 150, operations: Sequence[str] | None = None) -> bytes:
    r"""A drawing as a PNG file's content; arguments as in `draw_svg`, and the resolution in dots an inch.

    A very large drawing gets a lower resolution, so that its longer side has at most 32,768 pixels.

    Example:
        >>> from nag.graphs import Architecture, draw_png
        >>> draw_png(Architecture(("input", "conv", "output"), ((0, 1), (1, 2))))[:4]
        b'\x89PNG'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    figure = _figure(arch, _printable(title), operations)
    figure.set_dpi(min(dpi, _MOST_PIXELS / max(figure.get_size_inches())))
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def save_drawing(
    arch: Architecture, path: str | Path, title: str | None = None, operations: Sequence[str] | None = None
) -> None:
    """Writes a drawing atomically, in the format that the path's suffix names; other arguments as in `draw_svg`.

    Raises:
        InvalidRequest: The suffix is neither .svg nor .png.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nag.graphs import Architecture, save_drawing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_drawing(Architecture(("input", "conv", "output"), ((0, 1), (1, 2))), f"{folder}/chain.svg")
        ...     [path.name for path in Path(folder).iterdir()]
        ['chain.svg']
    """
    path = Path(path)
    if check_drawing_path(path) == ".svg":
        write_bytes(path, draw_svg(arch, title, operations).encode())
    else:
        write_bytes(path, draw_png(arch, title, operations=operations))


def _printable(title: str | None) -> str | None:
    """A title without control characters, which XML cannot hold."""
    return None if title is None else "".join(sign if sign.isprintable() else " " for sign in title)


def _figure(arch: Architecture, title: str | None, operations: Sequence[str] | None) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch

    arch = Architecture(tuple(shortened(op, _MOST_LETTERS) for op in arch.ops), arch.edges)
    hidden = len(arch.edges) - _MOST_EDGES
    if hidden > 0:
        arch = Architecture(arch.ops, tuple(sorted(arch.edges, key=lambda edge: edge[1] - edge[0])[:_MOST_EDGES]))
        title = f"{title or 'architecture'} ({hidden} edges are not drawn)"
    width_of = {op: max(_text_width(op), 20.0) + 16 for op in set(arch.ops)}
    widths = [width_of[op] for op in arch.ops]
    layout = lay_out(arch, widths)
    right = max((layout.centre[(v,)][0] + width / 2 for v, width in enumerate(widths)), default=0.0)
    right = max([right, *(x for x, _ in layout.centre.values())])
    lines = textwrap.wrap(title or "", max(int(right / (0.56 * _SIZE)), 36), break_on_hyphens=False)
    inner = max([right, *map(_text_width, lines)])
    head = _MARGIN + len(lines) * 1.4 * _SIZE + (6 if lines else 0)
    bottom = max((y for _, y in layout.centre.values()), default=0.0) + BOX_HEIGHT / 2
    width, height = inner + 2 * _MARGIN, head + bottom + _MARGIN
    figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    style: dict[str, Any] = {"fontsize": _SIZE, "fontfamily": _FONT, "parse_math": False, "ha": "center"}
    for i, line in enumerate(lines):
        axes.text(width / 2, _MARGIN + (i + 0.8) * 1.4 * _SIZE, line, color="#111111", va="baseline", **style)
    shift = (_MARGIN + (inner - right) / 2, head)
    curves = list(_curves(arch, layout, widths, shift))
    for curve in curves if len(curves) <= _MOST_ARROWS else ():
        head_style = "-|>,head_length=4,head_width=2"
        arrow = FancyArrowPatch(path=curve, arrowstyle=head_style, mutation_scale=1, shrinkA=0, shrinkB=0, zorder=1)
        arrow.set(color=_EDGE, linewidth=1.0)
        axes.add_patch(arrow)
    if len(curves) > _MOST_ARROWS:  # one path: all edges lead down
        bundle = PathPatch(type(curves[0]).make_compound_path(*curves), zorder=1, fill=False)
        bundle.set(edgecolor=_EDGE, linewidth=0.5)
        axes.add_patch(bundle)
    fill = _colours(arch, operations)
    for v, op in enumerate(arch.ops):
        x, y = layout.centre[(v,)][0] + shift[0], layout.centre[(v,)][1] + shift[1]
        corner = (x - widths[v] / 2 + _ROUND, y - BOX_HEIGHT / 2 + _ROUND)
        box = FancyBboxPatch(corner, widths[v] - 2 * _ROUND, BOX_HEIGHT - 2 * _ROUND, f"round,pad={_ROUND}", zorder=2)
        box.set(facecolor=fill[op], edgecolor="#2b2b2b", linewidth=0.8)
        axes.add_patch(box)
        ink = "white" if op in _ENDS else "#111111"
        axes.text(x, y + 0.36 * _SIZE, op, color=ink, va="baseline", zorder=3, **style)
    return figure


def _text_width(text: str) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return text_to_path.get_text_width_height_descent(text, FontProperties(family=_FONT, size=_SIZE), ismath=False)[0]


def _curves(arch: Architecture, layout: Layout, widths: Sequence[float], shift: tuple[float, float]) -> Iterator[Curve]:
    """One smooth curve an edge: vertical through every passage, from the lower rim of a box to the upper rim of another."""
    from matplotlib.path import Path as Curve

    leaving: dict[Slot, list[float]] = {}
    entering: dict[Slot, list[float]] = {}
    for route in layout.routes:
        leaving.setdefault(route[0], []).append(layout.centre[route[1]][0])
        entering.setdefault(route[-1], []).append(layout.centre[route[-2]][0])

    def port(slot: Slot, toward: Slot, others: list[float]) -> float:
        """Edges meet a box side by side, in the order in which they arrive."""
        place = sorted(others).index(layout.centre[toward][0]) - (len(others) - 1) / 2
        return layout.centre[slot][0] + place * min(10.0, (widths[slot[0]] - 14) / max(len(others) - 1, 1))

    for route in layout.routes:
        x, y = port(route[0], route[1], leaving[route[0]]), layout.centre[route[0]][1] + BOX_HEIGHT / 2
        points, codes = [(x, y)], [Curve.MOVETO]
        for slot in route[1:]:
            last = len(slot) == 1
            x_next = port(slot, route[-2], entering[slot]) if last else layout.centre[slot][0]
            y_next = layout.centre[slot][1] - BOX_HEIGHT / 2
            bend = (y_next - y) / 2
            points += [(x, y + bend), (x_next, y_next - bend), (x_next, y_next)]
            codes += [Curve.CURVE4] * 3
            x, y = x_next, y_next
            if not last:
                y += BOX_HEIGHT
                points.append((x, y))
                codes.append(Curve.LINETO)
        yield Curve([(x + shift[0], y + shift[1]) for x, y in points], codes)


def _colours(arch: Architecture, operations: Sequence[str] | None) -> dict[str, str]:
    """Colour of each operation: by its place in `operations`, else by a hash of its name."""
    if operations is not None:
        known = [op for op in operations if op not in _ENDS]
        table = {op: _PALETTE[i % len(_PALETTE)] for i, op in enumerate(known)}
    else:
        table = {}
    return {op: _ENDS.get(op) or table.get(op) or operation_colour(op) for op in arch.ops}


def operation_colour(op: str) -> str:
    """The colour of an operation in all drawings that are given no order of operations, as `#rrggbb`.

    Example:
        >>> operation_colour("conv_3x3") == operation_colour("conv_3x3")
        True
    """
    # The salt is the least that gives the operations of each shipped search space different colours.
    digest = hashlib.blake2b(op.encode(), digest_size=8, salt=(1130).to_bytes(4, "big")).digest()
    return _PALETTE[int.from_bytes(digest, "big") % len(_PALETTE)]
