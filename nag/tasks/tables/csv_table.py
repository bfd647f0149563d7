"""Reader of a user's table: native strings and metrics, in CSV or Parquet."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from nag.core.documents import shortened
from nag.core.errors import DamagedFile, InvalidArchitecture
from nag.graphs import Architecture, DagBatch
from nag.spaces import SearchSpace
from nag.tasks.tables.table import BenchmarkTable
from nag.tasks.tables.table_file import Column, TableFile, read_table_file

__all__ = ["read_csv_table"]


def read_csv_table(
    path: Path, space: SearchSpace, arch_column: str = "arch", name: str | None = None, metrics: Collection[str] = ()
) -> BenchmarkTable:
    r"""Reads a table with a header: one column of native strings, others of numbers; an empty cell is missing.

    The separator is a comma, a semicolon or a tab; files may be packed by gzip, or be Parquet files. Columns of text, such as
    a date or a device, are ignored; NaN and infinities count as missing; an architecture may have several rows, whose mean
    counts. The table's `notes` tell of each.

    Args:
        path: The file, UTF-8. Errors count rows as spreadsheets do: the header is row 1.
        space: The search space of the architectures.
        arch_column: The column of native strings.
        name: Name of the table; the file's name if None.
        metrics: Columns that must be numbers.

    Raises:
        MissingData: There is no such file, or a package that reads it is missing.
        DamagedFile: It is no such table, holds an invalid architecture, or a metric that is not a number.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nag.spaces import load_space
        >>> from nag.tasks import read_csv_table
        >>> space = load_space("nasbench201")
        >>> rows = [f"{space.encode(arch)},{len(arch.edges)}" for arch in space.sample(5, seed=0)]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "mine.csv").write_text("\n".join(["arch,score", *rows]))
        ...     table = read_csv_table(Path(folder, "mine.csv"), space, metrics=["score"])
        >>> table.name, len(table)
        ('mine', 5)
    """
    file = read_table_file(path, arch_column, "arch_column")
    where = file.header.index(arch_column)
    columns = {title: file.column(index) for index, title in enumerate(file.header) if index != where}
    ignored = [title for title, column in columns.items() if _is_text(file, title, column, title in metrics)]
    kept = {title: column for title, column in columns.items() if title not in ignored}
    if not kept:
        raise DamagedFile(f"{path.name} has no metric", "Add a column of numbers.")
    natives = {number: cells[where] for number, cells in file.rows.items()}
    measured = {title: column.values for title, column in kept.items()}
    stem = path.name.partition(".")[0]
    table = BenchmarkTable(name or stem, space, _decode(path, natives, space), measured)
    return BenchmarkTable(table.name, space, table.dags, measured, notes=tuple(_notes(table, ignored, kept)))


def _is_text(file: TableFile, title: str, column: Column, required: bool) -> bool:
    """Whether a column holds text; raises where it holds numbers and a fault."""
    if column.text is None:
        return False
    if required or column.share > 0.5:
        row, cell = column.text
        what = f"{file.name} row {row}: '{shortened(cell, 60)}' in column '{shortened(title, 60)}' is not a number"
        raise DamagedFile(what, "Leave missing values empty, and write numbers as 0.93.")
    return True


def _notes(table: BenchmarkTable, ignored: list[str], kept: dict[str, Column]) -> list[str]:
    """What a user should know of how the table was read, one line each."""
    found = []
    if ignored:
        found.append(f"ignored columns of text: {', '.join(ignored)}")
    not_finite = {title: column.not_finite for title, column in kept.items() if column.not_finite}
    if not_finite:
        counts = ", ".join(f"{number} in {title}" for title, number in not_finite.items())
        found.append(f"NaN or infinite, taken as missing: {counts}")
    repeated = len(table) - len(set(table.hashes))
    if repeated:
        found.append(f"{repeated} of {len(table)} rows repeat an architecture: the mean of its rows counts")
    return found


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
