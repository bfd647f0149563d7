"""Matplotlib figures as SVG that stand inline in a page and take its colours and font, in the light and the dark scheme."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from nag_docs.values import Values

# Paul Tol's "bright" scheme: distinct under the common colour-vision deficiencies, on white and on black.
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999999", "#ee7733", "#000088", "#885500")
ABOVE = {"frameon": False, "loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "fontsize": 8}
"""Place of a legend over the axes."""
_INK = "#010203"  # replaced by the page's own colour
STYLE = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.2,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color", "axes.titlecolor"), _INK
    ),
}


def axes_of(count: int = 1, height: float = 3.2, columns: int = 3) -> list[Axes]:
    """The axes of a new figure, side by side.

    Args:
        count: How many.
        height: Of a row, in inches.
        columns: Most axes in a row.
    """
    wide = min(count, columns)
    deep = -(-count // wide)
    figure = Figure(figsize=(8.4, height * deep), layout="constrained")
    axes = [figure.add_subplot(deep, wide, place + 1) for place in range(count)]
    for axis in axes:
        axis.patch.set_visible(False)
    return axes


def bars(axis: Axes, values: Mapping[str, float], errors: Sequence[float] | None = None) -> None:
    """Horizontal bars with their numbers, the first on top."""
    names = list(values)
    axis.barh(names, list(values.values()), xerr=errors, color=COLOURS[0], height=0.65, error_kw={"ecolor": _INK, "lw": 1})
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)


def lines(axis: Axes, curves: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]]) -> None:
    """Named curves of (x, mean, spread); the spread is a band."""
    for (name, (x, mean, spread)), colour in zip(curves.items(), cycle(COLOURS), strict=False):
        axis.plot(x, mean, marker="o", markersize=4, color=colour, label=name)
        low, high = zip(*((m - s, m + s) for m, s in zip(mean, spread, strict=True)), strict=True)
        axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def measured_lines(axis: Axes, found: Values, metric: str, methods: Iterable[str], where: dict[float, dict[str, str]]) -> None:
    """One curve a method over the x-values for which it was measured."""
    named = {}
    for method in methods:
        known = [(x, of) for x, of in where.items() if found.row(metric, method=method, **of)]
        if known:
            mean = [found.mean(metric, method=method, **of) for _, of in known]
            spread = [found.std(metric, method=method, **of) for _, of in known]
            named[method] = ([x for x, _ in known], mean, spread)
    lines(axis, named)


def reference(axis: Axes, value: float, text: str, upright: bool = False) -> None:
    """A dashed line for what a number is compared with."""
    draw = axis.axvline if upright else axis.axhline
    draw(value, color=_INK, linestyle="--", linewidth=1, alpha=0.7, label=text)


def figure_of(axes: list[Axes]) -> Figure:
    return axes[0].get_figure()


def svg(figure: Figure, name: str) -> str:
    """A figure as one `<svg>` element.

    Args:
        figure: The figure, made within `rc_context(STYLE)`.
        name: Unique on the page; becomes part of every id.
    """
    buffer = io.StringIO()
    with rc_context({**STYLE, "svg.hashsalt": name}):
        figure.patch.set_visible(False)
        FigureCanvasSVG(figure).print_svg(buffer, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub("<[^>]+>", lambda tag: re.sub(r'(\bid="|"#|url\(#)', rf"\g<1>{name}-", tag[0]), text)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2).replace("<svg", '<svg class="plot" role="img"', 1)
    text = text.replace(_INK, "currentColor").replace("*{", f"#{name}-none *{{")
    return re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1; font-family: inherit", text)
