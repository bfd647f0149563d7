"""A restricted unpickler: reads plain data and nothing else, so that no pickle can run code, and within limits.

It is the unpickler of the standard library in Python, with fewer operations: what a stream names are stand-ins only, what it
changes are records that it made, its keys are plain, and what its stand-ins make is no larger than a few times the stream.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nag.core.documents import read_bounded, shortened
from nag.core.errors import DamagedFile

__all__ = ["NUMPY_SCALARS", "InertRecord", "load_restricted", "parse_restricted", "parse_restricted_series"]

_HINT = "Restore the published file."
_MOST_BYTES = 2**29
_AMPLIFICATION = 4
_SPARE = 2**20
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
_OPERATIONS = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP"),
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
    *("EMPTY_SET", "ADDITEMS"),
    *("GET", "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD"),
)
_ATOMS = (str, bytes, int, float, bool, type(None))
_MOST_BITS = 63  # of a key: greater numbers can be made to collide


class InertRecord:
    """Stands in for a foreign class: takes its attributes from the pickle and has no behaviour."""

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) == 2 and state[1] is None:
            state = state[0]
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise DamagedFile("the pickle holds a record without named values", _HINT)
        vars(self).update(state)


class _FloatType:
    """Stands in for `numpy.dtype`: knows 64-bit floats alone."""

    order = "<"

    def __init__(self, code: str, *_: object) -> None:
        if code != "f8":
            raise DamagedFile(
                f"the pickle holds numbers of the type '{shortened(str(code), 20)}'", "Only 64-bit floats are expected."
            )

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = ">" if state[1] == ">" else "<"


def _scalar(kind: object, data: bytes) -> float:
    """Stands in for numpy's reconstruction of a scalar, in all versions of numpy."""
    if not isinstance(kind, _FloatType):
        raise DamagedFile("the pickle holds a number without a type", _HINT)
    return float(struct.unpack(f"{kind.order}d", data)[0])


NUMPY_SCALARS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _FloatType,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}
"""What a pickle with numpy's float64 scalars needs; they become Python floats."""


