"""A restricted unpickler: reads plain data and nothing else, so that no pickle can run code."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nag.errors import DamagedFile

__all__ = ["NUMPY_SCALARS", "InertRecord", "load_restricted"]

_FAULTS = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


class InertRecord:
    """Stands in for a foreign class: takes its attributes from the pickle and has no behaviour."""


class _FloatType:
    """Stands in for `numpy.dtype`: knows 64-bit floats alone."""

    def __init__(self, code: str, *_: object) -> None:
        if code != "f8":
            raise DamagedFile(f"the pickle holds numbers of the type '{code}'", "Only 64-bit floats are expected.")
        self.order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = ">" if state[1] == ">" else "<"


def _scalar(kind: _FloatType, data: bytes) -> float:
    """Stands in for numpy's reconstruction of a scalar, in all versions of numpy."""
    return float(struct.unpack(f"{kind.order}d", data)[0])


NUMPY_SCALARS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _FloatType,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}
"""What a pickle with numpy's float64 scalars needs; they become Python floats."""


class _Unpickler(pickle.Unpickler):
    """Resolves the allowed names to their replacements and imports nothing."""

    def __init__(self, file: Any, allowed: Mapping[tuple[str, str], Callable[..., Any]], where: str, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self.allowed, self.where = allowed, where

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise DamagedFile(f"{self.where} holds a foreign object, {module}.{name}", "Restore the published file.")
        return self.allowed[module, name]


def load_restricted(path: Path, allowed: Mapping[tuple[str, str], Callable[..., Any]], encoding: str = "ASCII") -> Any:
    """Reads a pickle that may name nothing but what is allowed.

    Args:
        path: The file.
        allowed: (module, name) as the pickle writes them -> the harmless class or function that takes their place.
        encoding: How to read the byte strings of Python 2; "latin1" keeps each byte.

    Raises:
        DamagedFile: The file names anything else, is cut short or is no pickle.
    """
    with path.open("rb") as file:
        try:
            return _Unpickler(file, allowed, path.name, encoding).load()
        except DamagedFile:
            raise
        except _FAULTS as error:
            raise DamagedFile(f"{path.name} cannot be read ({type(error).__name__})", "Restore the published file.") from error
