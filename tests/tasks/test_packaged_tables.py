import pickle
import shutil
import sys
import time

import numpy as np
import pytest
from scipy.stats import spearmanr

from nag.core.data_files import find_package_file
from nag.core.errors import DamagedFile, MissingData
from nag.core.unpickle import NUMPY_SCALARS, load_restricted
from nag.spaces import enumerate_space, load_space
from nag.tasks import load_task
from nag.tasks.benchmarks.analog_nasbench import read_analog_nasbench
from nag.tasks.benchmarks.nas_bench_graph import read_nas_bench_graph
from nag.tasks.benchmarks.packaged import DATASETS, find_analog_nasbench, find_nas_bench_graph

OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
LINKS = ("0,0,0,0", "0,0,0,1", "0,0,1,1", "0,0,1,2", "0,0,1,3", "0,1,1,1", "0,1,1,2", "0,1,2,2", "0,1,2,3")


@pytest.mark.parametrize("dataset", ["cora", "proteins"])
def test_every_key_names_the_architecture_of_its_row(dataset):
    """As the package documents: the last four decimal digits of a key are operations, the rest numbers the link list."""
    table = load_task(f"nas_bench_graph/{dataset}").table
    keys = list(load_restricted(find_nas_bench_graph(dataset), NUMPY_SCALARS))
    natives = [table.space.encode(arch).partition("|") for arch in table.space.to_architectures(table.dags)]
    assert [[OPERATIONS.index(op) for op in ops.split(",")] for _, _, ops in natives] == [
        [int(digit) for digit in f"{key % 10_000:04d}"] for key in keys
    ]
    assert [LINKS.index(links) for links, _, _ in natives] == [key // 10_000 for key in keys]


def test_decoding_a_native_string_gives_the_row():
    table = load_task("nas_bench_graph/cora").table
    for row in range(0, len(table), 997):
        arch = table.architecture(row)
        assert table.space.decode(table.space.encode(arch)) == arch


@pytest.mark.parametrize(
    "dataset", [pytest.param(name, marks=[] if name in ("cora", "arxiv") else [pytest.mark.slow]) for name in DATASETS]
)
def test_graph_tables_are_whole_and_valid(dataset):
    start = time.process_time()
    task = load_task(f"nas_bench_graph/{dataset}")
    assert time.process_time() - start < 1.5
    assert len(task.rows) == (2_021 if dataset == "proteins" else 26_206)
    assert task.table.space.is_valid(task.table.dags).all()
    assert set(task.secondary_metrics) == {"latency", "params_m"} <= set(task.table.metrics)
    assert 0 < task.search_values.min() < task.search_values.max() < 1
    assert spearmanr(task.search_values, task.report_values).statistic > 0.4


def test_graph_table_is_the_whole_space_once():
    table = load_task("nas_bench_graph/cora").table
    assert len(set(table.hashes)) == 26_206
    assert set(table.hashes) == set(table.space.hashes(enumerate_space(table.space)))
    assert len(set(table.canonical.tolist())) == 25_998


def test_analog_table_is_the_whole_space_once():
    table = load_task("analog_nasbench/digital").table
    assert len(table) == 15_625
    assert table.space.is_valid(table.dags).all()
    assert set(table.hashes) == set(table.space.hashes(enumerate_space(table.space)))
    assert len(set(table.canonical.tolist())) == 5_260


def test_analog_tasks_share_one_table():
    tasks = [load_task(f"analog_nasbench/{way}") for way in ("digital", "ptq", "qat", "noisy", "analog")]
    assert len({id(task.table) for task in tasks}) == 1
    assert len({task.report_metric for task in tasks}) == 5
    assert all(task.searches_reported_metric and 80 < task.best < 95 for task in tasks)


def test_analog_cells_without_signal_are_at_chance():
    task = load_task("analog_nasbench/digital")
    dead = task.table.space.to_dags([task.table.space.decode("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")])
    same = task.table.canonical == task.table.classes_of(dead)[0]
    assert same.sum() > 300
    assert np.median(task.report_values[same]) == pytest.approx(10, abs=0.5)


def test_reading_imports_no_package():
    read_nas_bench_graph(find_nas_bench_graph("cora"))
    read_analog_nasbench(find_analog_nasbench())
    assert not {"nas_bench_graph", "analognasbench"} & set(sys.modules)


def test_a_missing_package_is_named():
    with pytest.raises(MissingData, match=r'pip install "nag\[benchmarks\]"'):
        find_package_file("no_such_package", "data", "no-such-package")
    with pytest.raises(MissingData, match=r"no file light/none\.bench"):
        find_nas_bench_graph("none")


@pytest.mark.parametrize(
    ("find", "read"),
    [(lambda: find_nas_bench_graph("cora"), read_nas_bench_graph), (find_analog_nasbench, read_analog_nasbench)],
)
def test_a_truncated_file_is_damaged(tmp_path, find, read):
    path = tmp_path / find().name
    path.write_bytes(find().read_bytes()[:100_000])
    with pytest.raises(DamagedFile, match=path.name):
        read(path)


def test_wrong_contents_are_damaged(tmp_path):
    original = load_restricted(find_nas_bench_graph("proteins"), NUMPY_SCALARS)
    key = next(iter(original))
    short = {k: v for k, v in original.items() if k != key}
    cases = {
        "does not hold 2021": short,
        "lacks a number": {**original, key: {"perf": 1.0}},
        "no architecture": {**short, 99_999: original[key]},
        "outside the search space": {**short, 8: original[key]},
    }
    for number, (message, content) in enumerate(cases.items()):
        path = tmp_path / str(number) / "proteins.bench"
        path.parent.mkdir()
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(DamagedFile, match=message):
            read_nas_bench_graph(path)


def test_a_copy_elsewhere_reads_the_same(tmp_path):
    path = tmp_path / "proteins.bench"
    shutil.copy(find_nas_bench_graph("proteins"), path)
    table = read_nas_bench_graph(path)
    np.testing.assert_array_equal(table.metrics["perf"], load_task("nas_bench_graph/proteins").report_values)


def test_space_has_the_packages_operations():
    assert set(OPERATIONS) <= set(load_space("nas_bench_graph").vocabulary)
