import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.spaces import enumerate_space
from nag.tasks import list_tasks, load_task


def copy(tmp_path, *names):
    for name in names:
        shutil.copyfile(Path(os.environ["NAG_DATA_DIR"]) / name, tmp_path / name)
    return tmp_path


def test_without_a_data_folder_the_hint_names_both_ways(monkeypatch, tmp_path):
    monkeypatch.delenv("NAG_DATA_DIR", raising=False)
    with pytest.raises(MissingData, match=r"data_dir=FOLDER.*NAG_DATA_DIR"):
        load_task("nasbench201/cifar10")
    with pytest.raises(MissingData, match="does not exist"):
        load_task("nasbench201/cifar10", tmp_path / "nowhere")
    with pytest.raises(MissingData, match=r"no nasbench201\.csv\.gz"):
        load_task("nasbench201/cifar10", tmp_path)
    with pytest.raises(MissingData, match=r"no nasbench101\.npz"):
        load_task("nasbench101/cifar10", tmp_path)


def test_listing_is_fast_and_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("NAG_DATA_DIR", str(tmp_path))
    start = time.process_time()
    tasks = list_tasks()
    assert time.process_time() - start < 0.5
    assert len(tasks) == 20
    from_folder = ("nasbench", "tpu_tiles")
    assert all("not available" in line for name, line in tasks.items() if name.startswith(from_folder))
    assert all(line.endswith("(available)") for name, line in tasks.items() if not name.startswith(from_folder))


def test_an_unknown_task_names_the_closest():
    with pytest.raises(InvalidRequest, match="Did you mean 'nas_bench_graph/cora'"):
        load_task("nas_bench_graph/coral")


@pytest.mark.parametrize("name", ["nasbench201.csv.gz", "nasbench101.npz"])
def test_garbage_is_damaged(tmp_path, name):
    (tmp_path / name).write_bytes(b"garbage" * 1000)
    with pytest.raises(DamagedFile, match=name):
        load_task(f"{name.partition('.')[0]}/cifar10", tmp_path)


@pytest.mark.data
@pytest.mark.parametrize("name", ["nasbench201.csv.gz", "nasbench101.npz"])
def test_a_truncated_file_is_damaged_and_found_so_fast(tmp_path, name):
    content = (copy(tmp_path, name) / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    start = time.process_time()
    with pytest.raises(DamagedFile, match=name):
        load_task(f"{name.partition('.')[0]}/cifar10", tmp_path)
    assert time.process_time() - start < 3


@pytest.mark.data
def test_published_optima():
    best = {
        "nasbench201/cifar10": 94.373,
        "nasbench201/cifar10_12ep": 94.373,
        "nasbench201/cifar100": 73.513,
        "nasbench201/cifar100_test": 73.513,
        "nasbench101/cifar10": 0.943176,
    }
    for name, value in best.items():
        task = load_task(name)
        assert task.best == pytest.approx(value, abs=5e-4)
        assert task.report_values[task.rows].max() == task.best
        assert task.percentile(task.best) > 99.98
    assert np.nanargmax(load_task("nasbench201/cifar100").search_values) == 9930


@pytest.mark.data
def test_only_flagged_tasks_search_the_reported_metric():
    flagged = {name: load_task(name).searches_reported_metric for name in list_tasks() if name.startswith("nasbench201")}
    assert flagged == {
        "nasbench201/cifar10": True,
        "nasbench201/cifar10_12ep": False,
        "nasbench201/cifar100": False,
        "nasbench201/cifar100_test": True,
    }


@pytest.mark.data
def test_nasbench201_rows_are_its_native_strings():
    pd = pytest.importorskip("pandas")
    table = load_task("nasbench201/cifar10").table
    natives = [table.space.encode(arch) for arch in table.space.to_architectures(table.dags)]
    assert natives == pd.read_csv(Path(os.environ["NAG_DATA_DIR"]) / "nasbench201.csv.gz")["arch_str"].tolist()
    assert set(table.hashes) == set(table.space.hashes(enumerate_space(table.space)))
    assert len(set(table.canonical.tolist())) == 5_260


@pytest.mark.data
def test_nasbench201_side_metrics():
    task = load_task("nasbench201/cifar10")
    assert sum(metric.endswith("_ms") for metric in task.secondary_metrics) == 22
    vocabulary, ops = task.table.space.vocabulary, task.table.dags.ops.numpy()
    counts = {size: (ops == vocabulary.index(f"nor_conv_{size}")).sum(1) for size in ("3x3", "1x1")}
    flops = 7.78304 + 35.38944 * counts["3x3"] + 3.93216 * counts["1x1"]
    np.testing.assert_allclose(task.table.measured["flops_m_computed"], flops, rtol=1e-9)
    live = task.table.metric("flops_m_computed")  # of the leanest equivalent cell
    assert (live <= flops * (1 + 1e-9)).all()
    assert np.isneginf(task.table.measured["cifar10_naswot"]).sum() == 201
    assert spearmanr(
        task.table.measured["cifar10_test_acc"], task.table.measured["cifar10_val_acc_12ep"]
    ).statistic == pytest.approx(0.772, abs=2e-3)


@pytest.mark.data
def test_optional_files_may_be_absent(tmp_path):
    folder = copy(tmp_path, "nasbench201.csv.gz")
    assert load_task("nasbench201/cifar10", folder).secondary_metrics == ("params_m", "flops_m_computed")
    with pytest.raises(MissingData, match=r"no nasbench201_hp12\.csv\.gz"):
        load_task("nasbench201/cifar10_12ep", folder)


@pytest.mark.data
def test_analog_baseline_agrees_with_nasbench201():
    ours, theirs = load_task("nasbench201/cifar10"), load_task("analog_nasbench/digital")
    places = {digest: row for row, digest in enumerate(theirs.table.hashes)}
    rows = np.array([places[digest] for digest in ours.table.hashes])
    assert sorted(rows.tolist()) == list(range(15_625))
    assert spearmanr(ours.report_values, theirs.report_values[rows]).statistic > 0.98


@pytest.mark.data
@pytest.mark.slow
def test_nasbench101_is_valid_and_without_isomorphic_rows():
    table = load_task("nasbench101/cifar10").table
    assert len(table) == 423_624
    assert table.space.is_valid(table.dags).all()
    assert len(set(table.hashes)) == 423_624


@pytest.mark.data
def test_tables_are_read_once():
    assert load_task("nasbench201/cifar10").table is load_task("nasbench201/cifar100").table
