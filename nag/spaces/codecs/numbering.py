"""Operations written as numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from nag.core.documents import Document, check, shortened
from nag.core.errors import InvalidArchitecture, InvalidSpace, did_you_mean
from nag.spaces.codecs.codec import Wiring

__all__ = ["Numbering", "numbering_of"]


@dataclass(frozen=True)
class Numbering:
    """How architectures of a fixed wiring are written as numbers of operations, such as `(4, 0, 3, 1, 4, 3)`.

    Args:
        operations: Operation of each number, from 0.
        nodes: The inner node that each place of the list is about, from 1.

    Example:
        >>> from nag.spaces.codecs import Numbering
        >>> Numbering(("skip", "conv"), (2, 1)).read("(1, 0)")
        ['skip', 'conv']
    """

    operations: tuple[str, ...]
    nodes: tuple[int, ...]

    def read(self, text: str) -> list[str] | None:
        """Operations of the inner nodes in their order; None where the text is no list of numbers.

        Raises:
            InvalidArchitecture: There are too few or too many numbers, or one has no operation.
        """
        parts = text.strip().strip("[]()").replace(",", " ").split()
        if not parts or not all(re.fullmatch(r"\d{1,9}", part, re.ASCII) for part in parts):
            return None
        numbers = [int(part) for part in parts]
        if len(numbers) != len(self.nodes):
            raise InvalidArchitecture(f"'{shortened(text, 80)}' has {len(numbers)} numbers", f"It needs {len(self.nodes)}.")
        if max(numbers) >= len(self.operations):
            meaning = ", ".join(f"{i} {name}" for i, name in enumerate(self.operations))
            raise InvalidArchitecture(f"no operation has the number {max(numbers)}", shortened(f"Numbers: {meaning}."))
        found = dict(zip(self.nodes, (self.operations[number] for number in numbers), strict=True))
        return [found[node] for node in sorted(found)]


class _NumberingDocument(Document):
    """Numbers of a space file."""

    operations: Annotated[list[str], Field(min_length=1)]
    nodes: list[int] | None = None


def numbering_of(numbers: Mapping[str, Any] | None, wiring: Wiring) -> Numbering | None:
    """The numbering of a space file.

    Raises:
        InvalidSpace: It does not fit the space.
    """
    if numbers is None:
        return None
    if wiring.edges is None:
        raise InvalidSpace("'codec.numbers' does not fit free edges", "Leave it out.")
    document = check(_NumberingDocument, dict(numbers), "'codec.numbers'", InvalidSpace)
    inner = list(range(1, wiring.max_nodes - 1))
    nodes = document.nodes or inner
    if sorted(nodes) != inner:
        what = f"'codec.numbers.nodes' is {shortened(str(nodes), 80)}"
        raise InvalidSpace(what, f"It must list each of 1 to {inner[-1]} once.")
    unknown = next((op for op in document.operations if op not in wiring.operations), None)
    if unknown is not None:
        hint = did_you_mean(unknown, wiring.operations)
        raise InvalidSpace(f"'codec.numbers.operations' names '{shortened(unknown, 80)}'", hint)
    return Numbering(tuple(document.operations), tuple(nodes))
