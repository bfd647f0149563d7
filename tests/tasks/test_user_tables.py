import gzip
import shutil
import sys

import numpy as np
import pytest

from nag.core.errors import DamagedFile, InvalidRequest, InvalidSpace, MissingData
from nag.spaces import load_space
from nag.tasks import Metric, TableColumns, import_table, load_task, read_csv_table

SPACE_YAML = """
name: tiny
title: three layers in a row
operations: {conv: parametric, pool: parametric, skip: identity}
nodes: 5
edges: [[0, 1], [1, 2], [2, 3], [3, 4]]
codec: {name: op_list}
"""
CSV = 'arch,top1,test,size\n"conv,conv,pool",91.5,90,3\n"conv, skip,pool",,88,2\n"pool,pool,pool",70,71.25,1\n'
TASK = "space: tiny.yaml\ntable: results.csv\nsearch_metric: top1\nreport_metric: test\nsecondary_metrics: [size]\n"


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
    assert task.secondary_metrics == ("size",)
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
        (TASK.replace("secondary_metrics", "secondary_metric"), "Did you mean 'secondary_metrics'"),
        (TASK + "maximise: 3\n", "'maximise' is 3. Input should be a valid boolean"),
        (TASK.replace("[size]", "size"), "'secondary_metrics' is 'size'. Input should be a valid list"),
        (TASK + "task_features: {classes: .nan}\n", "'task_features.classes' is nan. Input should be a finite number"),
        (TASK + "task_features: {classes: many}\n", "'task_features.classes' is 'many'"),
        (TASK + "descriptor: &a [*a]\n", "alias"),
        (TASK + "name: a\nname: b\n", "a key occurs twice"),
        (TASK.replace("top1", "device"), "no metric 'device'"),
        ("space: tiny.yaml\ntable: results.csv\n", "'search_metric' is missing"),
        ("- a list\n", "'the whole'"),
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


def test_earlier_keys_are_read(folder):
    now = load_task(folder / "mine.yaml")
    earlier = TASK.replace("secondary_metrics", "side_metrics") + "descriptor: {classes: 10}\n"
    (folder / "mine.yaml").write_text(earlier)
    task = load_task(folder / "mine.yaml")
    assert (task.secondary, task.task_features) == (now.secondary, {"classes": 10})
    (folder / "mine.yaml").write_text(earlier + "secondary_metrics: [size]\n")
    with pytest.raises(DamagedFile, match="earlier name"):
        load_task(folder / "mine.yaml")


def test_secondary_metrics_have_directions(folder):
    (folder / "mine.yaml").write_text(TASK.replace("[size]", "{size: maximise}"))
    assert load_task(folder / "mine.yaml").secondary == (Metric("size"),)
    (folder / "mine.yaml").write_text(TASK.replace("[size]", "{size: up}"))
    with pytest.raises(DamagedFile, match="direction of 'size'"):
        load_task(folder / "mine.yaml")


def test_a_task_of_the_users_evaluator(folder):
    (folder / "mine.yaml").write_text("space: tiny.yaml\nsearch_metric: loss\nmaximise: false\n")
    task = load_task(folder / "mine.yaml")
    assert (task.space.name, task.report_metric, task.has_table) == ("tiny", "loss", False)
    assert [(metric.name, metric.maximise) for metric in task.metrics] == [("loss", False)]
    with pytest.raises(InvalidRequest, match="no table"):
        task.measure([])
    with pytest.raises(InvalidRequest, match="no data"):
        assert task.networks