class _Unpickler(pickle._Unpickler):
    """Resolves the allowed names to their replacements, imports nothing and keeps the limits."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]] for name in _OPERATIONS
    }

    stack: list[Any]
    pop_mark: Callable[[], list[Any]]

    def __init__(
        self, content: BytesIO, allowed: Mapping[tuple[str, str], Callable[..., Any]], where: str, encoding: str
    ) -> None:
        super().__init__(content, encoding=encoding)
        self.allowed, self.where = allowed, where
        self.callables = tuple(allowed.values())
        self.left = _AMPLIFICATION * len(content.getbuffer()) + _SPARE

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            found = shortened(f"{module}.{name}", 100)
            raise DamagedFile(f"{self.where} holds a foreign object, {found}", _HINT)
        return self.allowed[module, name]

    def load_reduce(self) -> None:
        """Calls a stand-in."""
        arguments = self.stack.pop()
        self.stack[-1] = self._made(self.stack[-1], arguments)

    def load_newobj(self) -> None:
        """Makes a record by its stand-in."""
        arguments = self.stack.pop()
        self.stack[-1] = self._made(self.stack[-1], arguments)

    def _made(self, stand_in: Any, arguments: Any) -> Any:
        if not isinstance(arguments, tuple) or not any(stand_in is known for known in self.callables):
            raise DamagedFile(f"{self.where} calls what is no function", _HINT)
        made = stand_in(*arguments)
        self._charge(made)
        return made

    def load_build(self) -> None:
        """Gives a record its values."""
        state, record = self.stack.pop(), self.stack[-1]
        if isinstance(record, type) or not any(type(record) is known for known in self.callables):
            raise DamagedFile(f"{self.where} changes what is no record", _HINT)
        record.__setstate__(state)
        self._charge(record)

    def _charge(self, made: object) -> None:
        values = getattr(made, "values", made) if type(made) in self.callables else made
        self.left -= values.nbytes if isinstance(values, np.ndarray) else len(values) if isinstance(values, str | bytes) else 0
        if self.left < 0:
            raise DamagedFile(f"{self.where} holds far more than its size", _HINT)

    def load_setitem(self) -> None:
        """Adds to a mapping, by a plain key."""
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def load_setitems(self) -> None:
        """Adds to a mapping, by plain keys."""
        self._set(self.pop_mark())

    def load_dict(self) -> None:
        """Makes a mapping of plain keys."""
        items = self.pop_mark()
        self.stack.append({})
        self._set(items)

    def _set(self, items: list[Any]) -> None:
        mapping = self.stack[-1]
        if type(mapping) is not dict:
            raise DamagedFile(f"{self.where} adds to what is no mapping", _HINT)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not _is_plain(key) and not (type(key) is tuple and all(map(_is_plain, key))):
                raise DamagedFile(f"{self.where} has a key that is no text, number or tuple of these", _HINT)
            mapping[key] = value

    def load_append(self) -> None:
        """Adds to a list."""
        value = self.stack.pop()
        self._extend([value])

    def load_appends(self) -> None:
        """Adds to a list."""
        self._extend(self.pop_mark())

    def load_additems(self) -> None:
        """Adds plain members to a set."""
        items = self.pop_mark()
        if type(self.stack[-1]) is not set or not all(map(_is_plain, items)):
            raise DamagedFile(f"{self.where} has members of a set that are no text or number", _HINT)
        self.stack[-1].update(items)

    def _extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise DamagedFile(f"{self.where} adds to what is no list", _HINT)
        self.stack[-1].extend(items)


for _operation, _method in {
    pickle.REDUCE: _Unpickler.load_reduce,
    pickle.NEWOBJ: _Unpickler.load_newobj,
    pickle.BUILD: _Unpickler.load_build,
    pickle.SETITEM: _Unpickler.load_setitem,
    pickle.SETITEMS: _Unpickler.load_setitems,
    pickle.DICT: _Unpickler.load_dict,
    pickle.APPEND: _Unpickler.load_append,
    pickle.APPENDS: _Unpickler.load_appends,
    pickle.ADDITEMS: _Unpickler.load_additems,
}.items():
    _Unpickler.dispatch[_operation[0]] = _method


def _is_plain(key: object) -> bool:
    return type(key) in _ATOMS and not (isinstance(key, int) and key.bit_length() > _MOST_BITS)


def load_restricted(path: Path, allowed: Mapping[tuple[str, str], Callable[..., Any]], encoding: str = "ASCII") -> Any:
    """Reads a pickle that may name nothing but what is allowed.

    Args:
        path: The file, of at most 512 MiB.
        allowed: (module, name) as the pickle writes them -> the harmless class or function that takes their place.
        encoding: How to read the byte strings of Python 2; "latin1" keeps each byte.

    Raises:
        DamagedFile: The file names anything else, is cut short, far larger than what it holds, or is no pickle.
    """
    return parse_restricted(read_bounded(path, _MOST_BYTES), allowed, path.name, encoding)


def parse_restricted(
    content: bytes, allowed: Mapping[tuple[str, str], Callable[..., Any]], where: str, encoding: str = "ASCII"
) -> Any:
    """Reads the content of a pickle; see `load_restricted`.

    Args:
        content: The pickle.
        allowed: (module, name) as the pickle writes them -> the harmless class or function that takes their place.
        where: Name of the file, for messages.
        encoding: How to read the byte strings of Python 2; "latin1" keeps each byte.

    Raises:
        DamagedFile: It names anything else, is cut short, or is no pickle.
    """
    return parse_restricted_series(content, 1, allowed, where, encoding)[0]


def parse_restricted_series(
    content: bytes, count: int, allowed: Mapping[tuple[str, str], Callable[..., Any]], where: str, encoding: str = "ASCII"
) -> list[Any]:
    """Reads several pickles that follow each other; see `parse_restricted`.

    Args:
        content: The pickles; what follows them is passed over.
        count: How many there are.
        allowed: As for `parse_restricted`.
        where: Name of the file, for messages.
        encoding: As for `parse_restricted`.

    Raises:
        DamagedFile: As for `parse_restricted`.
    """
    stream = BytesIO(content)
    try:
        return [_Unpickler(stream, allowed, where, encoding).load() for _ in range(count)]
    except DamagedFile:
        raise
    except _FAULTS as error:
        raise DamagedFile(f"{where} cannot be read ({type(error).__name__})", _HINT) from error
