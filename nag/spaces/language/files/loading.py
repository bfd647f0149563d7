"""Typed spaces from YAML files and mappings; a fault is told with file, line and key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from nag.core.documents import explain, parse_yaml, read_bounded, shortened
from nag.core.errors import InvalidSpace
from nag.spaces.language.errors import Fault
from nag.spaces.language.files.document import LanguageDocument
from nag.spaces.language.files.steps import read_description
from nag.spaces.language.space import TypedSpace

__all__ = ["load_typed_space", "typed_space_from_mapping", "typed_space_from_text"]

_MAX_BYTES = 2 * 2**20


def load_typed_space(path: str | Path) -> TypedSpace:
    r"""Loads a search space from a YAML file in the space language.

    Args:
        path: The file.

    Raises:
        InvalidSpace: With the file, the line and the key at fault.
        MissingData: No such file.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nag.spaces.language import load_typed_space
        >>> text = "name: tiny\noperations: {conv: {kernel: [3, 5]}}\ngraph: [{repeat: [1, 2], of: conv}]\n"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "tiny.yaml")
        ...     _ = path.write_text(text)
        ...     load_typed_space(path).count()
        6
    """
    text = read_bounded(path, _MAX_BYTES).decode("utf-8", errors="replace")
    return typed_space_from_text(text, f"'{shortened(str(path))}'")


def typed_space_from_text(text: str, where: str = "search space") -> TypedSpace:
    r"""Builds a search space from YAML.

    Args:
        text: The YAML.
        where: Where it comes from, for messages.

    Raises:
        InvalidSpace: With the line and the key at fault.

    Example:
        >>> from nag.spaces.language import typed_space_from_text
        >>> typed_space_from_text("name: a\noperations: {conv: {kernel: [3, 5]}}\ngraph:\n- conb")
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidSpace: search space, line 4: 'graph.0' is 'conb', no operation, block or cell. Did you...
    """
    return _build(parse_yaml(text, where, InvalidSpace), where, text)


def typed_space_from_mapping(description: Mapping[str, Any], where: str = "search space") -> TypedSpace:
    """Builds a search space from a parsed description.

    Args:
        description: The mapping.
        where: Where it comes from, for messages.

    Raises:
        InvalidSpace: With the key at fault.

    Example:
        >>> from nag.spaces.language import typed_space_from_mapping
        >>> description = {"name": "a", "operations": {"conv": {"kernel": [3, 5]}}, "graph": ["conv", "conv"]}
        >>> typed_space_from_mapping(description).count()
        4
    """
    return _build(description, where, None)


def _build(data: Any, where: str, text: str | None) -> TypedSpace:
    if not isinstance(data, Mapping):
        raise InvalidSpace(f"{where} is no mapping", "Write 'name: ...', 'operations: ...' and 'graph: ...'.")
    try:
        document = LanguageDocument.model_validate(data)
    except ValidationError as error:
        what, hint = explain(error, LanguageDocument)
        place = error.errors(include_url=False)[0]["loc"]
        raise InvalidSpace(f"{where}{_line(text, place)}: {what}", hint) from error
    try:
        return TypedSpace(read_description(document, data))
    except Fault as error:
        raise InvalidSpace(f"{where}{_line(text, error.place)}: {error.what}", error.hint) from error
    except RecursionError as error:
        raise InvalidSpace(f"{where}: it is nested too deeply", "Use fewer levels.") from error
    except InvalidSpace as error:
        raise InvalidSpace(f"{where}: {error.what}", error.hint) from error


def _line(text: str | None, place: Sequence[Any]) -> str:
    """The line of the key or item at a place, or of the innermost that is there."""
    if text is None:
        return ""
    node, line = yaml.compose(text, yaml.SafeLoader), 1
    for key in place:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(key)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return f", line {line}"
