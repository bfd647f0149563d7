"""Writes native strings of designs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from nag.spaces.language.designs import Design, Node, Word
from nag.spaces.language.domains import written
from nag.spaces.language.parts import Part

__all__ = ["write_design"]


def write_design(parts: Sequence[Part], design: Design) -> str:
    """The native string of a design.

    Args:
        parts: The parts that have words.
        design: The design.
    """
    pairs = [(part, word) for part, word in zip(parts, design.parts, strict=True) if part.is_open]
    sections = [_section(part, word) for part, word in pairs if part.kind == "section"]
    rest = [
        _written_cell(word[0]) if part.kind == "cell" else _values(word[0]) for part, word in pairs if part.kind != "section"
    ]
    return " ; ".join([" | ".join(sections)] * bool(sections) + rest) or "()"


def _section(part: Part, word: Word) -> str:
    return f"[{_values(word[0])}] {_written(word[1:])}" if part.leads else _written(word)


def _values(node: Node) -> str:
    return ",".join(f"{name}={written(value)}" for name, value in node.attributes)


def _written(word: Word) -> str:
    runs = [(node, len(list(copies))) for node, copies in groupby(word)]
    return " ".join(_written_node(node) + (f"*{number}" if number > 1 else "") for node, number in runs) or "-"


def _written_node(node: Node) -> str:
    if node.cell is not None:
        return _written_cell(node)
    return f"{node.operation}({_values(node)})" if node.attributes else node.operation


def _written_cell(node: Node) -> str:
    assert node.cell is not None
    reads = node.cell.inputs or [()] * len(node.cell.nodes)
    inner = (_inner(word, own) for word, own in zip(node.cell.nodes, reads, strict=True))
    return f"{node.operation}{{{' / '.join(inner)}}}"


def _inner(word: Word, reads: Sequence[tuple[int, Word]]) -> str:
    if any(label for _, label in reads) or (reads and not word):
        return ", ".join(f"{_written(label)}~{source}" for source, label in reads)
    return _written(word) + (f" < {', '.join(str(source) for source, _ in reads)}" if reads else "")
