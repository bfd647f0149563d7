"""Records of a TFRecord file, and fields of a protocol-buffer message, read without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nag.core.errors import DamagedFile

__all__ = ["fields_of", "is_tfrecord", "masked_crc", "read_records"]

_LONGEST = 2**20
_BATCH = 4096
_HINT = "Restore the published file."


def _table() -> np.ndarray:
    """(256,) uint32, the remainders of the Castagnoli polynomial."""
    values: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(0x82F63B78), values >> 1)
    return values.astype(np.uint32)


_TABLE = _table()


def masked_crc(contents: Sequence[bytes]) -> np.ndarray:
    """Masked CRC-32C of each content, as TFRecord files store it: (B,) uint32."""
    lengths = np.array([len(content) for content in contents], dtype=np.int64)
    padded = np.zeros((int(lengths.max(initial=0)), len(contents)), dtype=np.uint8)
    for column, content in enumerate(contents):
        padded[: len(content), column] = np.frombuffer(content, dtype=np.uint8)
    crc: np.ndarray = np.full(len(contents), 0xFFFFFFFF, dtype=np.uint32)
    for position, row in enumerate(padded):
        crc = np.where(position < lengths, _TABLE[(crc ^ row) & 0xFF] ^ (crc >> np.uint32(8)), crc)
    crc = ~crc
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282EAD8)


def is_tfrecord(head: bytes) -> bool:
    """Whether a file begins with the length of a record and its check sum."""
    return len(head) >= 12 and int(masked_crc([head[:8]])[0]) == struct.unpack("<I", head[8:12])[0]


def read_records(path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file, whose check sums are right.

    Raises:
        DamagedFile: It is cut short, a record is longer than 1 MiB, or a check sum is wrong.
    """
    count = 0
    with path.open("rb") as file:
        while True:
            heads: list[bytes] = []
            records: list[bytes] = []
            sums: list[int] = []
            while len(records) < _BATCH and (head := file.read(12)):
                length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else _LONGEST + 1
                if length > _LONGEST:
                    raise DamagedFile(f"{path.name} is cut short or damaged after {count + len(records)} records", _HINT)
                content, tail = file.read(length), file.read(4)
                if len(content) < length or len(tail) < 4:
                    raise DamagedFile(f"{path.name} is cut short after {count + len(records)} records", _HINT)
                heads.append(head[:8])
                records.append(content)
                sums += struct.unpack("<I", head[8:]) + struct.unpack("<I", tail)
            if not records:
                return
            found = np.stack([masked_crc(heads), masked_crc(records)], 1).reshape(-1)
            if (found != np.array(sums, dtype=np.uint32)).any():
                raise DamagedFile(f"{path.name}: a check sum is wrong after {count} records", _HINT)
            count += len(records)
            yield from records


def fields_of(message: bytes) -> dict[int, list[int | float | bytes]]:
    """The fields of a protocol-buffer message: number -> values, of integers, doubles, floats and bytes.

    Raises:
        ValueError: It is no message.
    """
    found: dict[int, list[int | float | bytes]] = {}
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        value: int | float | bytes
        if kind == 0:
            value, place = _varint(message, place)
        elif kind == 2:
            length, place = _varint(message, place)
            value = message[place : place + length]
            if len(value) < length:
                raise ValueError("a field is cut short")
            place += length
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            if place + size > len(message):
                raise ValueError("a field is cut short")
            value = struct.unpack_from("<d" if kind == 1 else "<f", message, place)[0]
            place += size
        else:
            raise ValueError(f"a field of the kind {kind}")
        found.setdefault(number, []).append(value)
    return found


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number is cut short")
