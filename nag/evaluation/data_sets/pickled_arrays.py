"""Arrays and sparse matrices in the pickles of Python 2, read without running anything that they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nag.core.documents import shortened
from nag.core.errors import DamagedFile
from nag.core.unpickle import InertRecord, load_restricted

__all__ = ["load_pickled_array", "load_pickled_graph", "load_pickled_matrix"]

_MOST_CELLS = 1 << 26
_CELLS_AN_ENTRY = 1 << 12
_MOST_NODES = 1 << 29
_TYPES = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f4", "f8", "b1"}


class _Dtype:
    """Stands in for `numpy.dtype`: knows plain numbers alone."""

    code, order = "f8", "<"

    def __init__(self, code: str, *_: object) -> None:
        if code not in _TYPES:
            found = shortened(str(code), 20)
            raise DamagedFile(f"the pickle holds an array of the type '{found}'", "Only plain numbers are expected.")
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = ">" if state[1] == ">" else "<"


class _Array:
    """Stands in for `numpy.ndarray`; `values` makes a real one of it."""

    values: np.ndarray = np.empty(0)

    def __init__(self, *_: object) -> None:
        """Takes the arguments of numpy's constructors, which say nothing."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _Dtype):
            raise DamagedFile("the pickle holds an array without a type", "Restore the published file.")
        content = content.encode("latin1") if isinstance(content, str) else content
        flat = np.frombuffer(content, dtype=f"{dtype.order}{dtype.code}").astype(dtype.code)
        self.values = flat.reshape(shape, order="F" if fortran else "C")


def _new_record(kind: type, *_: object) -> Any:
    """Stands in for `copy_reg._reconstructor`: makes empty records."""
    if kind is not InertRecord:
        raise DamagedFile("the pickle holds a foreign object", "Restore the published file.")
    return InertRecord()


def _encode(text: str, encoding: str) -> bytes:
    """Stands in for `_codecs.encode`, as Python 3 writes byte strings for Python 2."""
    if encoding != "latin1":
        raise DamagedFile(f"the pickle holds text encoded as {encoding}", "Restore the published file.")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Stands in for `bytes`, as Python 3 writes an empty byte string for Python 2."""
    return b""


def _no_list(*_: object) -> list[Any]:
    """Stands in for `list`, which names what a defaultdict makes: an empty list."""
    return []


def _lists(*_: object) -> dict[Any, Any]:
    """Stands in for `collections.defaultdict`: a plain mapping."""
    return {}


_ALLOWED: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("scipy.sparse.csr", "csr_matrix"): InertRecord,
    ("scipy.sparse._csr", "csr_matrix"): InertRecord,
    ("copy_reg", "_reconstructor"): _new_record,
    ("__builtin__", "object"): object,
    ("__builtin__", "list"): _no_list,
    ("__builtin__", "bytes"): _no_bytes,
    ("_codecs", "encode"): _encode,
    ("collections", "defaultdict"): _lists,
}


def load_pickled_array(path: Path) -> np.ndarray:
    """Reads a pickled `numpy.ndarray` of two dimensions.

    Raises:
        DamagedFile: It is something else, or damaged.
    """
    found = load_restricted(path, _ALLOWED, encoding="latin1")
    if not isinstance(found, _Array) or found.values.ndim != 2:
        raise DamagedFile(f"{path.name} holds no array of two dimensions", "Restore the published file.")
    return found.values


def load_pickled_matrix(path: Path) -> np.ndarray:
    """Reads a pickled `scipy.sparse.csr_matrix`, as a dense float32 array.

    Raises:
        DamagedFile: It is something else, or damaged.
    """
    found = load_restricted(path, _ALLOWED, encoding="latin1")
    state = vars(found) if isinstance(found, InertRecord) else {}
    arrays = [
        part.values for part in (state.get("data"), state.get("indices"), state.get("indptr")) if isinstance(part, _Array)
    ]
    rows, columns = _shape(state.get("_shape", state.get("shape")), len(arrays[0]) if arrays and arrays[0].ndim else 0)
    if len(arrays) != 3 or not _is_csr(rows, columns, *arrays):
        raise DamagedFile(f"{path.name} holds no sparse matrix", "Restore the published file.")
    data, indices, indptr = arrays
    dense = np.zeros((rows, columns), dtype=np.float32)
    np.add.at(dense, (np.repeat(np.arange(rows), np.diff(indptr)), indices.astype(np.int64)), data)
    return dense


def _shape(given: object, entries: int) -> tuple[int, int]:
    """Rows and columns; (0, 0) where they are none, or far more than entries or than any published graph has."""
    if isinstance(given, tuple) and len(given) == 2 and all(isinstance(size, int) and size > 0 for size in given):
        return given if given[0] * given[1] <= min(_MOST_CELLS, _CELLS_AN_ENTRY * (entries + 16)) else (0, 0)
    return 0, 0


def _is_csr(rows: int, columns: int, data: np.ndarray, indices: np.ndarray, indptr: np.ndarray) -> bool:
    if not rows or not all(np.issubdtype(array.dtype, np.integer) for array in (indices, indptr)):
        return False
    if not (data.ndim == indices.ndim == indptr.ndim == 1 and len(indptr) == rows + 1 and len(data) == len(indices)):
        return False
    inside = not len(indices) or (0 <= indices.min() and indices.max() < columns)
    return bool(inside and indptr[0] == 0 and indptr[-1] == len(data) and (np.diff(indptr) >= 0).all())


def load_pickled_graph(path: Path) -> np.ndarray:
    """Reads a pickled mapping of nodes to lists of their neighbours, as edges (2, E) int64.

    Raises:
        DamagedFile: It is something else, or damaged.
    """
    found = load_restricted(path, _ALLOWED, encoding="latin1")
    if not isinstance(found, dict) or not all(isinstance(node, int) and isinstance(near, list) for node, near in found.items()):
        raise DamagedFile(f"{path.name} holds no lists of neighbours", "Restore the published file.")
    if sum(map(len, found.values())) > path.stat().st_size:  # an edge takes a byte at least, unless lists are shared
        raise DamagedFile(f"{path.name} holds far more than its size", "Restore the published file.")
    edges = [(node, other) for node, near in found.items() for other in near]
    if not all(isinstance(node, int) and abs(node) < _MOST_NODES for edge in edges for node in edge):
        raise DamagedFile(f"{path.name} names a node that cannot be", "Restore the published file.")
    return np.array(edges, dtype=np.int64).reshape(-1, 2).T
