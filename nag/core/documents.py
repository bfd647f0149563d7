"""Documents from outside (YAML, JSON, metadata, store rows): read within limits, checked once against a schema.

A schema is a `Document`; `check` turns parsed data into one, or says in one line which file and key is wrong and what was
expected. Readers bound the size, the depth and the aliases of what they parse, so that a crafted file costs no time.

Example:
    >>> from nag.core.documents import Document, check
    >>> class Plan(Document):
    ...     budget: int
    >>> check(Plan, {"budget": 3}, "plan.yaml").budget
    3
    >>> check(Plan, {"budget": "many"}, "plan.yaml")
    Traceback (most recent call last):
    nag.core.errors.DamagedFile: plan.yaml: 'budget' is 'many'. Input should be a valid integer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from nag.core.errors import DamagedFile, MissingData, NagError, did_you_mean

__all__ = [
    "Document",
    "check",
    "explain",
    "parse_json",
    "parse_json_lines",
    "parse_yaml",
    "printable",
    "read_bounded",
    "read_json",
    "read_json_lines",
    "read_yaml",
    "shortened",
]

MAX_BYTES = 256 * 2**20
"""Size of the largest JSON or JSON-lines file that is read."""

MAX_YAML_BYTES = 2 * 2**20
"""Size of the largest YAML file that is read."""

MAX_DEPTH = 64
"""How deeply lists and mappings may be nested."""

_MAX_DIGITS = 400  # of one number
_Schema = TypeVar("_Schema", bound="Document")


class Document(BaseModel):
    """Base of all schemas: no unknown keys, no conversions, finite numbers, immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True)


def check(schema: type[_Schema], data: Any, where: str, error: type[NagError] = DamagedFile, hint: str = "") -> _Schema:
    """Data as a schema.

    Args:
        schema: What is expected.
        data: Parsed data.
        where: The file, row or option that the data come from, for the message.
        error: Class of the error.
        hint: What to do about it; what was expected if empty.

    Raises:
        NagError: Of class `error`, with the key at fault and what was expected there.
    """
    try:
        return schema.model_validate(data)
    except ValidationError as fault:
        what, expected = explain(fault, schema)
        raise error(f"{where}: {what}", f"{expected} {hint}".strip()) from fault
    except RecursionError as fault:
        raise error(f"{where}: it is nested too deeply", hint) from fault


def explain(fault: ValidationError, schema: type[BaseModel] | None = None) -> tuple[str, str]:
    """The first fault of a validation: what is wrong, and what was expected."""
    first = fault.errors(include_url=False)[0]
    key = ".".join(shortened(str(part), 60) for part in first["loc"]) or "the whole"
    if first["type"] == "missing":
        return f"'{key}' is missing", "Add it."
    if first["type"] == "extra_forbidden":
        known = list(schema.model_fields) if schema is not None and len(first["loc"]) == 1 else []
        return f"unknown key '{key}'", did_you_mean(str(first["loc"][-1]), known) or "Remove it."
    message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"'{key}' is {shortened(repr(first['input']), 80)}", message if message.endswith("?") else f"{message}."


def shortened(text: str, length: int = 200) -> str:
    """A text on one line, printable, and cut in its middle where it is too long."""
    clean = "".join(sign if sign.isprintable() else "?" for sign in " ".join(text[: 10 * length].split()))
    if len(text) <= 10 * length and len(clean) <= length:
        return clean
    return f"{clean[: length * 2 // 3]} ... ({len(text)} characters)"


def printable(text: str) -> str:
    """A text of any number of lines without signs that a terminal would obey."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def read_bounded(path: Path | str, limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file of limited size.

    Raises:
        MissingData: No such file.
        DamagedFile: It is larger than the limit, or no regular file.
    """
    path = Path(path)
    if not path.is_file():
        fault = "is not a file" if path.exists() else "does not exist"
        raise MissingData(f"file '{shortened(str(path))}' {fault}", "Check the path.")
    size = path.stat().st_size
    if size > limit:
        raise DamagedFile(f"'{shortened(str(path))}' has {size} bytes", f"At most {limit} are read.")
    return path.read_bytes()


