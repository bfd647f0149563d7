"""Search spaces from YAML files: the shipped ones by name, a user's by path."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nag.core.documents import check, shortened
from nag.core.errors import InvalidSpace, NagError, did_you_mean
from nag.core.imports import is_import_path, load_callable, short_names
from nag.core.plugins import require_allowed
from nag.core.signatures import annotations_of, conform
from nag.graphs import Semantics
from nag.spaces.codecs import Codec, Wiring
from nag.spaces.constraints import Constraint
from nag.spaces.document import SpaceDocument
from nag.spaces.shipped import list_spaces, read_space
from nag.spaces.space import SearchSpace

__all__ = ["load_space", "space_from_mapping"]

_SEE = "See search_spaces/README.md."


def load_space(name_or_path: str | Path) -> SearchSpace:
    """Loads a search space.

    Args:
        name_or_path: Name of a shipped space, the path of a YAML file, or the import path of a function that returns the
            space or its description. The file may name Python code, which is trusted as the file is.

    Raises:
        InvalidSpace: No such space, or the file does not describe one.

    Example:
        >>> from nag.spaces import load_space
        >>> load_space("nasbench201").vocabulary
        ('input', 'output', 'none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3')
        >>> load_space("nasbnch201")
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidSpace: unknown search space 'nasbnch201'. Did you mean 'nasbench201'?
    """
    text = str(name_or_path)
    shown = shortened(text)
    if is_import_path(text):
        made = load_callable(text)()
        return made if isinstance(made, SearchSpace) else space_from_mapping(made, shown, lambda named: named)
    if text in list_spaces():
        return space_from_mapping(read_space(text), text)
    described, path = read_space(text), Path(text).expanduser()
    return space_from_mapping(described, shown, lambda named: _beside(path, named))


def _beside(path: Path, named: str) -> str:
    """An import path of a file, whose Python files stand beside it."""
    place, _, name = named.rpartition(":")
    return f"{path.absolute().parent / place}:{name}" if place.endswith(".py") else named


def space_from_mapping(
    description: Any, where: str = "search space", resolve: Callable[[str], str] | None = None
) -> SearchSpace:
    """Builds a search space from a parsed description; see `search_spaces/README.md` for the keys.

    Args:
        description: The mapping.
        where: Where it comes from, for messages.
        resolve: Import path in the description -> the one to import; None to admit only nag's own and allowed plug-ins
            (`nag.core.plugins`).

    Raises:
        InvalidSpace: With the key at fault.
        InvalidRequest: It names a class that is not allowed.

    Example:
        >>> from nag.spaces import space_from_mapping
        >>> description = {
        ...     "name": "chain",
        ...     "operations": {"conv": "parametric", "pool": "parametric"},
        ...     "nodes": 4,
        ...     "edges": [[0, 1], [1, 2], [2, 3]],
        ... }
        >>> space = space_from_mapping(description)
        >>> len(space.sample(3, seed=0)), space.vocabulary
        (3, ('input', 'output', 'conv', 'pool'))
    """
    if resolve is None:

        def resolve(path: str) -> str:
            return require_allowed(path, where)

    if not isinstance(description, dict):
        raise InvalidSpace(f"{where} holds no mapping", _SEE)
    document = check(SpaceDocument, description, where, InvalidSpace, _SEE)
    semantics = _semantics(document)
    low, high = document.nodes
    wiring = None if document.edges == "free" else _pairs(document.edges)
    constraints = tuple(
        _constraint(name, value, resolve, where) for name, value in document.constraints.items() if value is not False
    )
    own = Wiring(tuple(document.operations), low, high, wiring, constraints)
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
        codec=_codec(document.codec, own, resolve, where),
        costs=document.costs,
        description=description,
        networks=None if document.networks is None else resolve(document.networks),
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


def _constraint(name: str, value: Any, resolve: Callable[[str], str], where: str) -> Constraint:
    """The constraint of a space file's entry."""
    kind = load_callable(resolve(name)) if is_import_path(name) else short_names("nag.spaces.constraints", Constraint)[name]
    if not inspect.isclass(kind) or not issubclass(kind, Constraint):
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
    if not inspect.isclass(kind) or not issubclass(kind, Codec):
        raise InvalidSpace(f"'{shortened(name, 100)}' is no codec", "Name a sub-class of nag.spaces.Codec.")
    try:
        conform(kind.for_space, options, "codec")
        return kind.for_space(wiring, **options)
    except NagError as error:
        raise InvalidSpace(f"{where}: {error.what}", error.hint) from error
