"""Reader of a user's table: a CSV file with native strings and metrics."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from nag.benchmarks.table import BenchmarkTable
from nag.errors import DamagedFile, InvalidArchitecture, MissingData, did_you_mean
from nag.graphs import Architecture, DagBatch
from nag.spaces import SearchSpace

__all__ = ["read_csv_table"]

_MISSING = {"", "nan", "na", "n/a", "null", "none"}


def read_csv_table(path: Path, space: SearchSpace, arch_column: str = "arch", name: str | None = None) -> BenchmarkTable:
    """Reads a CSV file with a header: one column of native strings, all others numbers; an empty cell is missing.

    Args:
        path: The file, UTF-8. Errors count rows as spreadsheets do: the header is row 1.
        space: The search space of the architectures.
        arch_column: The column of native strings.
        name: Name of the table; the file's name if None.

    Raises:
        MissingData: There is no such file.
        DamagedFile: It is no such table, holds an invalid architecture, one architecture twice, or a metric that is
            not a number.
    """
    header, rows = _read_rows(path)
    if arch_column not in header:
        raise DamagedFile(f"{path.name} has no column '{arch_column}'", did_you_mean(arch_column, header))
    where = header.index(arch_column)
    metrics = {column: _numbers(path, rows, i) for i, column in enumerate(header) if i != where}
    if not metrics:
        raise DamagedFile(f"{path.name} has no metric", "Add a column of numbers.")
    natives = {number: cells[where] for number, cells in rows.items()}
    table = BenchmarkTable(name or path.stem, space, _decode(path, natives, space), metrics)
    _reject_duplicates(path, table, list(rows))
    return table


def _read_rows(path: Path) -> tuple[list[str], dict[int, list[str]]]:
    """Header, and cells by row number, blank lines left out."""
    if not path.is_file():
        raise MissingData(f"table '{path}' does not exist", "Check the path.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file, strict=True)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DamagedFile(f"{path.name} is no CSV file ({error})", "Save it as CSV in UTF-8.") from error
    header = lines[0] if lines else []
    rows = {number: line for number, line in enumerate(lines[1:], start=2) if any(line)}
    if not rows:
        raise DamagedFile(f"{path.name} has no rows", "A header and one row an architecture are needed.")
    if len(set(header)) != len(header) or "" in header:
        raise DamagedFile(f"{path.name} has a column without a name, or two of one name", "Name each column once.")
    for number, line in rows.items():
        if len(line) != len(header):
            raise DamagedFile(
                f"{path.name} row {number} has {len(line)} cells, the header {len(header)}", "Quote cells that hold commas."
            )
    return header, rows


def _numbers(path: Path, rows: dict[int, list[str]], column: int) -> np.ndarray:
    values = []
    for number, cells in rows.items():
        text = cells[column]
        try:
            values.append(float("nan") if text.lower() in _MISSING else float(text))
        except ValueError as error:
            raise DamagedFile(f"{path.name} row {number}: '{text}' is not a number", "Leave missing values empty.") from error
    return np.array(values, dtype=np.float64)


def _decode(path: Path, natives: dict[int, str], space: SearchSpace) -> DagBatch:
    archs: list[Architecture] = []
    for number, native in natives.items():
        try:
            archs.append(space.codec.decode(native))
        except InvalidArchitecture as error:
            raise DamagedFile(f"{path.name} row {number}: {error.what}", error.hint) from error
    try:
        dags = space.to_dags(archs)
        if bool(space.is_valid(dags).all()):
            return dags
    except InvalidArchitecture:
        pass  # found again below, with its row
    for number, arch in zip(natives, archs, strict=True):
        try:
            space.validate(arch)
        except InvalidArchitecture as error:
            raise DamagedFile(f"{path.name} row {number}: {error.what}", error.hint) from error
    raise DamagedFile(f"{path.name} holds an architecture outside {space.name}", "Check its architectures.")


def _reject_duplicates(path: Path, table: BenchmarkTable, numbers: list[int]) -> None:
    first: dict[str, int] = {}
    for number, digest in zip(numbers, table.hashes, strict=True):
        if digest in first:
            raise DamagedFile(
                f"{path.name} rows {first[digest]} and {number} hold the same architecture", "Keep one row an architecture."
            )
        first[digest] = number
