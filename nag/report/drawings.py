"""Architectures as pictures that can be read: long chains as rows of labels, all else as layered graphs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup, escape

from nag.core.documents import shortened
from nag.graphs import Architecture, draw_svg, operation_colour

__all__ = ["drawing_of"]

_LONG = 12  # nodes from which a chain is drawn in rows
_MOST_NODES = 150  # of a layered drawing
_MOST_LINKS = 400
_MOST_STEPS = 400  # of a chain
_LONGEST = 60  # characters of an operation


def drawing_of(arch: Architecture) -> Markup:
    """HTML of an architecture.

    A chain of more than 12 nodes becomes a list whose items wrap over lines; equal neighbours are one item with their
    number. A graph of more than 150 nodes or 400 edges is described by its operations.

    Example:
        >>> chain = Architecture(("input", *"a" * 20, "output"), tuple((i, i + 1) for i in range(21)))
        >>> "× 20" in drawing_of(chain)
        True
    """
    if arch.num_nodes > _LONG and _is_chain(arch):
        return _steps([(op, len(list(same))) for op, same in groupby(arch.ops)], "chain")
    if arch.num_nodes > _MOST_NODES or len(arch.edges) > _MOST_LINKS:
        counts = [(op, arch.ops.count(op)) for op in dict.fromkeys(arch.ops)]
        note = Markup("<p>{} nodes, {} edges; too many to draw. Its operations:</p>")
        return note.format(f"{arch.num_nodes:,}", f"{len(arch.edges):,}") + _steps(counts, "counts")
    return Markup(draw_svg(arch))


def _is_chain(arch: Architecture) -> bool:
    return sorted(arch.edges) == [(v, v + 1) for v in range(arch.num_nodes - 1)]


def _steps(steps: Sequence[tuple[str, int]], kind: str) -> Markup:
    """Operations with how often each stands there."""
    items = [
        Markup('<li style="--fill: {}">{}{}</li>').format(
            operation_colour(op), escape(shortened(op, _LONGEST)), Markup(" <b>× {}</b>").format(count) if count > 1 else ""
        )
        for op, count in steps[:_MOST_STEPS]
    ]
    rest = len(steps) - _MOST_STEPS
    more = [Markup("<li>and {} more</li>").format(rest)] if rest > 0 else []
    return Markup('<ol class="{}">{}</ol>').format(kind, Markup("").join([*items, *more]))
