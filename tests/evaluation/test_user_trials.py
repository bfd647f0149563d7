"""A Python function and a shell command as evaluators."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.evaluation.trials.user_trials import FunctionTrial, ShellTrial
from nag.graphs import Architecture
from nag.spaces import load_space
from nag.spaces.codecs import OpList

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
        ("def other(arch):\n    return 1", "no function or class 'score'"),
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


INJECTING = load_space("nasbench101")


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'python mine.py {arch}'",
        "sh -c {arch}",
        "/bin/bash -lc 'echo {json}'",
        "bash -o pipefail -c '{arch}'",
        "env A=1 dash -c 'x {arch}'",
        "docker run image sh -c '{arch}'",
        "zsh -c{arch}",
        "python -c 'print(\"{arch}\")'",
        "python3.11 -c {arch}",
        "perl -e {arch}",
        "node --eval={arch}",
        "node -p {json}",
        "ssh host measure {arch}",
        "nice -n 5 xargs echo {arch}",
        "awk {arch}",
        "sh {arch}",
        "{arch} 1",
        "python mine.py '$(echo {arch})'",
    ],
)
def test_a_placeholder_in_code_is_refused_with_a_way_that_works(command):
    with pytest.raises(InvalidRequest, match=r"code|program") as caught:
        ShellTrial(SPACE, command)
    assert caught.value.hint


@pytest.mark.parametrize(
    "command",
    ["sh mine.sh {arch}", "sh -c 'echo 3' {arch}", "python mine.py -c {arch}", "env A=1 python -u mine.py --arch={arch} {seed}",
     "sh -c 'sleep {seed}; echo 1'", "python mine.py eval {json}", "bash -e mine.sh {arch}"],
)  # fmt: skip
def test_a_placeholder_that_is_an_argument_is_not(command):
    ShellTrial(SPACE, command)


def test_a_value_is_filled_in_once_and_the_environment_has_the_same(tmp_path):
    (tmp_path / "show.py").write_text(
        "import os, sys, json\n"
        "assert sys.argv[1:] == ['a=' + os.environ['NAG_ARCH'], os.environ['NAG_JSON'], os.environ['NAG_SEED']]\n"
        "print(json.loads(os.environ['NAG_JSON'])['arch'] == os.environ['NAG_ARCH'] and 1)\n"
    )
    trial = ShellTrial(SPACE, f"python {tmp_path / 'show.py'} a={{arch}} {{json}} {{seed}}")
    assert trial.run(ARCH, 12).search_value == 1
    odd = Architecture(("input", "{json}", "output"), ((0, 1), (1, 2)))
    (tmp_path / "count.py").write_text("import sys\nprint(len(sys.argv[1]))")
    trial = ShellTrial(INJECTING, f"python {tmp_path / 'count.py'} {{arch}}")
    assert trial.run(odd, 0).search_value == len(INJECTING.encode(odd))  # `{json}` in a name stays as it is


def test_a_quoted_variable_in_shell_code_is_safe(tmp_path):
    trial = ShellTrial(INJECTING, f"sh -c 'cd {tmp_path}; printf %s \"$NAG_ARCH\" | wc -c'")
    odd = Architecture(("input", "$(touch X)`touch Y`'; touch Z;\"", "output"), ((0, 1), (1, 2)))
    assert trial.run(odd, 0).search_value == len(INJECTING.encode(odd))
    assert list(tmp_path.iterdir()) == []


def test_names_that_no_command_can_be_given_are_refused():
    trial = ShellTrial(replace(SPACE, codec=OpList((), 1)), "echo {arch}")
    for name in ("-rf", "a\nb", "a\0b"):
        with pytest.raises(InvalidArchitecture):
            trial.run(Architecture(("input", name, "output"), ((0, 1), (1, 2))), 0)


def test_the_fingerprint_follows_the_programs_content(tmp_path):
    program = tmp_path / "measure"
    found = []
    for number in (1, 2, 1):
        program.write_text(f"#!/bin/sh\necho {number}\n")
        program.chmod(0o755)
        found.append(ShellTrial(SPACE, f"{program} {{arch}}").fingerprint)
    assert found[0] == found[2] != found[1]


def test_a_bare_number_is_no_report_metric(tmp_path):
    """The report value is that of the report metric, or none at all."""
    for text in ("return 1.0", "return {'val': 1.0, 'latency': 2.0}"):
        trial = function(f"def score(arch):\n    {text}", tmp_path, search_metric="val", report_metric="test")
        assert (trial.run(ARCH, 0).search_value, trial.run(ARCH, 0).report_value) == (1.0, None)


def test_a_file_imports_its_neighbours_when_loaded_and_when_called(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "beside_it.py").write_text("VALUE = 2")
    text = "from beside_it import VALUE\ndef score(arch):\n    import late_one\n    return VALUE + late_one.VALUE"
    (tmp_path / "late_one.py").write_text("VALUE = 3")
    before = list(sys.path)
    assert function(text, tmp_path).run(ARCH, 0).search_value == 5
    assert sys.path == before


def test_a_module_in_the_current_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    (tmp_path / "module_in_folder.py").write_text("def score(arch):\n    return 4")
    assert FunctionTrial(SPACE, "module_in_folder:score").run(ARCH, 0).search_value == 4


def test_a_file_may_define_dataclasses(tmp_path):
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
        "def score(arch):\n    return A(3).x"
    )
    assert function(text, tmp_path).run(ARCH, 0).search_value == 3


@pytest.mark.parametrize("text", ["import sys\nsys.exit(3)", "raise SystemExit"])
def test_a_module_that_exits_is_told(tmp_path, text):
    with pytest.raises(InvalidRequest, match="SystemExit"):
        function(text, tmp_path)


def test_a_built_in_function_is_told():
    with pytest.raises(InvalidRequest, match=r"wants|parameters"):
        FunctionTrial(SPACE, "math:floor")
