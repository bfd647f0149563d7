"""Search spaces from YAML files: the shipped ones by name, a user's by path."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

from nag.core.documents import check, parse_yaml, read_yaml, shortened
from nag.core.errors import InvalidSpace, did_you_mean
from nag.graphs import Semantics
from nag.spaces.codecs import CellString, Codec, EdgeList, LinksOps, MatrixOps, Numbering, OpList
from nag.spaces.constraints import Constraint
from nag.spaces.document import CodecDocument, SpaceDocument
from nag.spaces.space import SearchSpace

__all__ = ["list_spaces", "load_space", "space_from_mapping"]

_SEE = "See search_spaces/README.md."


def list_spaces() -> list[str]:
    """Names of the shipped search spaces."""
    folder = resources.files("nag.search_spaces")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_space(name_or_path: str | Path) -> SearchSpace:
    """Loads a search space.

    Args:
        name_or_path: Name of a shipped space, or the path of a YAML file.

    Raises:
        InvalidSpace: No such space, or the file does not describe one.
    """
    text = str(name_or_path)
    shown = shortened(text)
    if text in list_spaces():
        source = resources.files("nag.search_spaces").joinpath(f"{text}.yaml").read_text(encoding="utf-8")
        return space_from_mapping(parse_yaml(source, f"'{text}'", InvalidSpace), text)
    if Path(text).suffix not in {".yaml", ".yml"}:
        raise InvalidSpace(f"unknown search space '{shown}'", did_you_mean(shown, list_spaces()))
    try:
        path = Path(text).expanduser()
        exists = path.is_file()
    except (OSError, RuntimeError, ValueError):  # too long, or the home of an unknown user
        exists = False
    if not exists:
        raise InvalidSpace(f"search-space file '{shown}' does not exist", "Check the path.")
    return space_from_mapping(read_yaml(path, InvalidSpace), shown)


def space_from_mapping(description: Any, where: str = "search space") -> SearchSpace:
    """Builds a search space from a parsed description; see `search_spaces/README.md` for the keys.

    Args:
        description: The mapping.
        where: Where it comes from, for messages.

    Raises:
        InvalidSpace: With the key at fault.
    """
    if not isinstance(description, dict):
        raise InvalidSpace(f"{where} holds no mapping", _SEE)
    document = check(SpaceDocument, description, where, InvalidSpace, _SEE)
    semantics = _semantics(document)
    low, high = document.nodes
    wiring = None if document.edges == "free" else _pairs(document.edges)
    constraints = tuple(
        Constraint(name, tuple(value) if isinstance(value, list) else int(value))
        for name, value in document.constraints.items()
        if value is not False
    )
    return SearchSpace(
        name=document.name,
        title=document.name if document.title is None else document.title,
        semantics=semantics,
        min_nodes=low,
        max_nodes=high,
        allowed_ops=tuple(tuple(row) for row in document.allowed or [list(document.operations)]),
        wiring=wiring,
        required=_pairs(document.required or []),
        forbidden=_pairs(document.forbidden or []),
        constraints=constraints,
        codec=_codec(document, wiring, constraints, where),
        costs=document.costs,
        description=description,
        fingerprint=_fingerprint(description),
    )


def _fingerprint(description: dict[str, Any]) -> str:
    """Digest of a description, but for spellings that are read and never written."""
    codec = description.get("codec")
    if codec is not None:
        description = {**description, "codec": {key: value for key, value in codec.items() if key != "numbers"}}
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:32]


def _semantics(document: SpaceDocument) -> Semantics:
    vocabulary = ("input", "output", *document.operations)
    default = document.inputs.get("default", "summed")

    def of_role(role: str) -> frozenset[str]:
        return frozenset(op for op, own in document.operations.items() if own == role)

    def joining(way: str) -> frozenset[str]:
        return frozenset(op for op in vocabulary if document.inputs.get(op, default) == way)

    return Semantics(
        vocabulary,
        identity=of_role("identity"),
        zero=of_role("zero"),
        mergeable=of_role("mergeable"),
        multiplying=joining("multiplied"),
        concatenating=joining("concatenated"),
    )


def _pairs(pairs: Any) -> tuple[tuple[int, int], ...]:
    return tuple((u, v) for u, v in pairs)


def _codec(
    document: SpaceDocument, wiring: tuple[tuple[int, int], ...] | None, constraints: tuple[Constraint, ...], where: str
) -> Codec:
    """The codec that a space names, or the default of its wiring."""
    described = document.codec or CodecDocument(name="matrix_ops" if wiring is None else "op_list")
    low, high = document.nodes

    def fail(what: str, hint: str) -> NoReturn:
        raise InvalidSpace(f"{where}: {what}", hint)

    numbering = None
    if described.numbers is not None:
        if wiring is None:
            fail("'codec.numbers' does not fit free edges", "Leave it out.")
        nodes = described.numbers.nodes or list(range(1, high - 1))
        if sorted(nodes) != list(range(1, high - 1)):
            fail(f"'codec.numbers.nodes' is {shortened(str(nodes), 80)}", f"It must list each of 1 to {high - 2} once.")
        unknown = next((op for op in described.numbers.operations if op not in document.operations), None)
        if unknown is not None:
            hint = did_you_mean(unknown, document.operations)
            fail(f"'codec.numbers.operations' names '{shortened(unknown, 80)}'", hint)
        numbering = Numbering(tuple(described.numbers.operations), tuple(nodes))
    if described.name == "cell_string":
        codec = CellString(described.cell_nodes, numbering)
        if tuple(sorted(codec.edges)) != tuple(sorted(wiring or ())):
            fail("codec cell_string does not fit the edges", "List the wiring of the cell's edges.")
        return codec
    if described.name == "op_list":
        if wiring is None:
            fail("codec op_list does not fit free edges", "Use matrix_ops or edge_list.")
        return OpList(wiring, high - 2, numbering)
    if numbering is not None:
        fail(f"'codec.numbers' does not fit codec {described.name}", "Use it with op_list or cell_string.")
    if described.name == "links_ops":
        length = high - 2 if described.length is None else described.length
        trees = {Constraint("in_degree", 1), Constraint("output_from_leaves", 1)} <= set(constraints)
        if not trees or not low == high == length + 2 or length < 1:
            fail(
                "codec links_ops does not fit the nodes and constraints",
                "It needs 'nodes' two more than its length, in_degree: 1 and output_from_leaves: true.",
            )
        return LinksOps(length)
    if described.name == "edge_list":
        return EdgeList(high)
    return MatrixOps(high, prune=Constraint("all_nodes_on_a_path", 1) in constraints)
