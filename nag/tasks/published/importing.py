"""Reads the files that benchmarks are published as, tells them by their content, and writes what `data_dir` wants."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nag.core.documents import shortened
from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.core.files import write_bytes
from nag.tasks.benchmarks import nasbench101, nasbench201
from nag.tasks.published.cell_results import read_archive, read_folder, read_torch_file
from nag.tasks.published.csv_exports import read_csv_export
from nag.tasks.published.nasbench101_records import read_nasbench101_records
from nag.tasks.published.tfrecord import is_tfrecord

__all__ = ["import_benchmark", "read_benchmark", "require_replaceable"]

_STAMP = (1980, 1, 1, 0, 0, 0)  # of all entries of a zip file, so that equal content makes equal files


def import_benchmark(
    path: str | Path, out_dir: str | Path, partial: bool = False, tell: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Imports a published benchmark file; which one it is follows from what is in it.

    NAS-Bench-201: the folder `NATS-tss-v1_0-3ffb9-simple`, its members or the whole benchmark as `.pickle.pbz2`,
    `NAS-Bench-201-v1_1-096897.pth`, or a CSV export with one row a cell. NAS-Bench-101: `nasbench_only108.tfrecord` or
    `nasbench_full.tfrecord`. Pickles are read by a restricted unpickler, and no package of the benchmarks is needed. What is
    read has to keep the laws of the benchmark: its cells, the grid of its accuracies, its published optimum.

    Args:
        path: The file or folder.
        out_dir: Folder to write `nasbench201.csv.gz`, `nasbench201_hp12.csv.gz` or `nasbench101.npz` to.
        partial: Whether a part of the cells is enough.
        tell: Called with one line about each thing that was found.

    Returns:
        The files that were written.

    Raises:
        MissingData: There is no such file.
        DamagedFile: It is none of these, or not whole.
        InvalidRequest: The folder holds another such file, or cannot be written to.

    Example:
        >>> from nag.tasks import import_benchmark
        >>> import_benchmark("nasbench_only108.tfrecord", out_dir="tables")
        Traceback (most recent call last):
            ...
        nag.core.errors.MissingData: 'nasbench_only108.tfrecord' does not exist. Check the path.
    """
    folder, files = Path(out_dir).expanduser(), read_benchmark(path, partial, tell)
    require_replaceable(folder, files)
    try:
        for name, content in files.items():
            write_bytes(folder / name, content)
    except OSError as error:
        what = f"cannot write to '{shortened(str(folder))}' ({error.strerror})"
        raise InvalidRequest(what, "Choose another out_dir.") from error
    return [folder / name for name in files]


def read_benchmark(path: str | Path, partial: bool, tell: Callable[[str], None]) -> dict[str, bytes]:
    """Name -> content of each table of a published file. Arguments and errors are those of `import_benchmark`."""
    source = Path(path).expanduser()
    if not source.exists():
        raise MissingData(f"'{shortened(str(path))}' does not exist", "Check the path.")
    if source.is_file() and is_tfrecord(_head(source)):
        arrays = read_nasbench101_records(source)
        nasbench101.check_arrays(arrays, source.name)
        _check_whole(source, len(arrays["params"]), nasbench101.CELLS, partial, tell)
        return {nasbench101.FILE: _npz(arrays)}
    frame = _frame(source, _cells(source))
    nasbench201.check_frame(frame, source.name)
    _check_whole(source, len(frame), nasbench201.CELLS, partial, tell)
    main = [column for column in frame if column != "cifar10_val_acc_12ep"]
    files = {nasbench201.MAIN: _csv(frame[main])}
    if "cifar10_val_acc_12ep" in frame:
        files[nasbench201.TWELVE_EPOCHS] = _csv(frame[["index", "cifar10_val_acc_12ep"]])
    return files


def require_replaceable(folder: Path, files: Mapping[str, bytes]) -> None:
    """Raises `InvalidRequest` where a folder holds a file of one of these names with other content."""
    for name, content in files.items():
        path = folder / name
        if path.is_file() and path.read_bytes() != content:
            raise InvalidRequest(f"'{shortened(str(path))}' is there already, with other content", "Choose another out_dir.")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _cells(path: Path) -> Iterator[dict[str, Any]]:
    """The cells of NAS-Bench-201 in a file or folder."""
    if path.is_dir():
        return read_folder(path)
    head = _head(path)
    if head.startswith(b"BZh"):
        return read_archive(path)
    if head.startswith((b"PK", b"\x80\x02\x8a\x0a")):
        return read_torch_file(path)
    if b"\0" in head and not head.startswith(b"\x1f\x8b"):
        raise DamagedFile(
            f"'{path.name}' is no published benchmark file",
            "NATS-tss-v1_0-3ffb9-simple, NAS-Bench-201-v1_1-096897.pth, nasbench_only108.tfrecord and CSV exports are read.",
        )
    return read_csv_export(path)


def _frame(path: Path, rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """The columns of `nasbench201.csv.gz` that all cells have, in the order of their indices."""
    frame = pd.DataFrame(list(rows))
    if frame.empty:
        raise DamagedFile(f"'{path.name}' holds no cell", "Download it anew.")
    frame = frame.dropna(axis=1).sort_values("index", kind="stable", ignore_index=True)
    three, one = (frame["arch_str"].str.count(f"nor_conv_{size}x{size}") for size in (3, 1))
    params = 73_306 + 243_040 * three + 28_000 * one
    frame["params_m"] = (params / 1e6).round(6)
    frame["params_m_cifar100"] = ((params + 5_850) / 1e6).round(6)
    frame["flops_m_computed"] = (7.78304 + 35.38944 * three + 3.93216 * one).round(6)
    if {"cifar100_test_acc", "cifar100_test_acc_full10k"} <= set(frame):
        frame["cifar100_val_acc_derived"] = (2 * frame["cifar100_test_acc_full10k"] - frame["cifar100_test_acc"]).round(6)
    elif "cifar100_val_acc" in frame:
        frame["cifar100_val_acc_derived"] = frame["cifar100_val_acc"].round(6)
    return frame.drop(columns="cifar100_val_acc", errors="ignore")


def _check_whole(path: Path, found: int, cells: int, partial: bool, tell: Callable[[str], None]) -> None:
    tell(f"{path.name}: {found:,} of {cells:,} cells")
    if found < cells and not partial:
        raise DamagedFile(f"'{path.name}' holds {found:,} of {cells:,} cells", "Use partial=true to import a part.")


def _csv(frame: pd.DataFrame) -> bytes:
    return gzip.compress(frame.to_csv(index=False).encode(), mtime=0)


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _STAMP), content.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
