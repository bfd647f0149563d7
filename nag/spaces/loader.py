"""Search spaces from YAML files: the shipped ones by name, a user's by path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nag.core.documents import shortened
from nag.core.imports import is_import_path, load_callable
from nag.graphs import Semantics
from nag.spaces.document import SpaceDocument
from nag.spaces.notation import pairs_of, read_notation, resolver_of
from nag.spaces.shipped import read_space
from nag.spaces.space import SearchSpace

__all__ = ["load_space", "space_from_mapping"]


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
    return space_from_mapping(read_space(text), shown, resolver_of(text))


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
    notation = read_notation(description, where, resolve)
    document, wiring = notation.document, notation.wiring
    return SearchSpace(
        name=document.name,
        title=document.name if document.title is None else document.title,
        semantics=_semantics(document),
        min_nodes=wiring.min_nodes,
        max_nodes=wiring.max_nodes,
        allowed_ops=tuple(tuple(row) for row in document.allowed or [list(document.operations)]),
        wiring=wiring.edges,
        required=pairs_of(document.required or []),
        forbidden=pairs_of(document.forbidden or []),
        constraints=wiring.constraints,
        codec=notation.codec,
        costs=document.costs,
        description=description,
        networks=notation.networks,
        fingerprint=notation.fingerprint,
    )


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
