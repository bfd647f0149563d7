"""Documents from outside are read within limits and refused in one line."""

import json
import math

import pytest

from nag.core.documents import Document, check, parse_json, parse_yaml, read_json_lines, shortened
from nag.core.errors import DamagedFile, NagError
from nag.core.numbers import Count, Finite, Name


class Plan(Document):
    name: Name
    budget: Count
    rate: Finite = 0.5


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x",
        "a: 1\na: 2",
        "[" * 5000,
        "- " * 5000,
        "!!python/object/apply:os.system ['true']",
        "a: " + "9" * 5000,
        "? {a: 1}\n: 2",
        "a: b: c",
        "\x00",
        "2026-13-45: 1",
    ],
)
def test_crafted_yaml_is_refused_in_one_line(text):
    with pytest.raises(NagError) as error:
        parse_yaml(text, "mine.yaml")
    assert "mine.yaml" in str(error.value)
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": NaN}', '{"a": -Infinity}', "9" * 5000, '{"a": 1, "a": 2}', "{", ""])
def test_crafted_json_is_refused_in_one_line(text):
    with pytest.raises(DamagedFile) as error:
        parse_json(text, "mine.json")
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


def test_brackets_within_strings_are_no_nesting():
    assert parse_json(json.dumps({"a": '[{"\\' * 500}), "x") == {"a": '[{"\\' * 500}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"budget": 3}, "'name' is missing"),
        ({"name": "-x", "budget": 3}, "'name' is '-x'"),
        ({"name": "$(touch x)", "budget": 3}, "'name'"),
        ({"name": "x", "budget": 3.0}, "'budget' is 3.0"),
        ({"name": "x", "budget": True}, "'budget' is True"),
        ({"name": "x", "budget": 10**12}, "'budget'"),
        ({"name": "x", "budget": 3, "rate": math.nan}, "'rate' is nan"),
        ({"name": "x", "budget": 3, "rate": math.inf}, "'rate' is inf"),
        ({"name": "x", "budget": 3, "budgets": 3}, "Did you mean 'budget'?"),
        ([1], "the whole"),
    ],
)
def test_what_breaks_a_schema_is_named(data, words):
    with pytest.raises(DamagedFile, match="plan") as error:
        check(Plan, data, "plan")
    assert words in str(error.value)


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n\n[2]\n')
    with pytest.raises(DamagedFile, match="line 3"):
        read_json_lines(tmp_path / "a.jsonl")


def test_long_and_unprintable_texts_are_shown_short():
    assert len(shortened("x" * 10**6)) < 300
    assert "\x1b" not in shortened("\x1b[31mred")
