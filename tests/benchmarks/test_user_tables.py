import shutil

import numpy as np
import pytest

from nag.benchmarks import import_table, load_task, read_csv_table
from nag.errors import DamagedFile, InvalidRequest, InvalidSpace, MissingData
from nag.spaces import load_space

SPACE_YAML = """
name: tiny
title: three layers in a row
operations: {conv: parametric, pool: parametric, skip: identity}
nodes: 5
edges: [[0, 1], [1, 2], [2, 3], [3, 4]]
codec: {name: op_list}
"""
CSV = 'arch,top1,test,size\n"conv,conv,pool",91.5,90,3\n"conv, skip,pool",,88,2\n"pool,pool,pool",70,71.25,1\n'
TASK = "space: tiny.yaml\ntable: results.csv\nsearch_metric: top1\nreport_metric: test\nside_metrics: [size]\n"


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "some where" / "else"
    home.mkdir(parents=True)
    (home / "tiny.yaml").write_text(SPACE_YAML)
    (home / "results.csv").write_text(CSV)
    (home / "mine.yaml").write_text(TASK)
    return home


def test_a_users_space_and_table_anywhere_on_disk(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = load_task("some where/else/mine.yaml")
    assert (task.name, task.table.space.name, len(task.table)) == ("mine", "tiny", 3)
    np.testing.assert_array_equal(task.search_values, [91.5, np.nan, 70])
    assert task.rows.tolist() == [0, 2]
    assert task.side_metrics == ("size",)
    assert task.best == 90
    assert load_task(folder / "mine.yaml").table is task.table


def test_a_changed_table_is_read_again(folder):
    before = load_task(folder / "mine.yaml")
    (folder / "results.csv").write_text(CSV + '"skip,conv,conv",1,2,3\n')
    assert len(load_task(folder / "mine.yaml").table) == len(before.table) + 1


def test_lower_can_be_better(folder):
    (folder / "mine.yaml").write_text(TASK + "maximise: false\nname: errors\n")
    task = load_task(folder / "mine.yaml")
    assert (task.name, task.best) == ("errors", 71.25)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TASK + "side_metric: [size]\n", "Did you mean 'side_metrics'"),
        (TASK + "maximise: 3\n", "'maximise' must be true or false"),
        (TASK + "side_metrics: size\n", "'side_metrics' must be a list"),
        ("space: tiny.yaml\ntable: results.csv\n", "'search_metric' is missing"),
        ("- a list\n", "no mapping"),
        ("a: [\n", "is not YAML"),
        (TASK.replace("test", "tset"), "Did you mean 'test'"),
        (TASK.replace("results.csv", "nothing.csv"), "does not exist"),
        (TASK.replace("tiny.yaml", "none.yaml"), "does not exist"),
        (TASK.replace("tiny.yaml", "nasbench2001"), "Did you mean 'nasbench201'"),
    ],
)
def test_a_faulty_task_file_is_refused(folder, text, message):
    (folder / "mine.yaml").write_text(text)
    with pytest.raises((DamagedFile, InvalidRequest, InvalidSpace, MissingData), match=message):
        load_task(folder / "mine.yaml")


def test_a_missing_task_file(tmp_path):
    with pytest.raises(MissingData, match="does not exist"):
        load_task(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('arch,top1\n"conv,conv,pool",1\n\n"conv,conv",2\n', "row 4.*no list of 3"),
        ('arch,top1\n"conv,conv,pool",1\n"conv,conv,pol",2\n', "row 3.*'pol'.*Did you mean 'pool'"),
        ('arch,top1\n"conv,conv,pool",1\n"conv,input,pool",2\n', "row 3.*cannot be 'input'"),
        ('arch,top1\n"conv,conv,pool",high\n', "row 2: 'high' is not a number"),
        ('arch,top1\n"conv,conv,pool",1\n"pool,conv,pool",1\n"conv, conv,pool",2\n', "rows 2 and 4 hold the same"),
        ("arch,top1\nconv,conv,pool,1\n", "row 2 has 4 cells, the header 2"),
        ('model,top1\n"conv,conv,pool",1\n', "no column 'arch'"),
        ('arch,top1,top1\n"conv,conv,pool",1,2\n', "two of one name"),
        ('arch\n"conv,conv,pool"\n', "no metric"),
        ("arch,top1\n", "no rows"),
        ("", "no rows"),
    ],
)
def test_a_faulty_table_is_refused_with_the_row(folder, text, message):
    (folder / "results.csv").write_text(text)
    with pytest.raises(DamagedFile, match=message):
        load_task(folder / "mine.yaml")


