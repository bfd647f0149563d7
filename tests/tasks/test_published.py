"""Published benchmark files: small ones of each true format, with values of the tables at hand where these are there."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.graphs import DagBatch
from nag.spaces import enumerate_space, load_space
from nag.tasks import import_benchmark, load_task
from nag.tasks.benchmarks.nasbench101 import read_nasbench101
from nag.tasks.benchmarks.nasbench201 import MAIN, TWELVE_EPOCHS, read_nasbench201
from nag.tasks.published.tfrecord import masked_crc

OPS = ("input", "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "output")
CELLS = [  # module hash, adjacency, operations, parameters, mean accuracy
    ("00" * 16, "0110000100010000", "input,conv3x3-bn-relu,maxpool3x3,output", 1_000_000, 0.9),
    ("01" * 16, "011001001000", "input,conv1x1-bn-relu,output", 2_000_000, 0.123456789),
    ("ff" * 16, "0100", "input,output", 227_274, 0.1),
]
CELLS[1] = ("01" * 16, "010001000", *CELLS[1][2:])


def cells_of_nasbench201(count: int) -> pd.DataFrame:
    """Some cells with accuracies on the published grids, each a mean of one to three runs."""
    space = load_space("nasbench201")
    archs = space.to_architectures(enumerate_space(space)[torch.arange(0, 15_625, 15_625 // count)[:count]])
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"index": rng.permutation(15_625)[:count], "arch_str": [space.encode(arch) for arch in archs]})
    frame["cifar10_test_acc"] = rng.integers(1_000, 9_400, count) / 100
    frame["cifar100_test_acc"] = rng.integers(50, 3_600, count) / 50
    frame["cifar100_test_acc_full10k"] = frame["cifar100_test_acc"]
    frame["cifar10_val_acc_12ep"] = rng.integers(2_500, 20_000, count) / 250
    return frame


def runs(index: int, arch: str, accuracies: dict[tuple[str, str], list[float]], epochs: int) -> dict:
    """The state of an `ArchResults`: (data set, part) -> accuracy of each run."""
    results, seeds = {}, {}
    for (data_set, part), values in accuracies.items():
        seeds[data_set] = [777, 888, 999][: len(values)]
        for seed, value in zip(seeds[data_set], values, strict=True):
            run = results.setdefault(
                (data_set, seed),
                {
                    "name": "infer.tiny",
                    "net_state_dict": None,
                    "train_acc1es": {epochs - 1: 99.0},
                    "train_losses": {epochs - 1: 0.1},
                    "train_times": None,
                    "arch_config": {"channel": 16, "num_cells": 5, "arch_str": arch, "class_num": 10},
                    "params": 0.5,
                    "flop": 70.0,
                    "seed": seed,
                    "epochs": epochs,
                    "latency": None,
                    "eval_names": [],
                    "eval_acc1es": {},
                    "eval_times": {},
                    "eval_losses": {},
                },
            )
            run["eval_names"].append(part)
            run["eval_acc1es"][f"{part}@{epochs - 1}"] = value
            run["eval_losses"][f"{part}@{epochs - 1}"] = 1.0
    state = {"arch_index": index, "arch_str": arch, "all_results": results, "dataset_seed": seeds, "clear_net_done": True}
    return state


def info(row: pd.Series, keys: tuple[str, str] = ("12", "200")) -> dict:
    """What the archives hold of a cell."""
    index, arch = int(row["index"]), row["arch_str"]
    long = {
        ("cifar10", "ori-test"): [row["cifar10_test_acc"]],
        ("cifar100", "x-test"): [row["cifar100_test_acc"]],
        ("cifar100", "ori-test"): [row["cifar100_test_acc_full10k"]],
    }
    short = {("cifar10-valid", "x-valid"): [row["cifar10_val_acc_12ep"]]}
    return {keys[0]: runs(index, arch, short, 12), keys[1]: runs(index, arch, long, 200)}


def write_nats_folder(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "NATS-tss-v1_0-3ffb9-simple"
    path.mkdir()
    for _, row in frame.iterrows():
        with bz2.open(path / f"{row['index']:06d}.pickle.pbz2", "wb") as file:
            pickle.dump(info(row), file, protocol=4)
    with bz2.open(path / "meta.pickle.pbz2", "wb") as file:
        pickle.dump(
            {"meta_archs": frame["arch_str"].tolist(), "evaluated_indexes": set(frame["index"].tolist())}, file, protocol=4
        )
    return path


def whole(frame: pd.DataFrame, keys: tuple[str, str]) -> dict:
    infos = {int(row["index"]): info(row, keys) for _, row in frame.iterrows()}
    return {"meta_archs": frame["arch_str"].tolist(), "arch2infos": infos, "evaluated_indexes": set(infos)}


def write_nats_file(folder: Path, frame: pd.DataFrame) -> Path:
    with bz2.open(folder / "NATS-tss-v1_0-3ffb9.pickle.pbz2", "wb") as file:
        pickle.dump(whole(frame, ("12", "200")), file, protocol=4)
    return folder / "NATS-tss-v1_0-3ffb9.pickle.pbz2"


def write_torch(folder: Path, frame: pd.DataFrame, zipped: bool) -> Path:
    path = folder / "NAS-Bench-201-v1_1-096897.pth"
    content = whole(frame, ("less", "full"))
    content["evaluated_indexes"] = list(content["evaluated_indexes"])
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def write_csv(folder: Path, frame: pd.DataFrame) -> Path:
    names = {
        "index": "",
        "arch_str": "ArchitectureString",
        "cifar10_test_acc": "CIFAR10TestAccuracy200Epochs",
        "cifar100_test_acc": "CIFAR100TestAccuracy200Epochs",
    }
    kept = frame[list(names)].rename(columns=names).assign(ImageNetTestAccuracy200Epochs=1.5, UniqueString="(0)")
    kept.to_csv(folder / "nats_bench.csv", index=False)
    return folder / "nats_bench.csv"


FORMATS = {
    "nats folder": write_nats_folder,
    "nats file": write_nats_file,
    "torch zip": lambda folder, frame: write_torch(folder, frame, True),
    "torch legacy": lambda folder, frame: write_torch(folder, frame, False),
    "csv": write_csv,
}


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def message(params: int, test: float, validation: float) -> bytes:
    """A `ModelMetrics` with three `EvaluationData`."""
    found = b""
    for epoch in (0.0, 54.0, 108.0):
        values = (epoch, 3.5 * epoch, 1.0, validation, test)
        data = b"".join(bytes([number << 3 | 1]) + struct.pack("<d", value) for number, value in enumerate(values, start=1))
        data += bytes([6 << 3 | 2]) + varint(4) + b"ckpt"
        found += bytes([1 << 3 | 2]) + varint(len(data)) + data
    return found + bytes([2 << 3]) + varint(params) + bytes([3 << 3 | 1]) + struct.pack("<d", 1234.5)


def write_tfrecord(path: Path, records: list[bytes]) -> Path:
    heads = [struct.pack("<Q", len(record)) for record in records]
    sums = zip(masked_crc(heads).tolist(), masked_crc(records).tolist(), strict=True)
    parts = [
        head + struct.pack("<I", first) + record + struct.pack("<I", second)
        for head, record, (first, second) in zip(heads, records, sums, strict=True)
    ]
    path.write_bytes(b"".join(parts))
    return path


def record(key: str, adjacency: str, operations: str, params: int, test: float, epochs: int = 108) -> bytes:
    content = base64.b64encode(message(params, test, test)).decode()
    return json.dumps([key, epochs, adjacency, operations, content]).encode()


def records_of(cells: list, full: bool = False) -> list[bytes]:
    found = [record(*cell) for _ in range(3) for cell in cells]
    return [record(*cell, epochs=4) for cell in cells] + found if full else found


def test_check_sums_are_those_of_castagnoli():
    """Known values: RFC 3720, appendix B.4."""
    known = {bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43, bytes(range(32)): 0x46DD794E, b"123456789": 0xE3069283, b"": 0}
    found = masked_crc(list(known)).tolist()
    masked = [(((crc >> 15) | (crc << 17) & 0xFFFFFFFF) + 0xA282EAD8) % 2**32 for crc in known.values()]
    assert found == masked


@pytest.mark.parametrize("kind", FORMATS)
def test_cells_of_every_format_are_read_to_the_last_bit(tmp_path, kind):
    frame = cells_of_nasbench201(12)
    told: list[str] = []
    source = FORMATS[kind](tmp_path, frame)
    paths = import_benchmark(source, tmp_path / "out", partial=True, tell=told.append)
    assert told == [f"{source.name}: 12 of 15,625 cells"]
    table = read_nasbench201(tmp_path / "out")
    assert table.notes == ("12 of 15,625 cells",)
    frame = frame.sort_values("index", ignore_index=True)
    assert [table.space.encode(arch) for arch in table.space.to_architectures(table.dags)] == frame["arch_str"].tolist()
    columns = ["cifar10_test_acc", "cifar100_test_acc"]
    if kind != "csv":
        assert [path.name for path in paths] == ["nasbench201.csv.gz", "nasbench201_hp12.csv.gz"]
        columns += ["cifar100_test_acc_full10k", "cifar10_val_acc_12ep"]
        assert load_task("nasbench201/cifar10_12ep", tmp_path / "out").note.endswith("12 of 15,625 cells")
    for column in columns:
        np.testing.assert_array_equal(table.measured[column], frame[column])
    task = load_task("nasbench201/cifar10", tmp_path / "out")
    assert task.report_values.max() == task.best
    before = {path: path.read_bytes() for path in paths}
    assert import_benchmark(source, tmp_path / "out", partial=True) == paths
    assert {path: path.read_bytes() for path in paths} == before


def test_the_mean_over_runs_is_that_of_the_published_interface(tmp_path):
    frame = cells_of_nasbench201(1)
    content = info(frame.iloc[0])
    values = [93.71, 93.64, 93.89]
    as_numpy = [*map(np.float64, values)]
    content["200"] = runs(7, frame["arch_str"][0], {("cifar10", "ori-test"): as_numpy}, 200)
    with bz2.open(tmp_path / "000007.pickle.pbz2", "wb") as file:
        pickle.dump(content, file, protocol=4)
    import_benchmark(tmp_path / "000007.pickle.pbz2", tmp_path / "out", partial=True)
    assert read_nasbench201(tmp_path / "out").measured["cifar10_test_acc"].tolist() == [(values[0] + values[1] + values[2]) / 3]


@pytest.mark.parametrize("full", [False, True])
def test_records_of_nasbench101_are_read_to_the_last_bit(tmp_path, full):
    source = write_tfrecord(tmp_path / "nasbench.tfrecord", records_of(CELLS[::-1], full))
    (path,) = import_benchmark(source, tmp_path / "out", partial=True)
    assert path.name == "nasbench101.npz"
    table = read_nasbench101(tmp_path / "out")
    assert table.notes == ("3 of 423,624 cells",)
    assert table.measured["cifar10_test_acc_108ep_mean3"].tolist() == [cell[4] for cell in CELLS]
    assert (table.measured["params_m"] * 1e6).round().tolist() == [cell[3] for cell in CELLS]
    assert [",".join(arch.ops) for arch in table.space.to_architectures(table.dags)] == [cell[2] for cell in CELLS]
    for row, (_, adjacency, _, _, _) in enumerate(CELLS):
        size = int(table.dags.mask[row].sum())
        assert "".join(map(str, table.dags.adjacency[row, :size, :size].flatten().tolist())) == adjacency
    assert bool(table.space.is_valid(table.dags).all())


def test_a_part_is_told_and_refused_unless_it_is_asked_for(tmp_path):
    source = write_csv(tmp_path, cells_of_nasbench201(5))
    with pytest.raises(DamagedFile, match=r"5 of 15,625 cells\. Use partial=true"):
        import_benchmark(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    source = write_tfrecord(tmp_path / "x.tfrecord", records_of(CELLS))
    with pytest.raises(DamagedFile, match=r"3 of 423,624 cells\. Use partial=true"):
        import_benchmark(source, tmp_path / "out")


def test_an_earlier_table_is_not_replaced(tmp_path):
    frame = cells_of_nasbench201(5)
    import_benchmark(write_csv(tmp_path, frame), tmp_path / "out", partial=True)
    before = (tmp_path / "out" / "nasbench201.csv.gz").read_bytes()
    with pytest.raises(InvalidRequest, match="there already"):
        import_benchmark(write_csv(tmp_path, frame[:3]), tmp_path / "out", partial=True)
    assert (tmp_path / "out" / "nasbench201.csv.gz").read_bytes() == before


FAULTS = {
    "an accuracy off the grid": (lambda frame: frame.assign(cifar10_test_acc=frame["cifar10_test_acc"] + 0.0007), "no share"),
    "an accuracy above 100": (lambda frame: frame.assign(cifar10_test_acc=120.0), "no share"),
    "a cell twice": (lambda frame: pd.concat([frame, frame[:1].assign(index=15_000)]), "twice"),
    "an index twice": (lambda frame: frame.assign(index=3), "twice"),
    "an index that is none": (lambda frame: frame.assign(index=frame["index"] + 15_625), "outside 0 to 15624"),
    "another space": (lambda frame: frame.assign(arch_str="|conv~0|"), "no cell of NAS-Bench-201"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_breaks_a_law_of_the_benchmark_is_refused(tmp_path, fault):
    change, words = FAULTS[fault]
    source = write_csv(tmp_path, change(cells_of_nasbench201(5)))
    with pytest.raises(DamagedFile, match=words):
        import_benchmark(source, tmp_path / "out", partial=True)
    assert not (tmp_path / "out").exists()


def damaged(records: list[bytes], place: int) -> bytes:
    content = bytearray(b"".join(records))
    content[place] ^= 1
    return bytes(content)


RECORD_FAULTS = {
    "a graph with a vertex on no path": ([("00" * 16, "010000000", "input,conv3x3-bn-relu,output", 5, 0.5)], "path"),
    "an unknown operation": ([("00" * 16, "010001000", "input,conv5x5,output", 5, 0.5)], "unknown operation"),
    "a graph that is none": ([("00" * 16, "01", "input,output", 5, 0.5)], "no graph"),
    "an accuracy of two": ([("00" * 16, "0100", "input,output", 5, 2.0)], "no metrics"),
    "a hash that is none": ([("0g" * 16, "0100", "input,output", 5, 0.5)], "no cell"),
}


@pytest.mark.parametrize("fault", RECORD_FAULTS)
def test_records_that_break_a_law_are_refused(tmp_path, fault):
    cells, words = RECORD_FAULTS[fault]
    source = write_tfrecord(tmp_path / "x.tfrecord", records_of(cells))
    with pytest.raises(DamagedFile, match=words):
        import_benchmark(source, tmp_path / "out", partial=True)


def test_damaged_records_are_refused(tmp_path):
    source = write_tfrecord(tmp_path / "x.tfrecord", records_of(CELLS))
    content = source.read_bytes()
    for place in (40, len(content) - 2):
        source.write_bytes(damaged([content], place))
        with pytest.raises(DamagedFile, match="check sum"):
            import_benchmark(source, tmp_path / "out", partial=True)
    source.write_bytes(content[:-7])
    with pytest.raises(DamagedFile, match="cut short"):
        import_benchmark(source, tmp_path / "out", partial=True)
    write_tfrecord(source, records_of(CELLS)[:-1])
    with pytest.raises(DamagedFile, match="2 runs"):
        import_benchmark(source, tmp_path / "out", partial=True)
    write_tfrecord(source, [b"[" * 5_000])
    with pytest.raises(DamagedFile, match="no cell"):
        import_benchmark(source, tmp_path / "out", partial=True)


class Attack:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("kind", ["pbz2", "torch zip", "torch legacy"])
def test_no_code_of_a_file_is_run(tmp_path, kind):
    content = {"arch2infos": {0: Attack(tmp_path / "executed")}}
    path = tmp_path / "evil.pickle.pbz2"
    if kind == "pbz2":
        path.write_bytes(bz2.compress(pickle.dumps(content)))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "torch zip")
    with pytest.raises(DamagedFile, match="foreign object"):
        import_benchmark(path, tmp_path / "out", partial=True)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.pth", b"PK\x03\x04garbage", "no file of torch|cannot be read"),
        ("x.pbz2", b"BZh9garbage", "cannot be unpacked"),
        ("x.pbz2", bz2.compress(bytes(2**26)), "far more than its size"),
        ("x.pbz2", bz2.compress(pickle.dumps([1, 2])), "no results of NAS-Bench-201"),
        ("x.pbz2", bz2.compress(pickle.dumps({"12": 3})), "no results of NAS-Bench-201"),
        ("x.bin", bytes(range(100)), "no published benchmark file"),
        ("x.csv", b"a,b\n1,2\n", "no column of cells"),
        ("x.csv", b"", "no column of cells"),
        ("x.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "cannot be unpacked"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedFile, match=words) as caught:
        import_benchmark(tmp_path / name, tmp_path / "out", partial=True)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(MissingData, match="does not exist"):
        import_benchmark(tmp_path / "none", tmp_path / "out")
    with pytest.raises(MissingData, match=r"holds no 000000\.pickle\.pbz2"):
        import_benchmark(tmp_path, tmp_path / "out")


@pytest.mark.data
@pytest.mark.parametrize("kind", FORMATS)
def test_the_tables_at_hand_come_out_of_every_format(tmp_path, kind):
    data = Path(os.environ["NAG_DATA_DIR"])
    frame, short = (pd.read_csv(data / name, float_precision="round_trip") for name in (MAIN, TWELVE_EPOCHS))
    frame = frame.merge(short, on="index")
    frame = frame.iloc[::300]
    import_benchmark(FORMATS[kind](tmp_path, frame), tmp_path / "out", partial=True)
    table = read_nasbench201(tmp_path / "out")
    columns = ["cifar10_test_acc", "cifar100_test_acc", "params_m", "params_m_cifar100", "flops_m_computed"]
    if kind != "csv":
        columns += ["cifar100_test_acc_full10k", "cifar100_val_acc_derived", "cifar10_val_acc_12ep"]
    for column in columns:
        np.testing.assert_array_equal(table.measured[column], frame[column])


@pytest.mark.data
def test_the_cells_at_hand_come_out_of_records(tmp_path):
    with np.load(Path(os.environ["NAG_DATA_DIR"]) / "nasbench101.npz") as found:
        rows = np.arange(0, 423_624, 9_001)
        arrays = {name: found[name] if name == "op_names" else found[name][rows] for name in found.files}
    cells = []
    for row, size in enumerate(arrays["n_vertices"].tolist()):
        adjacency = "".join(map(str, arrays["adjacency"][row, :size, :size].flatten().tolist()))
        operations = ",".join(OPS[op] for op in arrays["ops"][row, :size].tolist())
        accuracy = float(arrays["cifar10_test_acc_108ep_mean3"][row])
        cells.append((arrays["md5"][row].tobytes().hex(), adjacency, operations, int(arrays["params"][row]), accuracy))
    (path,) = import_benchmark(write_tfrecord(tmp_path / "x.tfrecord", records_of(cells)), tmp_path / "out", partial=True)
    with np.load(path) as made:
        for name, array in arrays.items():
            assert made[name].dtype == array.dtype
            np.testing.assert_array_equal(made[name], array)
    table, whole = read_nasbench101(tmp_path / "out"), load_task("nasbench101/cifar10").table
    taken: DagBatch = whole.dags[torch.from_numpy(rows)]
    assert torch.equal(table.dags.ops, taken.ops)
    assert torch.equal(table.dags.adjacency, taken.adjacency)