def test_a_missing_task_file(tmp_path):
    with pytest.raises(MissingData, match="does not exist"):
        load_task(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('arch,top1\n"conv,conv,pool",1\n\n"conv,conv",2\n', "row 4.*no list of 3"),
        ('arch,top1\n"conv,conv,pool",1\n"conv,conv,pol",2\n', "row 3.*'pol'.*Did you mean 'pool'"),
        ('arch,top1\n"conv,conv,pool",1\n"conv,input,pool",2\n', "row 3.*cannot be 'input'"),
        ('arch,top1\n"conv,conv,pool",high\n', "row 2: 'high' in column 'top1' is not a number"),
        ('arch,top1\n"conv,conv,pool",1_0\n', "row 2: '1_0'"),
        ('arch,top1\n"conv,conv,pool",1e999\n', "row 2: '1e999'"),
        ('arch;top1;test\n"conv,conv,pool";0,5;0.5\n', "row 2: '0,5' in column 'top1'"),
        (
            'arch,top1,test,note\n"conv,conv,pool",1,1,2\n"pool,conv,pool",1,1,3\n"conv,pool,pool",1,1,four\n',
            "row 4: 'four' in column 'note'",
        ),
        ("arch,top1\nconv,conv,pool,1\n", "row 2 has 4 cells, the header 2"),
        ('model,top1\n"conv,conv,pool",1\n', "no column 'arch'.*arch_column=COLUMN"),
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


def test_isomorphic_strings_are_one_architecture_and_the_repetition_is_told(tmp_path):
    inner = ("conv3x3-bn-relu,maxpool3x3", "maxpool3x3,conv3x3-bn-relu")
    text = "arch,acc\n" + "".join(f'"0110/0001/0001/0000:input,{ops},output",{i}\n' for i, ops in enumerate(inner))
    (tmp_path / "x.csv").write_text(text)
    table = read_csv_table(tmp_path / "x.csv", load_space("nasbench101"))
    assert table.metric("acc").tolist() == [0.5, 0.5]
    assert table.notes == ("1 of 2 rows repeat an architecture: the mean of its rows counts",)


ROWS = [
    ["arch", "top1", "when", "test"],
    ["conv,conv,pool", "91.5", "2024-01-05", "90"],
    ["pool,pool,pool", "", "later", "71.25"],
]


def written(path, rows, separator, pack=False):
    """A table with each cell quoted."""
    text = "".join(separator.join(f'"{cell}"' for cell in row) + "\r\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if pack else text.encode("utf-8-sig"))
    return path


@pytest.mark.parametrize(
    ("name", "separator"), [("x.csv", ","), ("x.csv", ";"), ("x.csv", "\t"), ("x.tsv", "\t"), ("x.txt", ";"), ("x.csv.gz", ";")]
)
def test_tables_of_every_separator_and_packing_read_the_same(folder, name, separator):
    path = written(folder / name, ROWS, separator, pack=name.endswith(".gz"))
    table = read_csv_table(path, load_space(folder / "tiny.yaml"))
    assert table.name == "x"
    assert list(table.metrics) == ["top1", "test"]
    np.testing.assert_array_equal(table.metric("top1"), [91.5, np.nan])
    np.testing.assert_array_equal(table.metric("test"), [90, 71.25])
    assert table.notes == ("ignored columns of text: when",)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_understood(folder, separator):
    rows = [[cell.replace(".", ",") if i else cell for i, cell in enumerate(row)] for row in ROWS]
    table = read_csv_table(written(folder / "x.csv", rows, separator), load_space(folder / "tiny.yaml"))
    np.testing.assert_array_equal(table.metric("top1"), [91.5, np.nan])
    np.testing.assert_array_equal(table.metric("test"), [90, 71.25])


def test_what_is_not_finite_is_missing_and_counted(folder):
    rows = [
        ["arch", "top1"],
        ["conv,conv,pool", "NaN"],
        ["pool,pool,pool", "-inf"],
        ["pool,conv,pool", "3"],
        ["conv,pool,pool", "n/a"],
    ]
    table = read_csv_table(written(folder / "x.csv", rows, ","), load_space(folder / "tiny.yaml"))
    np.testing.assert_array_equal(table.metric("top1"), [np.nan, np.nan, 3, np.nan])
    assert table.notes == ("NaN or infinite, taken as missing: 2 in top1",)


def test_parquet_without_pyarrow_names_the_command(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (folder / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingData, match=r'pip install "nag\[parquet\]"'):
        read_csv_table(folder / "x.parquet", load_space(folder / "tiny.yaml"))


def test_parquet_reads_as_csv_does(folder):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"arch": ["conv,conv,pool", "pool,pool,pool"], "top1": [91.5, None], "when": ["a", "b"], "test": [90, 71]}
    parquet.write_table(pyarrow.table(columns), folder / "x.parquet")
    table = read_csv_table(folder / "x.parquet", load_space(folder / "tiny.yaml"))
    np.testing.assert_array_equal(table.metric("top1"), [91.5, np.nan])
    np.testing.assert_array_equal(table.metric("test"), [90, 71])


def test_a_packed_file_that_is_damaged_or_endless_is_refused(folder, monkeypatch):
    path = written(folder / "x.csv.gz", ROWS, ",", pack=True)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DamagedFile, match="cannot be unpacked"):
        read_csv_table(path, load_space(folder / "tiny.yaml"))
    monkeypatch.setattr("nag.tasks.tables.table_file.MAX_BYTES", 1000)
    path.write_bytes(gzip.compress(b"arch,top1\n" + b"\n" * 10_000))
    with pytest.raises(DamagedFile, match="more than 1000 bytes"):
        read_csv_table(path, load_space(folder / "tiny.yaml"))


def test_features_of_the_data_are_imported_and_notes_are_told(folder, tmp_path):
    told = []
    written(folder / "x.csv", ROWS, ";")
    path = import_table(
        folder / "x.csv",
        folder / "tiny.yaml",
        tmp_path / "out",
        TableColumns("test"),
        task_features={"classes": 10},
        tell=told.append,
    )
    assert told == ["ignored columns of text: when"]
    assert load_task(path).task_features == {"classes": 10}


def test_an_imported_table_is_a_task_that_can_be_moved(folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    path = import_table(
        folder / "results.csv", folder / "tiny.yaml", out, TableColumns("top1", "test", secondary_metrics=["size"]), name="mine"
    )
    original = load_task(folder / "mine.yaml")
    shutil.rmtree(folder)
    shutil.move(out, tmp_path / "moved")
    monkeypatch.chdir("/")
    task = load_task(tmp_path / "moved" / path.name)
    assert (task.name, task.search_metric, task.report_metric, task.secondary_metrics) == ("mine", "top1", "test", ("size",))
    assert task.table.hashes == original.table.hashes
    for metric, values in original.table.metrics.items():
        np.testing.assert_array_equal(task.table.metrics[metric], values)
    assert sorted(entry.name for entry in (tmp_path / "moved").iterdir()) == ["space.yaml", "table.csv", "task.yaml"]
    assert '"conv,skip,pool",,88.0,2.0' in (tmp_path / "moved" / "table.csv").read_text()


def test_a_shipped_space_goes_by_name(tmp_path):
    natives = ["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"]
    (tmp_path / "x.csv").write_text("acc,cell\n" + "".join(f"{i / 3},{native}\n" for i, native in enumerate(natives)))
    path = import_table(tmp_path / "x.csv", "nasbench201", tmp_path / "out", TableColumns("acc", maximise=False, arch="cell"))
    task = load_task(path)
    assert task.name == "x"
    assert not task.maximise
    assert task.report_values.tolist() == [0, 1 / 3]


def test_a_failed_import_writes_nothing_and_leaves_earlier_results(folder, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InvalidRequest, match="Did you mean 'top1'"):
        import_table(folder / "results.csv", folder / "tiny.yaml", out, TableColumns("top"))
    assert not out.exists()
    import_table(folder / "results.csv", folder / "tiny.yaml", out, TableColumns("top1"))
    before = {entry.name: entry.read_bytes() for entry in out.iterdir()}
    (folder / "results.csv").write_text('arch,top1\n"conv,conv",1\n')
    with pytest.raises(DamagedFile, match="row 2"):
        import_table(folder / "results.csv", folder / "tiny.yaml", out, TableColumns("top1"))
    assert {entry.name: entry.read_bytes() for entry in out.iterdir()} == before


def test_an_import_never_replaces_its_source(folder):
    (folder / "results.csv").rename(folder / "table.csv")
    with pytest.raises(InvalidRequest, match="would replace it"):
        import_table(folder / "table.csv", folder / "tiny.yaml", folder, TableColumns("top1"))
    assert (folder / "table.csv").read_text() == CSV


def test_an_unwritable_folder_is_refused(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match="cannot write"):
        import_table(folder / "results.csv", folder / "tiny.yaml", tmp_path / "file", TableColumns("top1"))
