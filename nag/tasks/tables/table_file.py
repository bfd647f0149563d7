"""Rows of text of a user's table, whatever its separator, compression or format."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nag.core.documents import MAX_BYTES, shortened
from nag.core.errors import DamagedFile, MissingData, did_you_mean
from nag.core.packages import require

__all__ = ["Column", "TableFile", "read_table_file", "read_text"]

_MOST_ROWS = 1_000_000
_RATIO = 100
_SPARE = 2**24
_SEPARATORS = (",", ";", "\t")
_TABS = {".tsv", ".tab"}
_EMPTY = {"", "-", "na", "n/a", "null", "none"}
_NOT_FINITE = {"nan", "inf", "infinity"}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d{1,4})?", re.ASCII)


@dataclass(frozen=True, eq=False)
class Column:
    """The numbers of a column, or why it has none.

    Args:
        values: (R,) float64; NaN where a cell is empty or not finite.
        not_finite: Cells that hold NaN or an infinity.
        text: Number of the row and content of the first cell that is neither a number nor empty; None where there is none.
        share: Share of numbers among the cells that are not empty.
    """

    values: np.ndarray
    not_finite: int
    text: tuple[int, str] | None
    share: float


@dataclass(frozen=True, eq=False)
class TableFile:
    """A header and rows of cells; rows are counted as spreadsheets do: the header is row 1, blank lines count.

    Args:
        name: Name of the file.
        header: Names of the columns.
        rows: Number of each row -> its cells.
        decimal_comma: Whether numbers are written as 0,93.
    """

    name: str
    header: tuple[str, ...]
    rows: dict[int, tuple[str, ...]]
    decimal_comma: bool

    def column(self, index: int) -> Column:
        """The numbers of a column."""
        values = np.full(len(self.rows), np.nan)
        not_finite = numbers = filled = 0
        text: tuple[int, str] | None = None
        for place, (row, cells) in enumerate(self.rows.items()):
            cell = cells[index]
            lower = cell.lower()
            if lower in _EMPTY:
                continue
            filled += 1
            plain = cell.replace(",", ".") if self.decimal_comma and _DECIMAL_COMMA.fullmatch(cell) else cell
            if lower.lstrip("+-") in _NOT_FINITE:
                not_finite += 1
            elif len(plain) <= 400 and _NUMBER.fullmatch(plain) and np.isfinite(float(plain)):
                numbers += 1
                values[place] = float(plain)
            elif text is None:
                text = row, cell
        return Column(values, not_finite, text, numbers / filled if filled else 1.0)


def read_table_file(path: Path, key: str, option: str) -> TableFile:
    """Reads a table: comma, semicolon or tab as the separator (inferred from the header), gzip by `.gz`, Parquet by `.parquet`.

    Decimal commas are understood where the separator is another and no number of the file has a decimal point.

    Args:
        path: The file, UTF-8.
        key: A column that it must have.
        option: The option that names this column, for the message.

    Raises:
        MissingData: There is no such file, or it is Parquet and pyarrow is not installed.
        DamagedFile: It is no such table.
    """
    if not path.is_file():
        raise MissingData(f"table '{shortened(str(path))}' does not exist", "Check the path.")
    if path.suffix.lower() == ".parquet":
        return _checked(path, _parquet_lines(path), key, option, "")
    text = read_text(path)
    separator = _separator(path, text, key)
    return _checked(path, csv.reader(io.StringIO(text), strict=True, delimiter=separator), key, option, separator)


def _checked(path: Path, lines: Iterable[Sequence[str]], key: str, option: str, separator: str) -> TableFile:
    """Header and rows, each with a cell for every column; blank lines are passed over."""
    rows: dict[int, tuple[str, ...]] = {}
    header: tuple[str, ...] = ()
    try:
        for number, line in enumerate(lines, start=1):
            cells = tuple(cell.strip() for cell in line)
            if number == 1:
                header = cells
                _check_header(path, header, key, option)
            elif any(cells):
                if len(cells) != len(header):
                    raise DamagedFile(
                        f"{path.name} row {number} has {len(cells)} cells, the header {len(header)}",
                        "Quote cells that hold the separator.",
                    )
                if len(rows) == _MOST_ROWS:
                    raise DamagedFile(f"{path.name} has more than {_MOST_ROWS} rows", "Keep the rows that are needed.")
                rows[number] = cells
    except csv.Error as error:
        raise DamagedFile(f"{path.name} is no CSV file ({error})", "Save it as CSV in UTF-8.") from error
    if not rows:
        raise DamagedFile(f"{path.name} has no rows", "A header and one row an architecture are needed.")
    comma = separator in {";", "\t"} and not _has_points(rows.values(), header.index(key))
    return TableFile(path.name, header, rows, comma)


def _check_header(path: Path, header: tuple[str, ...], key: str, option: str) -> None:
    if not any(header):
        raise DamagedFile(f"{path.name} has no rows", "A header and one row an architecture are needed.")
    if len(set(header)) != len(header) or "" in header:
        raise DamagedFile(f"{path.name} has a column without a name, or two of one name", "Name each column once.")
    if key not in header:
        hint = f"{did_you_mean(key, header)} Name the column of architectures by {option}=COLUMN."
        raise DamagedFile(f"{path.name} has no column '{key}'", hint)


def _has_points(rows: Iterable[tuple[str, ...]], key: int) -> bool:
    """Whether a cell that is a number has a decimal point."""
    return any(
        "." in cell and _NUMBER.fullmatch(cell) is not None
        for cells in rows
        for place, cell in enumerate(cells)
        if place != key
    )


def read_text(path: Path) -> str:
    """The content of a text file of limited size, unpacked where its name ends with `.gz`.

    Raises:
        DamagedFile: It is too large, no text in UTF-8, or cannot be unpacked.
    """
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            most = min(MAX_BYTES, _SPARE + _RATIO * path.stat().st_size)
            content = file.read(most + 1)
        if len(content) > most:
            raise DamagedFile(f"{path.name} holds more than {most} bytes", "Keep the columns that are needed.")
        return content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFile(f"{path.name} cannot be unpacked", shortened(str(error))) from error
    except UnicodeDecodeError as error:
        raise DamagedFile(f"{path.name} is no CSV file ({shortened(str(error))})", "Save it as CSV in UTF-8.") from error


def _separator(path: Path, text: str, key: str) -> str:
    """The separator with which the header names the column of architectures, else that which gives most columns."""
    header = text.partition("\n")[0].rstrip("\r")
    suffixes = {suffix.lower() for suffix in path.suffixes}
    order = ("\t", ",", ";") if suffixes & _TABS else _SEPARATORS

    def cells(separator: str) -> list[str]:
        try:
            return [cell.strip() for cell in next(csv.reader([header], delimiter=separator), [])]
        except csv.Error:
            return []

    return max(order, key=lambda separator: (key in cells(separator), len(cells(separator))))


def _parquet_lines(path: Path) -> list[list[str]]:
    """Header and cells of a Parquet file as text."""
    require("pyarrow", extra="parquet", otherwise="save the table as CSV")
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
            if sum(group.total_byte_size for group in groups) > MAX_BYTES:
                raise DamagedFile(f"{path.name} holds more than {MAX_BYTES} bytes", "Keep the columns that are needed.")
            columns = file.read().to_pydict()
    except (ArrowException, OSError, ValueError) as error:
        raise DamagedFile(f"{path.name} is no Parquet file", shortened(str(error))) from error
    cells = [[_cell(value) for value in values] for values in columns.values()]
    return [list(columns), *map(list, zip(*cells, strict=True))]


def _cell(value: object) -> str:
    """A value of a Parquet file as a CSV file would hold it."""
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value).strip()
