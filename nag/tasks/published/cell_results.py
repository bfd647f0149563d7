"""Results of NAS-Bench-201 cells from the archives of NATS-Bench and NAS-Bench-201 (Dong and Yang 2020; Dong et al. 2021)."""

from __future__ import annotations

import bz2
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from nag.core.documents import read_bounded, shortened
from nag.core.errors import DamagedFile, MissingData
from nag.core.unpickle import parse_restricted, parse_restricted_series

__all__ = ["LEGACY_MAGIC", "read_archive", "read_folder", "read_torch_file"]

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First number in files of torch before 1.6."""

_RATIO = 200  # a pickle of numbers packs 5 to 50 times
_SPARE = 2**24
_MOST_BYTES = 2**36
_HINT = "Download it anew."
_ROUNDS = {"12": "12", "200": "200", "less": "12", "full": "200"}
_CODES = {"f4": "f", "f8": "d", "i4": "i", "i8": "q"}
_COLUMNS = {  # column -> rounds of training, data set, part
    "cifar10_test_acc": ("200", "cifar10", "ori-test"),
    "cifar100_test_acc": ("200", "cifar100", "x-test"),
    "cifar100_test_acc_full10k": ("200", "cifar100", "ori-test"),
    "cifar100_val_acc": ("200", "cifar100", "x-valid"),
    "cifar10_val_acc_12ep": ("12", "cifar10-valid", "x-valid"),
}


def _mapping(*arguments: Any) -> dict[Any, Any]:
    """Stands in for `collections.OrderedDict` and `defaultdict`: a plain mapping."""
    return {}


def _items(*arguments: Any) -> list[Any]:
    """Stands in for `set`: the list of its members."""
    return list(arguments[0]) if arguments and isinstance(arguments[0], list) else []


class _NumberType:
    """Stands in for `numpy.dtype`: knows plain numbers alone."""

    code = "d"

    def __init__(self, code: str, *_: object) -> None:
        if code not in _CODES:
            raise DamagedFile(f"the pickle holds numbers of the type '{shortened(str(code), 20)}'", _HINT)
        self.code = _CODES[code]

    def __setstate__(self, state: object) -> None:
        """Takes the byte order, which is little on all machines that wrote such files."""


def _scalar(kind: object, data: bytes) -> float | int:
    """Stands in for numpy's reconstruction of a scalar."""
    if not isinstance(kind, _NumberType):
        raise DamagedFile("the pickle holds a number without a type", _HINT)
    found: float | int = struct.unpack(f"<{kind.code}", data)[0]
    return found


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _NumberType,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("collections", "OrderedDict"): _mapping,
    ("collections", "defaultdict"): _mapping,
    ("builtins", "set"): _items,
    ("__builtin__", "set"): _items,
}


def read_folder(folder: Path) -> Iterator[dict[str, Any]]:
    """Row by row, the cells of a folder such as `NATS-tss-v1_0-3ffb9-simple`, which holds `000000.pickle.pbz2` and so on.

    Raises:
        MissingData: The folder holds none.
        DamagedFile: A file is damaged.
    """
    members = sorted(path for path in folder.glob("*.pickle.pbz2") if path.name.split(".")[0].isdigit())
    if not members:
        raise MissingData(f"folder '{folder}' holds no 000000.pickle.pbz2 and so on", "Unpack NATS-tss-v1_0-3ffb9-simple.tar.")
    for path in members:
        yield _row(_unpacked(path), path.name)


def read_archive(path: Path) -> Iterator[dict[str, Any]]:
    """Row by row, the cells of a `.pickle.pbz2` file: the whole benchmark, or one member of the folder.

    Raises:
        DamagedFile: It is damaged.
    """
    content = _unpacked(path)
    yield from _rows(content, path.name)


def read_torch_file(path: Path) -> Iterator[dict[str, Any]]:
    """Row by row, the cells of `NAS-Bench-201-v1_1-096897.pth`, as torch of any version writes it.

    Raises:
        DamagedFile: It is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(names) != 1 or archive.getinfo(names[0]).file_size > _most(path):
                raise DamagedFile(f"{path.name} is no file of torch", _HINT)
            content: Any = parse_restricted(archive.read(names[0]), _ALLOWED, path.name)
    except zipfile.BadZipFile:
        parts = parse_restricted_series(read_bounded(path, _MOST_BYTES), 4, _ALLOWED, path.name)
        if parts[0] != LEGACY_MAGIC:
            raise DamagedFile(f"{path.name} is no file of torch", _HINT) from None
        content = parts[3]
    except (OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise DamagedFile(f"{path.name} cannot be read ({type(error).__name__})", _HINT) from error
    yield from _rows(content, path.name)


def _most(path: Path) -> int:
    """Bytes that an honest file unpacks to at most."""
    return _RATIO * path.stat().st_size + _SPARE


def _unpacked(path: Path) -> Any:
    try:
        with bz2.open(path, "rb") as file:
            content = file.read(_most(path))
            if file.read(1):
                raise DamagedFile(f"{path.name} unpacks to far more than its size", _HINT)
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile(f"{path.name} cannot be unpacked", _HINT) from error
    return parse_restricted(content, _ALLOWED, path.name)


def _rows(content: Any, where: str) -> Iterator[dict[str, Any]]:
    """The cells of the whole benchmark, or of one member."""
    infos = content.get("arch2infos") if isinstance(content, dict) else None
    if isinstance(infos, dict):
        for index in sorted(infos, key=str):
            yield _row(infos[index], where)
    else:
        yield _row(content, where)


def _row(content: Any, where: str) -> dict[str, Any]:
    """Index, native string and means over the runs of a cell, as the published interface computes them."""
    try:
        rounds = {_ROUNDS[str(key)]: results for key, results in content.items() if str(key) in _ROUNDS}
        first = next(iter(rounds.values()))
        row: dict[str, Any] = {"index": first["arch_index"], "arch_str": first["arch_str"]}
        if not isinstance(row["index"], int) or not isinstance(row["arch_str"], str):
            raise TypeError("no index and string of a cell")
        for column, (epochs, data_set, part) in _COLUMNS.items():
            runs = _runs(rounds.get(epochs), data_set)
            values = [run["eval_acc1es"].get(f"{part}@{int(run['epochs']) - 1}") for run in runs]
            if values and all(value is not None for value in values):
                row[column] = reduce(add, map(float, values)) / len(values)  # from left to right, as published
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise DamagedFile(f"{where} holds no results of NAS-Bench-201 ({error})", _HINT) from error
    return row


def _runs(results: Mapping[str, Any] | None, data_set: str) -> list[Mapping[str, Any]]:
    """The runs of a data set, in the order of their seeds."""
    if results is None or data_set not in results["dataset_seed"]:
        return []
    return [results["all_results"][data_set, seed] for seed in results["dataset_seed"][data_set]]
