"""Files that `nag import-benchmark` writes into the data folder."""

from __future__ import annotations

from pathlib import Path

from nag.core.errors import MissingData

__all__ = ["HINT", "imported_file", "notes_of"]

HINT = "Restore the file, or make it anew by nag import-benchmark."
"""What to do about a damaged one."""


def imported_file(folder: Path, name: str) -> Path:
    """A file of the data folder.

    Raises:
        MissingData: It is not there.
    """
    path = folder / name
    if not path.is_file():
        raise MissingData(f"the data folder holds no {name}", "Make it by nag import-benchmark FILE, or set data_dir=FOLDER.")
    return path


def notes_of(found: int, cells: int) -> tuple[str, ...]:
    """What a user should know of a table that holds some of the published cells."""
    return () if found == cells else (f"{found:,} of {cells:,} cells",)
