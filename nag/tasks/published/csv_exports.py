"""NAS-Bench-201 cells from public CSV exports, whose columns have many names."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nag.core.documents import shortened
from nag.core.errors import DamagedFile
from nag.tasks.tables.table_file import read_text

__all__ = ["read_csv_export"]

_ARCHITECTURE = {"archstr", "arch", "architecture", "architecturestring", "archstring", "cell", "native"}
_INDEX = {"", "index", "archindex", "architectureindex", "unnamed0"}
_ACCURACIES = {
    "cifar10testacc200": "cifar10_test_acc",
    "cifar10testacc": "cifar10_test_acc",
    "cifar100testacc200": "cifar100_test_acc",
    "cifar100testacc": "cifar100_test_acc",
    "cifar100testaccfull10k": "cifar100_test_acc_full10k",
    "cifar100valacc200": "cifar100_val_acc",
    "cifar100valacc": "cifar100_val_acc",
    "cifar100valaccderived": "cifar100_val_acc",
    "cifar10valacc12": "cifar10_val_acc_12ep",
}


def read_csv_export(path: Path) -> Iterator[dict[str, Any]]:
    """Row by row, the cells of a file such as `nats_bench.csv`.

    Columns such as `ArchitectureString` and `CIFAR10TestAccuracy200Epochs` are read, others passed over.

    Raises:
        DamagedFile: It is no such file, or an accuracy is not a number.
    """
    reader = csv.reader(io.StringIO(read_text(path)), strict=True)
    try:
        header = [_short(name) for name in next(reader, [])]
        where = next((place for place, name in enumerate(header) if name in _ARCHITECTURE), None)
        index = next((place for place, name in enumerate(header) if name in _INDEX), None)
        columns = {place: _ACCURACIES[name] for place, name in enumerate(header) if name in _ACCURACIES}
        if where is None or not columns:
            hint = "Columns such as ArchitectureString and CIFAR10TestAccuracy200Epochs are understood."
            raise DamagedFile(f"{path.name} has no column of cells, or none of an accuracy", hint)
        for number, cells in enumerate(filter(any, reader)):
            if len(cells) != len(header):
                raise DamagedFile(f"{path.name} row {number + 2} has {len(cells)} cells, the header {len(header)}")
            row: dict[str, Any] = {"index": number if index is None else _whole(cells[index]), "arch_str": cells[where].strip()}
            for place, column in columns.items():
                row[column] = float(cells[place])
                if not math.isfinite(row[column]):
                    raise ValueError(f"'{shortened(cells[place], 40)}' in row {number + 2} is not finite")
            yield row
    except (csv.Error, ValueError) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile(f"{path.name} cannot be read", shortened(str(error))) from error


def _short(name: str) -> str:
    """A column's name without case and signs, with the usual words in their short form."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    for word, short in (("validation", "val"), ("valid", "val"), ("accuracy", "acc"), ("epochs", ""), ("epoch", "")):
        plain = plain.replace(word, short)
    return plain.removesuffix("ep")


def _whole(cell: str) -> int:
    return int(float(cell)) if cell.strip() else -1
