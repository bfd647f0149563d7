"""Atomic writes: a reader sees the old file or the new one, never half of either."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nag.errors import DamagedFile, MissingData

__all__ = ["read_json", "read_json_lines", "write_bytes", "write_json", "write_json_lines", "write_text"]


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file atomically and durably, making its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """Writes a text file atomically, in UTF-8."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    """Writes a JSON file atomically."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes one JSON object a line, atomically."""
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        MissingData: No such file.
        DamagedFile: Not JSON.
    """
    if not path.is_file():
        raise MissingData(f"file '{path}' does not exist", "Check the path.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedFile(f"'{path}' is not JSON", str(error)) from error


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Reads one JSON object a line.

    Raises:
        MissingData: No such file.
        DamagedFile: A line is no JSON object.
    """
    if not path.is_file():
        raise MissingData(f"file '{path}' does not exist", "Check the path.")
    rows, number = [], 0
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            number += 1
            if line.strip():
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("no JSON object")
                rows.append(row)
    except ValueError as error:
        where = f"line {number} of '{path}'" if number else f"'{path}'"
        raise DamagedFile(f"{where} is damaged", str(error)) from error
    return rows
