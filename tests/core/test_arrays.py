"""Arrays from outside: headers are checked before memory is taken."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from nag.core.arrays import read_npz
from nag.core.errors import DamagedFile, MissingData

ARRAYS = {
    "a": np.arange(6.0).reshape(2, 3),
    "b": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(3, 2)),
    "c": np.array(3),
    "d": np.array(["x", "yz"]),
    "e": np.zeros((0, 5)),
}


def header(text: str, content: bytes = b"") -> bytes:
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin1") + content


def write(path, **members: bytes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path, save):
    save(tmp_path / "x.npz", **ARRAYS)
    found = read_npz(tmp_path / "x.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        found[name].flags.writeable = True
    assert list(read_npz(tmp_path / "x.npz", ["c", "a"])) == ["c", "a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }"), "claims 8796093022208 bytes"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }", bytes(16)), "claims|cut short"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", bytes(16)), "objects"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", bytes(16)), "claims"),
        (header("[" * 100), "readable"),
        (b"garbage", "readable"),
        (b"", "readable"),
    ],
)
def test_headers_that_do_not_fit_are_refused(tmp_path, content, message):
    with pytest.raises(DamagedFile, match=message):
        read_npz(write(tmp_path / "x.npz", a=content))


def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(100_000))
    with pytest.raises(DamagedFile, match="more than 1000 bytes"):
        read_npz(tmp_path / "x.npz", limit=1000)


def test_what_unpacks_to_far_more_than_its_size_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(2**25))
    with pytest.raises(DamagedFile, match="readable"):
        read_npz(tmp_path / "x.npz")


def test_missing_files_and_arrays_are_named(tmp_path):
    with pytest.raises(MissingData, match="does not exist"):
        read_npz(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", a=np.zeros(1))
    with pytest.raises(DamagedFile, match="no array 'b'"):
        read_npz(tmp_path / "x.npz", ["b"])
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:-30])
    with pytest.raises(DamagedFile, match="readable"):
        read_npz(tmp_path / "x.npz")
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    (tmp_path / "x.npz").write_bytes(buffer.getvalue())
    with pytest.raises(DamagedFile, match="readable"):
        read_npz(tmp_path / "x.npz")
