"""Notation of the architectures of a space: operations, edges and codec of its file, read without tensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nag.core.documents import check, shortened
from nag.core.errors import InvalidSpace, NagError, did_you_mean
from nag.core.hints import is_class
from nag.core.imports import is_import_path, load_callable, short_names
from nag.core.plugins import require_allowed
from nag.core.signatures import annotations_of, conform
from nag.graphs import Architecture
from nag.spaces.codecs import Codec, Wiring
from nag.spaces.constraints import Constraint
from nag.spaces.document import SpaceDocument
from nag.spaces.shipped import list_spaces, read_space

__all__ = ["Notation", "notation_of", "pairs_of", "read_notation", "resolver_of"]

_SEE = "See search_spaces/README.md."


@dataclass(frozen=True)
class Notation:
    """How the architectures of a space are written: what can be checked before the seconds that importing torch takes.

    Args:
        document: The space's file.
        wiring: Its operations, numbers of nodes, fixed edges and constraints.
        codec: Reads and writes strings.
        networks: Import path of the class that builds its networks, if the file names one.
        fingerprint: Digest of the description; spaces with one fingerprint are equal.

    Example:
        >>> from nag.spaces import notation_of
        >>> notation_of("nas_bench_graph").decode("0,0,1,2|gcn,gat,fc,gin").ops
        ('input', 'gcn', 'gat', 'fc', 'gin', 'output')
    """

    document: SpaceDocument
    wiring: Wiring
    codec: Codec
    networks: str | None
    fingerprint: str

    def decode(self, text: str) -> Architecture:
        """The architecture of a native string.

        Raises:
            InvalidArchitecture: Not of the codec's form, or an operation is unknown.
        """
        arch = self.codec.decode(text)
        self.validate(arch)
        return arch

    def validate(self, arch: Architecture) -> None:
        """Raises `InvalidArchitecture` where an operation is unknown; a `SearchSpace` also checks the graph."""
        arch.check_operations(("input", "output", *self.wiring.operations))


def notation_of(name_or_path: str | Path) -> Notation | None:
    """How the architectures of a space are written; None for a space that a function makes.

    Args:
        name_or_path: Name of a shipped space, the path of a YAML file, or an import path.

    Raises:
        InvalidSpace: There is no such space, or the file does not describe one.

    Example:
        >>> from nag.spaces import notation_of
        >>> notation_of("nas_bench_graph").decode("0,0,1,2|gcn,gat,fc,gni")
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidArchitecture: operation 'gni' is not in the vocabulary. Did you mean 'gin'?
    """
    name = str(name_or_path)
    return None if is_import_path(name) else read_notation(read_space(name), shortened(name), resolver_of(name))


def resolver_of(name_or_path: str) -> Callable[[str], str] | None:
    """Import path in a space file -> the one to import; None for a shipped space, which names only classes of nag."""
    return None if name_or_path in list_spaces() else lambda named: _beside(Path(name_or_path).expanduser(), named)


def read_notation(description: Any, where: str, resolve: Callable[[str], str] | None) -> Notation:
    """Reads a parsed description; arguments and errors are those of `space_from_mapping`."""
    if resolve is None:

        def resolve(path: str) -> str:
            return require_allowed(path, where)

    if not isinstance(description, dict):
        raise InvalidSpace(f"{where} holds no mapping", _SEE)
    document = check(SpaceDocument, description, where, InvalidSpace, _SEE)
    edges = None if document.edges == "free" else pairs_of(document.edges)
    constraints = tuple(
        _constraint(name, value, resolve, where) for name, value in document.constraints.items() if value is not False
    )
    wiring = Wiring(tuple(document.operations), *document.nodes, edges, constraints)
    networks = None if document.networks is None else resolve(document.networks)
    return Notation(document, wiring, _codec(document.codec, wiring, resolve, where), networks, _fingerprint(description))


def _fingerprint(description: dict[str, Any]) -> str:
    """Digest of a description, but for spellings that are read and never written."""
    codec = description.get("codec")
    if codec is not None:
        description = {**description, "codec": {key: value for key, value in codec.items() if key != "numbers"}}
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:32]


def _beside(path: Path, named: str) -> str:
    """An import path of a file, whose Python files stand beside it."""
    place, _, name = named.rpartition(":")
    return f"{path.absolute().parent / place}:{name}" if place.endswith(".py") else named


def pairs_of(pairs: Any) -> tuple[tuple[int, int], ...]:
    """Pairs of nodes as a document lists them."""
    return tuple((u, v) for u, v in pairs)


def _constraint(name: str, value: Any, resolve: Callable[[str], str], where: str) -> Constraint:
    """The constraint of a space file's entry."""
    kind = load_callable(resolve(name)) if is_import_path(name) else short_names("nag.spaces.constraints", Constraint)[name]
    if not is_class(kind) or not issubclass(kind, Constraint):
        raise InvalidSpace(f"'{shortened(name, 100)}' is no constraint", "Name a sub-class of nag.spaces.Constraint.")
    first = next(iter(annotations_of(kind)), None)
    value = tuple(value) if isinstance(value, list) else value
    options = value if isinstance(value, dict) else {} if value is True or first is None else {first: value}
    try:
        conform(kind, options)
        return kind(**options)
    except (NagError, TypeError) as error:
        what, hint = (error.what, error.hint) if isinstance(error, NagError) else (str(error), "Check its options.")
        raise InvalidSpace(f"{where}: 'constraints.{shortened(name, 100)}': {what}", hint) from error


def _codec(described: Mapping[str, Any] | None, wiring: Wiring, resolve: Callable[[str], str], where: str) -> Codec:
    """The codec that a space names, or the default of its wiring."""
    options = dict(described or {"name": "matrix_ops" if wiring.edges is None else "op_list"})
    name = str(options.pop("name", ""))
    known = short_names("nag.spaces.codecs", Codec)
    if not is_import_path(name) and name not in known:
        what = f"{where}: 'codec.name' is '{shortened(name, 40)}'"
        raise InvalidSpace(what, f"This codec cannot be used. {did_you_mean(name[:40], known)}")
    kind = load_callable(resolve(name)) if is_import_path(name) else known[name]
    if not is_class(kind) or not issubclass(kind, Codec):
        raise InvalidSpace(f"'{shortened(name, 100)}' is no codec", "Name a sub-class of nag.spaces.Codec.")
    try:
        conform(kind.for_space, options, "codec")
        return kind.for_space(wiring, **options)
    except NagError as error:
        raise InvalidSpace(f"{where}: {error.what}", error.hint) from error
