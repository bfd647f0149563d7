import os
import pickle
import resource

import numpy as np
import pytest
import scipy.sparse

from nag.core.errors import DamagedFile
from nag.core.unpickle import NUMPY_SCALARS, InertRecord, load_restricted
from nag.evaluation.data_sets.pickled_arrays import load_pickled_array, load_pickled_graph, load_pickled_matrix


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


def nested(depth):
    return b"\x80\x02}(" + b"(" * depth + b"t" * depth + b"K\x01u."


HUGE = b"\x80\x02K\x01" + b"r\xff\xff\xff\x7f" + b"."
CRAFTED = {
    "nested tuples as a key": (nested(200_000), "key"),
    "keys that share tuples": (b"\x80\x02}()q\x00" + b"h\x00h\x00\x86q\x00" * 40 + b"h\x00K\x01u.", "key"),
    "numbers that collide": (b"\x80\x02}(" + b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"[:-1] + b"\x7fK\x01u.", None),
    "numbers of many digits as keys": (b"\x80\x02}(\x8a\x10" + b"\x01" * 16 + b"K\x01u.", "key"),
    "state of a class": (b"\x80\x02cm\nC\n(N}X\x01\x00\x00\x00aK\x01stb.", "changes what is no record"),
    "state of a function": (
        b"\x80\x02cnumpy.core.multiarray\nscalar\n}X\x01\x00\x00\x00aK\x01sb.",
        "changes what is no record",
    ),
    "a call of a record": (b"\x80\x02cm\nC\n)\x81)R.", "calls what is no function"),
    "a buffer of a terabyte": (b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".", "cannot be read"),
    "a text of a terabyte": (b"\x80\x05\x8d" + (1 << 40).to_bytes(8, "little") + b"x.", "cannot be read"),
    "a persistent object": (b"\x80\x02K\x01Q.", "cannot be read"),
    "an extension": (b"\x80\x02\x82\x01.", "cannot be read"),
    "items of a record": (b"\x80\x02cm\nC\n)\x81K\x01K\x02s.", "no mapping"),
    "attributes that are no names": (b"\x80\x02cm\nC\n)\x81}K\x01K\x02sb.", "without named values"),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_crafted_streams_are_refused_in_one_line(tmp_path, case):
    content, message = CRAFTED[case]
    path = tmp_path / "crafted.bench"
    path.write_bytes(content)
    allowed = {("m", "C"): InertRecord, **NUMPY_SCALARS}
    if message is None:
        load_restricted(path, allowed)
        return
    with pytest.raises(DamagedFile, match=message) as caught:
        load_restricted(path, allowed)
    assert len(str(caught.value)) < 300
    assert not hasattr(InertRecord, "a")


def test_a_memo_place_far_away_takes_no_memory(tmp_path):
    path = tmp_path / "memo.bench"
    path.write_bytes(HUGE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert load_restricted(path, {}) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def array(content=b"h\x01"):
    """An array of bytes whose content was stored before."""
    shape = b"\x8a\x04" + (100_000).to_bytes(4, "little") + b"\x85"
    state = b"(K\x01" + shape + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R" + state + b"\x89" + content + b"tb"


def test_one_text_is_not_read_as_many_arrays(tmp_path):
    path = tmp_path / "many"
    text = b"\x80\x02](T" + (100_000).to_bytes(4, "little") + b"x" * 100_000 + b"q\x01"
    path.write_bytes(text + array() * 3 + b"e.")
    with pytest.raises(DamagedFile, match="no array of two dimensions"):
        load_pickled_array(path)
    path.write_bytes(text + array() * 200 + b"e.")
    with pytest.raises(DamagedFile, match="far more than its size"):
        load_pickled_array(path)


def test_a_sparse_matrix_without_entries_takes_no_memory(tmp_path):
    def write_matrix(shape):
        matrix = scipy.sparse.csr_matrix(shape, dtype=np.float32)
        (tmp_path / "m").write_bytes(pickle.dumps(matrix, protocol=2))
        return load_pickled_matrix(tmp_path / "m")

    assert write_matrix((3, 4)).shape == (3, 4)
    with pytest.raises(DamagedFile, match="no sparse matrix"):
        write_matrix((8_000, 8_000))


def test_one_list_is_not_read_as_the_neighbours_of_many_nodes(tmp_path):
    path = tmp_path / "graph"
    shared = list(range(300))
    path.write_bytes(pickle.dumps({node: shared for node in range(300)}, protocol=2))
    with pytest.raises(DamagedFile, match="far more than its size"):
        load_pickled_graph(path)
    path.write_bytes(pickle.dumps({node: list(shared) for node in range(30)}, protocol=2))
    assert load_pickled_graph(path).shape == (2, 9_000)