def test_a_binary_file_is_no_table(tmp_path):
    (tmp_path / "x.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DamagedFile, match="no CSV file"):
        read_csv_table(tmp_path / "x.csv", load_space("nasbench201"))


def test_isomorphic_strings_are_duplicates(tmp_path):
    inner = ("conv3x3-bn-relu,maxpool3x3", "maxpool3x3,conv3x3-bn-relu")
    text = "arch,acc\n" + "".join(f'"0110/0001/0001/0000:input,{ops},output",1\n' for ops in inner)
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DamagedFile, match="rows 2 and 3 hold the same"):
        read_csv_table(tmp_path / "x.csv", load_space("nasbench101"))


def test_an_imported_table_is_a_task_that_can_be_moved(folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    path = import_table(folder / "results.csv", folder / "tiny.yaml", out, "top1", "test", side_metrics=["size"], name="mine")
    original = load_task(folder / "mine.yaml")
    shutil.rmtree(folder)
    shutil.move(out, tmp_path / "moved")
    monkeypatch.chdir("/")
    task = load_task(tmp_path / "moved" / path.name)
    assert (task.name, task.search_metric, task.report_metric, task.side_metrics) == ("mine", "top1", "test", ("size",))
    assert task.table.hashes == original.table.hashes
    for metric, values in original.table.metrics.items():
        np.testing.assert_array_equal(task.table.metrics[metric], values)
    assert sorted(entry.name for entry in (tmp_path / "moved").iterdir()) == ["space.yaml", "table.csv", "task.yaml"]
    assert '"conv,skip,pool",,88.0,2.0' in (tmp_path / "moved" / "table.csv").read_text()


def test_a_shipped_space_goes_by_name(tmp_path):
    natives = ["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"]
    (tmp_path / "x.csv").write_text("acc,cell\n" + "".join(f"{i / 3},{native}\n" for i, native in enumerate(natives)))
    path = import_table(tmp_path / "x.csv", "nasbench201", tmp_path / "out", "acc", arch_column="cell", maximise=False)
    task = load_task(path)
    assert task.name == "x"
    assert not task.maximise
    assert task.report_values.tolist() == [0, 1 / 3]


def test_a_failed_import_writes_nothing_and_leaves_earlier_results(folder, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InvalidRequest, match="Did you mean 'top1'"):
        import_table(folder / "results.csv", folder / "tiny.yaml", out, "top")
    assert not out.exists()
    import_table(folder / "results.csv", folder / "tiny.yaml", out, "top1")
    before = {entry.name: entry.read_bytes() for entry in out.iterdir()}
    (folder / "results.csv").write_text('arch,top1\n"conv,conv",1\n')
    with pytest.raises(DamagedFile, match="row 2"):
        import_table(folder / "results.csv", folder / "tiny.yaml", out, "top1")
    assert {entry.name: entry.read_bytes() for entry in out.iterdir()} == before


def test_an_import_never_replaces_its_source(folder):
    (folder / "results.csv").rename(folder / "table.csv")
    with pytest.raises(InvalidRequest, match="would replace it"):
        import_table(folder / "table.csv", folder / "tiny.yaml", folder, "top1")
    assert (folder / "table.csv").read_text() == CSV


def test_an_unwritable_folder_is_refused(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match="cannot write"):
        import_table(folder / "results.csv", folder / "tiny.yaml", tmp_path / "file", "top1")
