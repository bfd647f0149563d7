"""Help: of the whole program, and of each command with every group and option that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nag.cli.groups import default_of, further_options, groups_of, members, option_lines, root_lines
from nag.core.hints import described

if TYPE_CHECKING:
    from nag.cli.commands import Command

__all__ = ["command_help", "overview"]


def overview(summaries: Mapping[str, str]) -> str:
    """Help of the whole program.

    Args:
        summaries: Command -> what it does, in one line.
    """
    width = max(map(len, summaries))
    lines = [
        "nag generates neural architectures: graph diffusion, guided by a predictor.",
        "",
        "usage: nag COMMAND [key=value ...]      nag COMMAND --help      nag --version",
        "",
        *(f"  {name:<{width}} {summary}" for name, summary in summaries.items()),
        "",
        "Start with: nag quickstart",
    ]
    return "\n".join(lines)


def command_help(name: str, command: Command, words: Sequence[str] = ()) -> str:
    """Help of one command.

    Args:
        name: Its name.
        command: The command.
        words: Further words of the command line; of a group that one of them chooses, as `strategy=evolution`, the options of
            the chosen member are listed.

    Raises:
        InvalidRequest: A word chooses what is not there.
    """
    usage = f"usage: nag {name} {command.positional.upper() + ' ' if command.positional else ''}[key=value ...]"
    chosen = dict(word.partition("=")[::2] for word in words if "=" in word)
    lines = [f"nag {name}: {command.summary}", "", usage, "", "options (key: default):", *_indented(root_lines(command.config))]
    lines += ["", "options of every command:", *_indented(root_lines("base"))]
    for group in sorted(groups_of(command), key=lambda group: group == "tracker"):  # the same of all commands comes last
        lines += ["", *_group_help(name, group, chosen.get(group) or default_of(command, group))]
    return "\n".join([*lines, "", "example:", f"  {command.example}"])


def _group_help(name: str, group: str, member: str) -> list[str]:
    """A group: its members, and the options of one of them."""
    known = members(group)
    width = max(map(len, known))
    lines = [f"{group} (choose with {group}=NAME, change with {group}.key=value):"]
    lines += [f"  {each:<{width}}  {line}".rstrip() for each, line in known.items()]
    lines += [f"options of {group}={member} (of another: nag {name} {group}=NAME --help):"]
    lines += _indented(option_lines(group, member))
    return lines + [f"  {option}: # {described(kind)}" for option, kind in further_options(group, member).items()]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
