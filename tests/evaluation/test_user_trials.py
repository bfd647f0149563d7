"""A Python function and a shell command as evaluators."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from nag.errors import InvalidRequest
from nag.evaluation.user_trials import FunctionTrial, ShellTrial
from nag.spaces import load_space

SPACE = load_space("nasbench201")
ARCH = SPACE.decode("|none~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|")


def function(text: str, tmp_path: Path, name: str = "score", **options) -> FunctionTrial:
    (tmp_path / "mine.py").write_text(text)
    return FunctionTrial(SPACE, f"{tmp_path / 'mine.py'}:{name}", **options)


def test_a_function_gets_what_it_names(tmp_path):
    trial = function("def score(arch, seed, architecture):\n    return len(arch) + seed + len(architecture.ops)", tmp_path)
    assert trial.run(ARCH, 3).search_value == len(SPACE.encode(ARCH)) + 3 + 8
    assert pickle.loads(pickle.dumps(trial)).run(ARCH, 0).search_value == trial.run(ARCH, 0).search_value


def test_a_mapping_names_search_report_and_side_metrics(tmp_path):
    text = "def score(arch):\n    return {'val': 1, 'test': 2, 'latency': 3}"
    found = function(text, tmp_path, search_metric="val", report_metric="test").run(ARCH, 0)
    assert (found.search_value, found.report_value, found.side) == (1.0, 2.0, {"latency": 3.0})


def test_the_fingerprint_follows_the_file_and_not_its_place(tmp_path):
    first, second, other = (tmp_path / name for name in "abc")
    for folder in (first, second, other):
        folder.mkdir()
    text = "def score(seed):\n    return seed"
    assert function(text, first).fingerprint == function(text, second).fingerprint
    assert function(text + " + 1", other).fingerprint != function(text, first).fingerprint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def other(arch):\n    return 1", "no function 'score'"),
        ("def score(picture):\n    return 1", "wants 'picture'"),
        ("import nothing_like_this", "cannot be imported"),
    ],
)
def test_a_wrong_function_is_told_at_once(tmp_path, text, words):
    with pytest.raises(InvalidRequest, match=words):
        function(text, tmp_path)


@pytest.mark.parametrize(("answer", "words"), [("'good'", "no number"), ("{'a': 1}", "missing"), ("None", "no number")])
def test_an_answer_that_is_no_number_is_told(tmp_path, answer, words):
    with pytest.raises(InvalidRequest, match=words):
        function(f"def score(arch):\n    return {answer}", tmp_path).run(ARCH, 0)


def test_no_shell_reads_what_is_filled_in(tmp_path):
    (tmp_path / "count.py").write_text("import sys, json\nprint('working')\nprint(json.dumps({'value': len(sys.argv[1])}))")
    trial = ShellTrial(SPACE, f"python {tmp_path / 'count.py'} {{arch}}")
    assert trial.run(ARCH, 0).search_value == len(SPACE.encode(ARCH))  # the bars in it are no pipes
    assert ShellTrial(SPACE, f"python {tmp_path / 'count.py'} {{seed}}").run(ARCH, 12345).search_value == 5


def test_the_graph_reaches_the_command_as_json(tmp_path):
    (tmp_path / "ops.py").write_text("import sys, json\nprint(len(json.loads(sys.argv[1])['edges']))")
    assert ShellTrial(SPACE, f"python {tmp_path / 'ops.py'} {{json}}").run(ARCH, 0).search_value == len(ARCH.edges)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python -c 'import sys; sys.exit(\"no memory left\")'", "no memory left"),
        ("python -c 'print(\"done\")'", "last line"),
        ("no_such_program {arch}", "cannot be run"),
    ],
)
def test_a_command_that_fails_is_told_in_its_own_words(command, words):
    with pytest.raises(InvalidRequest, match=words):
        ShellTrial(SPACE, command).run(ARCH, 0)


def test_an_empty_or_unreadable_command_is_refused():
    for command in ("", "echo 'open"):
        with pytest.raises(InvalidRequest, match="command"):
            ShellTrial(SPACE, command)
