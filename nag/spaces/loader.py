"""Search spaces from YAML files: the shipped ones by name, a user's by path."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

import yaml

from nag.errors import InvalidSpace, did_you_mean
from nag.graphs import Semantics
from nag.spaces.codecs import CODECS, CellString, Codec, EdgeList, LinksOps, MatrixOps, OpList
from nag.spaces.constraints import CONSTRAINTS, Constraint
from nag.spaces.space import SearchSpace

__all__ = ["list_spaces", "load_space", "space_from_mapping"]

_KEYS = {
    "name", "title", "operations", "inputs", "nodes", "edges", "allowed", "required", "forbidden", "constraints",
    "codec", "costs",
}  # fmt: skip
_ROLES = {"parametric", "identity", "zero", "mergeable"}
_WAYS = ("summed", "multiplied", "concatenated")
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
    if text in list_spaces():
        source = resources.files("nag.search_spaces").joinpath(f"{text}.yaml").read_text(encoding="utf-8")
    elif Path(text).suffix in {".yaml", ".yml"}:
        path = Path(text).expanduser()
        if not path.is_file():
            raise InvalidSpace(f"search-space file '{text}' does not exist", "Check the path.")
        source = path.read_text(encoding="utf-8", errors="replace")
    else:
        raise InvalidSpace(f"unknown search space '{text}'", did_you_mean(text, list_spaces()))
    try:
        description = yaml.safe_load(source)
    except yaml.YAMLError as error:
        raise InvalidSpace(f"'{text}' is not YAML", str(error).splitlines()[0]) from error
    return space_from_mapping(description, text)


def space_from_mapping(description: Any, where: str = "search space") -> SearchSpace:
    """Builds a search space from a parsed description; see `search_spaces/README.md` for the keys.

    Raises:
        InvalidSpace: With the key at fault.
    """
    reader = _Reader(description, where)
    return reader.space()


class _Reader:
    """Checks a description key by key."""

    def __init__(self, description: Any, where: str) -> None:
        if not isinstance(description, dict):
            raise InvalidSpace(f"{where} holds no mapping", _SEE)
        self.where = where
        self.data = description
        for key in description:
            if key not in _KEYS:
                self.fail(f"unknown key '{key}'", did_you_mean(str(key), _KEYS))
        for key in ("name", "operations", "nodes", "edges"):
            if key not in description:
                self.fail(f"key '{key}' is missing", _SEE)
        try:
            text = json.dumps(description, sort_keys=True)
        except (TypeError, ValueError):
            self.fail(
                "only texts, numbers, lists and mappings with text keys are understood", "Quote dates and number-like keys."
            )
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:32]

    def fail(self, what: str, hint: str = _SEE) -> NoReturn:
        raise InvalidSpace(f"{self.where}: {what}", hint)

    def space(self) -> SearchSpace:
        operations = self.data["operations"]
        if not isinstance(operations, dict) or not operations:
            self.fail("'operations' must map each operation to its role", f"Roles: {', '.join(sorted(_ROLES))}.")
        for op, role in operations.items():
            if not isinstance(role, str) or role not in _ROLES:
                self.fail(f"operation '{op}' has the unknown role '{role}'", did_you_mean(str(role), _ROLES))
            if not isinstance(op, str) or op in {"input", "output"} or set(op) & set("|~+,:;/ "):
                self.fail(
                    f"'{op}' cannot be an operation's name", "Use letters, digits, '-', '_'; input and output are implied."
                )
        vocabulary = ("input", "output", *operations)
        inputs = self.mapping("inputs", {"default": "summed"})
        for target, way in inputs.items():
            if target not in {"default", *vocabulary} or way not in _WAYS:
                self.fail(
                    f"'inputs: {target}: {way}' is not understood",
                    "Operation (or default): summed, multiplied or concatenated.",
                )
        default = inputs.get("default", "summed")
        semantics = Semantics(
            vocabulary=vocabulary,
            identity=frozenset(op for op, role in operations.items() if role == "identity"),
            zero=frozenset(op for op, role in operations.items() if role == "zero"),
            mergeable=frozenset(op for op, role in operations.items() if role == "mergeable"),
            multiplying=frozenset(op for op in vocabulary if inputs.get(op, default) == "multiplied"),
            concatenating=frozenset(op for op in vocabulary if inputs.get(op, default) == "concatenated"),
        )
        low, high = self.sizes()
        wiring = None if self.data["edges"] == "free" else self.pairs("edges", high)
        if wiring is not None and low != high:
            self.fail("a fixed wiring needs one number of nodes", "Write 'nodes: N', or 'edges: free'.")
        allowed = self.data.get("allowed") or [list(operations)]
        names = list(operations)
        if not isinstance(allowed, list) or not all(
            isinstance(row, list) and row and all(op in names for op in row) for row in allowed
        ):
            self.fail(
                "'allowed' must list, for each inner node, at least one of the operations", f"Operations: {', '.join(names)}."
            )
        constraints = self.constraints()
        return SearchSpace(
            name=str(self.data["name"]),
            title=str(self.data.get("title", self.data["name"])),
            semantics=semantics,
            min_nodes=low,
            max_nodes=high,
            allowed_ops=tuple(tuple(row) for row in allowed),
            wiring=wiring,
            required=self.pairs("required", low),  # within the smallest architecture, so that every one can have them
            forbidden=self.pairs("forbidden", high),
            constraints=constraints,
            codec=self.codec(wiring, low, high, constraints),
            costs=self.costs(vocabulary),
            description=self.data,
            fingerprint=self.fingerprint,
        )

    def mapping(self, key: str, default: dict[str, Any]) -> dict[str, Any]:
        value = self.data.get(key, default)
        if not isinstance(value, dict):
            self.fail(f"'{key}' must be a mapping")
        return dict(value)

    def sizes(self) -> tuple[int, int]:
        nodes = self.data["nodes"]
        pair = [nodes, nodes] if isinstance(nodes, int) else nodes
        if not (isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair) and 2 <= pair[0] <= pair[1]):
            self.fail("'nodes' must be a number, or [least, greatest], of at least 2", "Input and output count.")
        return pair[0], pair[1]

    def pairs(self, key: str, size: int) -> tuple[tuple[int, int], ...]:
        value = self.data.get(key) or []
        good = isinstance(value, list) and all(
            isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair) and 0 <= pair[0] < pair[1] < size
            for pair in value
        )
        if not good:
            self.fail(f"'{key}' must list pairs [u, v] with 0 <= u < v < {size}")
        return tuple((pair[0], pair[1]) for pair in value)

    def constraints(self) -> tuple[Constraint, ...]:
        found = []
        for name, parameter in self.mapping("constraints", {}).items():
            if name not in CONSTRAINTS:
                self.fail(f"unknown constraint '{name}'", did_you_mean(str(name), CONSTRAINTS))
            if parameter is not False and CONSTRAINTS[name].names_operations:
                known = list(self.data["operations"])
                if not isinstance(parameter, list) or not parameter or not all(op in known for op in parameter):
                    self.fail(f"constraint '{name}' needs a list of operations", f"Operations: {', '.join(known)}.")
                found.append(Constraint(name, tuple(parameter)))
                continue
            if not isinstance(parameter, int) or parameter < 0:
                self.fail(f"constraint '{name}' needs a number or true")
            if parameter is not False:
                found.append(Constraint(name, int(parameter)))
        return tuple(found)

    def codec(
        self, wiring: tuple[tuple[int, int], ...] | None, low: int, high: int, constraints: tuple[Constraint, ...]
    ) -> Codec:
        described = self.mapping("codec", {"name": "matrix_ops" if wiring is None else "op_list"})
        name = described.get("name")
        if name == "cell_string":
            codec = CellString(self.number(described, "cell_nodes", 4))
            if tuple(sorted(codec.edges)) != tuple(sorted(wiring or ())):
                self.fail("codec cell_string does not fit the edges", "List the wiring of the cell's edges.")
            return codec
        if name == "matrix_ops":
            return MatrixOps()
        if name == "edge_list":
            return EdgeList()
        if name == "links_ops":
            length = self.number(described, "length", high - 2)
            trees = {Constraint("in_degree", 1), Constraint("output_from_leaves", 1)} <= set(constraints)
            if not trees or not low == high == length + 2:
                self.fail(
                    "codec links_ops does not fit the nodes and constraints",
                    "It needs 'nodes' two more than its length, in_degree: 1 and output_from_leaves: true.",
                )
            return LinksOps(length)
        if name == "op_list" and wiring is not None:
            return OpList(wiring, high - 2)
        self.fail(f"codec '{name}' cannot be used", did_you_mean(str(name), CODECS))

    def number(self, mapping: dict[str, Any], key: str, default: int) -> int:
        value = mapping.get(key, default)
        if type(value) is not int or value < 1:
            self.fail(f"codec: '{key}' must be a positive number", f"It is {default} if left out.")
        return value

    def costs(self, vocabulary: tuple[str, ...]) -> dict[str, dict[str, float]]:
        costs = self.mapping("costs", {})
        for name, model in costs.items():
            if not isinstance(model, dict) or not set(model) <= {"base", *vocabulary}:
                self.fail(f"cost '{name}' must map operations (and base) to numbers")
            if not all(isinstance(value, int | float) for value in model.values()):
                self.fail(f"cost '{name}' must map operations (and base) to numbers")
        return {name: {op: float(value) for op, value in model.items()} for name, model in costs.items()}