def _text(path: Path | str, limit: int) -> str:
    try:
        return read_bounded(path, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedFile(f"'{shortened(str(path))}' is not UTF-8 text", shortened(str(error))) from error


def _depth(text: str) -> int:
    """An upper bound of the depth of JSON text: brackets within strings are not counted."""
    deepest = depth = 0
    inside = escaped = False
    for sign in text:
        if inside:
            if escaped:
                escaped = False
            elif sign == "\\":
                escaped = True
            elif sign == '"':
                inside = False
        elif sign == '"':
            inside = True
        elif sign in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "]}":
            depth -= 1
    return deepest


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _number(digits: str) -> float:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return float(digits)


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def parse_json(text: str, where: str, nonfinite: bool = False) -> Any:
    """JSON of limited depth, without duplicate keys.

    Args:
        text: The text.
        where: The file or row that it comes from, for the message.
        nonfinite: Whether NaN, Infinity and -Infinity are read too, as Python writes them.

    Raises:
        DamagedFile: It is none.
    """
    constant = float if nonfinite else _refused
    try:
        if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
            raise ValueError(f"lists and mappings are nested more than {MAX_DEPTH} deep")
        return json.loads(
            text, parse_int=_whole, parse_float=_number, parse_constant=constant, object_pairs_hook=_without_duplicates
        )
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{where} is not JSON", shortened(str(error))) from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def read_json(path: Path | str) -> Any:
    """The content of a JSON file.

    Raises:
        MissingData: No such file.
        DamagedFile: Not JSON, or too large or deep.
    """
    return parse_json(_text(path, MAX_BYTES), f"'{shortened(str(path))}'")


def parse_json_lines(text: str, where: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line that is not blank.

    Raises:
        DamagedFile: A line is no JSON object.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            row = parse_json(line, f"line {number} of {where}")
            if not isinstance(row, dict):
                raise DamagedFile(f"line {number} of {where} is damaged", "Each line must hold a JSON object.")
            yield number, row


def read_json_lines(path: Path | str) -> list[dict[str, Any]]:
    """The objects of a file with one JSON object a line.

    Raises:
        MissingData: No such file.
        DamagedFile: A line is no JSON object.
    """
    return [row for _, row in parse_json_lines(_text(path, MAX_BYTES), f"'{shortened(str(path))}'")]


class _Loader(yaml.SafeLoader):
    """A safe loader that also refuses aliases, duplicate keys, deep nesting and endless numbers."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.levels = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Composes a node unless it is an alias or nested too deeply."""
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, f"alias '*{event.anchor}' is not supported", event.start_mark)
        self.levels += 1
        if self.levels > MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, f"it is nested more than {MAX_DEPTH} deep", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.levels -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Constructs a mapping unless a key occurs twice."""
        found = super().construct_mapping(node, deep)
        if len(found) != len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key occurs twice", node.start_mark)
        return found

    def construct_yaml_int(self, node: Any) -> int:
        """Constructs a whole number of limited length."""
        if len(node.value) > _MAX_DIGITS:
            raise yaml.constructor.ConstructorError(None, None, f"a number of {len(node.value)} digits", node.start_mark)
        return int(super().construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def parse_yaml(text: str, where: str, error: type[NagError] = DamagedFile) -> Any:
    """YAML of limited size and depth, without aliases, tags of objects and duplicate keys.

    Raises:
        NagError: Of class `error`: it is none; the message names the line.
    """
    try:
        if len(text) > MAX_YAML_BYTES:
            raise ValueError(f"it has {len(text)} characters; at most {MAX_YAML_BYTES} are read")
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise error(f"{where} is not YAML{line}", shortened(fault.problem or fault.context or "")) from fault
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, OverflowError) as fault:
        raise error(f"{where} is not YAML", shortened(str(fault))) from fault


def read_yaml(path: Path | str, error: type[NagError] = DamagedFile) -> Any:
    """The content of a YAML file.

    Raises:
        MissingData: No such file.
        NagError: Of class `error`: not YAML, or too large or deep.
    """
    return parse_yaml(_text(path, MAX_YAML_BYTES), f"'{shortened(str(path))}'", error)
