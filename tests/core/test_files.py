import json
import os

import pytest

from nag.core.documents import read_json, read_json_lines
from nag.core.errors import DamagedFile, MissingData
from nag.core.files import write_bytes, write_json, write_json_lines, write_text

ROWS = [{"a": 1, "text": "ä\u2028b"}, {"a": None}]


def test_what_is_written_is_read(tmp_path):
    write_json(tmp_path / "deep" / "er" / "a.json", {"a": [1, 2.5, None]})
    assert read_json(tmp_path / "deep" / "er" / "a.json") == {"a": [1, 2.5, None]}
    write_json_lines(tmp_path / "a.jsonl", ROWS)
    assert read_json_lines(tmp_path / "a.jsonl") == ROWS
    write_text(tmp_path / "a.txt", "ä\n")
    assert (tmp_path / "a.txt").read_bytes() == "ä\n".encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "a.txt", "deep"]


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_what_cannot_be_json_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.jsonl"
    write_json_lines(path, ROWS)
    with pytest.raises(TypeError):
        write_json_lines(path, [{"a": 1}, {"a": object()}])
    assert read_json_lines(path) == ROWS


def test_numbers_that_json_does_not_have_become_null_and_no_zero_is_negative(tmp_path):
    row = {"a": float("nan"), "b": [float("inf"), -0.0, (1.5, float("-inf"))], 3: {"c": -0.0}}
    write_json(tmp_path / "a.json", row)
    write_json_lines(tmp_path / "a.jsonl", [row])
    expected = {"a": None, "b": [None, 0.0, [1.5, None]], "3": {"c": 0.0}}
    assert read_json(tmp_path / "a.json") == expected
    assert read_json_lines(tmp_path / "a.jsonl") == [expected]
    assert "-0" not in (tmp_path / "a.json").read_text() + (tmp_path / "a.jsonl").read_text()


def test_missing_files_are_named(tmp_path):
    for read in (read_json, read_json_lines):
        for path in (tmp_path / "none", tmp_path):
            with pytest.raises(MissingData, match=r"does not exist|is not a file") as caught:
                read(path)
            assert str(path) in caught.value.what


@pytest.mark.parametrize("content", [b"", b"{", b"NaN", b"text"])
def test_damaged_json_is_named(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.json' is not JSON"):
        read_json(path)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b'{"a": 1}\n{"a": ', "line 2 of"),
        (b'{"a": 1}\n\n[1]\n', "line 3 of"),
        (b"null\n", "line 1 of"),
        (b"\xff\xfe\n", "a.jsonl' is not UTF-8 text"),
    ],
)
def test_damaged_lines_are_counted(tmp_path, content, where):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(DamagedFile) as caught:
        read_json_lines(path)
    assert where in caught.value.what


def test_blank_lines_and_no_lines_are_fine(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n" + json.dumps(ROWS[1]) + "\n\n", encoding="utf-8")
    assert read_json_lines(path) == [ROWS[1]]
    path.write_text("", encoding="utf-8")
    assert read_json_lines(path) == []
