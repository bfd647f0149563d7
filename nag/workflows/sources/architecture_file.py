"""Files that list architectures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nag.core.documents import read_bounded, read_json_lines
from nag.core.errors import InvalidArchitecture, MissingData, NagError
from nag.graphs import Architecture

if TYPE_CHECKING:
    from nag.spaces import Notation, SearchSpace

__all__ = ["read_architectures"]


def read_architectures(path: Path, space: SearchSpace | Notation) -> list[Architecture]:
    """Reads architectures from a `.jsonl` file (`arch`, or `ops` and `edges`) or from lines of native strings.

    Args:
        path: The file.
        space: Decodes and checks; with a `Notation`, form and operations alone.

    Raises:
        MissingData: No such file, or it is empty.
        InvalidArchitecture: With the number of the line.
    """
    if path.suffix == ".jsonl":
        rows = read_json_lines(path)
    else:
        text = read_bounded(path).decode("utf-8", errors="replace")
        rows = [{"arch": line} for line in text.splitlines() if line.strip()]
    if not rows:
        raise MissingData(f"'{path}' lists no architecture", "Write one native string a line.")
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(_read(row, space))
        except NagError as error:
            raise InvalidArchitecture(f"architecture {number} of '{path}': {error.what}", error.hint) from error
    return found


def _read(row: dict[str, object], space: SearchSpace | Notation) -> Architecture:
    if isinstance(row.get("arch"), str):
        return space.decode(str(row["arch"]))
    ops, edges = row.get("ops"), row.get("edges")
    if not isinstance(ops, list) or not isinstance(edges, list) or not all(isinstance(e, list) and len(e) == 2 for e in edges):
        raise InvalidArchitecture("it has neither 'arch' nor 'ops' and 'edges'", "See `nag evaluate --help`.")
    arch = Architecture.from_unordered({i: str(op) for i, op in enumerate(ops)}, [(e[0], e[1]) for e in edges])
    space.validate(arch)
    return arch
