"""Help is complete, lists explain themselves, and shells complete what help names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from nag.cli import completion
from nag.cli.commands import COMMANDS
from nag.cli.completion import candidates
from nag.cli.groups import default_of, further_options, groups_of, members
from nag.cli.help import command_help
from nag.cli.listing import KINDS
from nag.core.signatures import annotations_of

CONF = Path(__file__).parents[2] / "conf"
EVERY_GROUP = [(name, group) for name, command in COMMANDS.items() for group in groups_of(command)]


@cache
def defaults(config: str) -> dict:
    with initialize_config_module("nag.conf", version_base="1.3"):
        found = OmegaConf.to_container(compose(config))
    assert isinstance(found, dict)
    return found


@cache
def options_of(group: str, member: str) -> dict:
    with initialize_config_module("nag.conf", version_base="1.3"):
        found = OmegaConf.to_container(compose(overrides=[f"+{group}={member}"]))
    assert isinstance(found, dict)
    return found[group]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_option_with_its_default_and_every_group(name):
    command = COMMANDS[name]
    text = command_help(name, command)
    for option in defaults(command.config):
        assert f"\n  {option}:" in text or f"\n{option} (choose with {option}=NAME" in text, option
    assert set(defaults(command.config)) == set(annotations_of(command.schema))


@pytest.mark.parametrize(("name", "group"), EVERY_GROUP)
def test_help_names_every_member_of_a_group_and_the_options_of_the_default(name, group):
    command = COMMANDS[name]
    section = command_help(name, command).split(f"\n{group} (choose with ")[1].split("\n\n")[0]
    assert all(f"\n  {member} " in section or f"\n  {member}\n" in section for member in members(group))
    assert set(members(group)) == {file.stem for file in (CONF / group).glob("*.yaml")}
    options = {*defaults(command.config)[group], *further_options(group, default_of(command, group))}
    for option in set() if f"as {group}=" in section else options:  # those of the member that it builds on stand there
        assert f"\n  {option}:" in section or f"\n  {option}." in section, option


@pytest.mark.parametrize(
    ("name", "group"),
    [
        pytest.param(*pair, marks=[pytest.mark.slow] if pair[1] in {group for _, group in EVERY_GROUP[:place]} else [])
        for place, pair in enumerate(EVERY_GROUP)
    ],
)
def test_help_tells_the_options_of_the_member_that_is_chosen(name, group):
    for member in members(group):
        section = command_help(name, COMMANDS[name], [f"{group}={member}"]).split(f"\noptions of {group}={member} ")[1]
        options = options_of(group, member)
        given = (CONF / group / f"{member}.yaml").read_text()
        inherited = f"as {group}=" in section or ": as " in section
        assert all(f"\n  {option}:" in section for option in options if f"\n{option}:" in given)
        assert inherited or all(f"\n  {option}:" in section for option in options)


def test_help_about_a_member_that_is_not_there_corrects_it(nag):
    found = nag("search strategy=evolutoin --help")
    assert found.code == 2
    assert "Did you mean 'evolution'?" in found.err


def test_list_alone_lists_what_can_be_listed(nag):
    found = nag("list")
    assert found.code == 0
    assert all(f"  {kind} " in found.out for kind in KINDS)
    for kind in KINDS:
        assert nag(f"list {kind}").code == 0


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("sea", {"search"}),
        ("comp", {"completion"}),
        ("list st", {"strategies"}),
        ("search bud", {"budget="}),
        ("search task=nas_bench_graph/co", {"task=nas_bench_graph/cora", "task=nas_bench_graph/computers"}),
        ("show x search_space=nasbench2", {"search_space=nasbench201"}),
        ("search strategy=ev", {"strategy=evolution", "strategy=evolutionary_denoising"}),
        ("search strategy=evolution strategy.t", {"strategy.tournament="}),
        ("train-generator device=c", {"device=cpu", "device=cuda"}),
        ("search resume=t", {"resume=true"}),
        ("search tracker.mode=o", {"tracker.mode=offline", "tracker.mode=online"}),
        ("search store=", set()),
        ("nothing x", set()),
    ],
)
def test_words_go_on_as_the_options_say(line, some):
    assert set(candidates(line.split(), COMMANDS)) == some


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_member_can_be_completed(name):
    assert {f"{option}=" for option in annotations_of(COMMANDS[name].schema)} <= set(candidates([name, ""], COMMANDS))
    for group in groups_of(COMMANDS[name]):
        assert candidates([name, f"{group}="], COMMANDS) == [f"{group}={member}" for member in members(group)]


def script(shell: str) -> str:
    return str(getattr(completion, f"_{shell.upper()}"))


@pytest.fixture
def nag_program(tmp_path):
    """The console script `nag` of this interpreter."""
    program = tmp_path / "nag"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m nag.cli "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "replies"),
    [
        (["sear"], ["search"]),
        (["search", "budg"], ["budget="]),
        (["search", "strategy", "=", "evolution"], ["evolution", "evolutionary_denoising"]),
        (["search", "device", "="], ["auto", "cpu", "cuda"]),
    ],
)
def test_bash_completes(words, replies, nag_program):
    line = " " + " ".join(words).replace(" = ", "=").replace(" =", "=")
    found = subprocess.run(
        ["bash", "-c", f"{script('bash')}\nCOMP_WORDS=({nag_program} {' '.join(words)}); COMP_CWORD={len(words)}\n"
         f'COMP_LINE="{nag_program}{line}"; COMP_POINT=${{#COMP_LINE}}\n_nag\nprintf "%s\\n" "${{COMPREPLY[@]}}"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == replies


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_the_script_for_zsh_asks_for_the_words_of_the_line(nag_program):
    stub = "compdef() { :; }\ncompadd() { shift 4; print -l -- $@; }\n"
    found = subprocess.run(
        ["zsh", "-fc", f"{stub}{script('zsh')}\nwords=({nag_program} search strategy=evolution) CURRENT=3\n_nag"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == ["strategy=evolution", "strategy=evolutionary_denoising"]


def test_completion_prints_the_scripts(nag):
    assert "complete -o nospace -F _nag nag" in nag("completion bash").out
    assert "compdef _nag nag" in nag("completion zsh").out
    assert nag("completion").code == 0
    assert nag("completion tcsh").code == 2
