"""Arrays from outside (`.npz`): their headers are checked before memory is taken, and no object is unpickled."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from nag.core.documents import shortened
from nag.core.errors import DamagedFile, MissingData

__all__ = ["read_npz"]

MAX_ARRAY_BYTES = 2**34
"""Size of all arrays of a file together, unpacked."""

_RATIO = 20
_SPARE = 2**27
_BLOCK = 2**20

_MOST_ARRAYS = 1_000
_FAULTS = (
    ArithmeticError,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path, names: Collection[str] | None = None, limit: int = MAX_ARRAY_BYTES) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, which may unpack to 128 MiB and 20 times its size.

    Args:
        path: The file.
        names: Arrays to read; all if None.
        limit: Most bytes of all of them together.

    Raises:
        MissingData: There is no such file.
        DamagedFile: It is no such file, lacks an array, or an array is of objects, or larger than the file or the limit.
    """
    if not path.is_file():
        raise MissingData(f"'{shortened(str(path))}' does not exist", "Check the path.")
    try:
        limit = min(limit, _SPARE + _RATIO * path.stat().st_size)
        with zipfile.ZipFile(path) as archive:
            members = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            if len(members) > _MOST_ARRAYS or sum(entry.file_size for entry in members.values()) > limit:
                raise ValueError(f"its arrays have more than {limit} bytes")
            wanted = list(members) if names is None else list(names)
            for name in wanted:
                if name not in members:
                    raise ValueError(f"it has no array '{shortened(name, 60)}'")
            return {name: _read(archive, members[name]) for name in wanted}
    except _FAULTS as error:
        raise DamagedFile(f"'{shortened(path.name, 100)}' is no readable .npz file", shortened(str(error))) from error


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """An array whose header fits the size of its entry."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        if dtype.hasobject:
            raise ValueError(f"array '{shortened(entry.filename, 60)}' is of objects")
        size = math.prod(shape) * dtype.itemsize
        if size > entry.file_size or any(length < 0 for length in shape):
            raise ValueError(f"array '{shortened(entry.filename, 60)}' claims {size} bytes, its entry has {entry.file_size}")
        content = np.empty(size, dtype=np.uint8)
        place = 0
        while place < size and (block := file.read(min(_BLOCK, size - place))):
            content[place : place + len(block)] = np.frombuffer(block, dtype=np.uint8)
            place += len(block)
        if place < size:
            raise ValueError(f"array '{shortened(entry.filename, 60)}' is cut short")
    flat = content.view(dtype) if dtype.itemsize else np.zeros(math.prod(shape), dtype)
    return flat.reshape(shape, order="F" if fortran else "C")
