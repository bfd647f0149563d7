import os
import pickle

import numpy as np
import pytest

from nag.benchmarks.unpickle import NUMPY_SCALARS, InertRecord, load_restricted
from nag.errors import DamagedFile


class Attack:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def write(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_foreign_function_is_named_and_never_run(tmp_path, protocol):
    target = tmp_path / "executed"
    path = write(tmp_path / "evil.bench", {0: {"perf": Attack(target)}}, protocol)
    with pytest.raises(DamagedFile, match=r"foreign object, (posix|nt)\.system"):
        load_restricted(path, NUMPY_SCALARS)
    assert not target.exists()
    pickle.loads(path.read_bytes())
    assert target.exists(), "the attack itself must work, or this test shows nothing"


@pytest.mark.parametrize("name", ["eval", "getattr", "__import__"])
def test_builtins_are_foreign_too(tmp_path, name):
    path = tmp_path / "evil.bench"
    path.write_bytes(f"cbuiltins\n{name}\n.".encode())
    with pytest.raises(DamagedFile, match=f"builtins.{name}"):
        load_restricted(path, NUMPY_SCALARS)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numpy_scalars_become_floats(tmp_path, protocol):
    values = {0: np.float64(1.25), 1: 2.5, 2: np.float64(-np.inf), 3: (1, "text")}
    found = load_restricted(write(tmp_path / "x", values, protocol), {**NUMPY_SCALARS, ("_codecs", "encode"): _encode})
    assert found == values
    assert type(found[0]) is float


def _encode(text, encoding):
    return text.encode(encoding)


def test_both_spellings_of_numpy_are_known(tmp_path):
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        path = tmp_path / "x"
        path.write_bytes(
            b"\x80\x03c" + module.encode() + b"\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00f8\x89\x88\x87R"
            b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            + b"C\x08"
            + np.float64(0.75).tobytes()
            + b"\x86R."
        )
        assert load_restricted(path, NUMPY_SCALARS) == 0.75


def test_other_number_types_are_refused(tmp_path):
    with pytest.raises(DamagedFile, match="type 'i8'"):
        load_restricted(write(tmp_path / "x", np.int64(3)), NUMPY_SCALARS)


def test_every_truncation_is_a_damaged_file(tmp_path):
    content = pickle.dumps({i: {"perf": 0.5 + i, "para": np.float64(i)} for i in range(5)}, protocol=3)
    path = tmp_path / "cut.bench"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DamagedFile, match=r"cut\.bench"):
            load_restricted(path, NUMPY_SCALARS)


def test_garbage_is_a_damaged_file_or_plain_data(tmp_path):
    rng = np.random.default_rng(0)
    path, damaged = tmp_path / "garbage.bench", 0
    for _ in range(200):
        path.write_bytes(rng.bytes(64))
        try:
            load_restricted(path, NUMPY_SCALARS)
        except DamagedFile:
            damaged += 1
    assert damaged > 190


def test_a_record_takes_attributes_and_has_no_behaviour(tmp_path):
    path = tmp_path / "record"
    path.write_bytes(b"\x80\x04\x8c\x01m\x8c\x01C\x93)\x81}\x8c\x01aK\x07sb.")
    record = load_restricted(path, {("m", "C"): InertRecord})
    assert vars(record) == {"a": 7}
